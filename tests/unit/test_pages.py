"""Pages of the project name only what exists, and leave no domain or payload type out."""

import ast
import re
from pathlib import Path

import pytest

from cleanroom.encoding import frame
from cleanroom.errors import CATALOGUE
from enclave.coordinator.services.door import OPEN_TO

ROOT = Path(__file__).parents[2]
PAGES = [
    ROOT / "docs" / "architecture.md",
    ROOT / "docs" / "threat-model.md",
    ROOT / "docs" / "spec" / "protocol-v1.md",
    ROOT / "docs" / "spec" / "receipt-v1.md",
]
PROTOCOL = PAGES[2]
QUOTED = re.compile(r"`([^`\n]+)`")
PLACE = re.compile(r"^(?:cleanroom|enclave|tests|docs|manifests|notebooks|bench)/[\w./-]+$")
DOMAIN = re.compile(r"^cleanroom/[a-z-]+/v1$")
MODULE = re.compile(r"^(?:cleanroom|enclave)(?:\.[a-z_]+)+(?:\.[A-Za-z_]+)?$")
TEST = re.compile(r"^test_\w+$")
LINK = re.compile(r"\]\(([^)#]+)\)")


def shown(page):
    return page.name


def quoted(page, pattern):
    found = [text.partition("::")[0] for text in QUOTED.findall(page.read_text(encoding="utf-8"))]
    return sorted({text for text in found if pattern.match(text)})


def texts_in(package, pattern):
    """Every whole text in the sources of a package that has this form."""
    found = set()
    for path in (ROOT / package).rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Constant) and isinstance(node.value, str | bytes):
                text = node.value if isinstance(node.value, str) else node.value.decode("latin-1")
                if pattern.match(text.rstrip("\0")):
                    found.add(text.rstrip("\0"))
    return found


def names_of_tests():
    return {
        node.name
        for path in (ROOT / "tests").rglob("test_*.py")
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.FunctionDef)
    }


def resolves(dotted):
    """Whether a dotted name is a module, or a name that its module defines."""
    *parents, last = dotted.split(".")
    place, above = ROOT.joinpath(*dotted.split(".")), ROOT.joinpath(*parents)
    if place.is_dir() or place.with_suffix(".py").is_file():
        return True
    sources = [above.with_suffix(".py"), above / "__init__.py"]
    defined = rf"^(?:def|class|async def) {last}\b|^{last}\b *[:=]"
    return any(
        re.search(defined, source.read_text(encoding="utf-8"), re.MULTILINE)
        for source in sources
        if source.is_file()
    )


@pytest.mark.parametrize("page", PAGES, ids=shown)
def test_files_that_a_page_names_exist(page):
    places = [text for text in quoted(page, PLACE) if not DOMAIN.match(text)]
    assert [text for text in places if not (ROOT / text).exists()] == []


@pytest.mark.parametrize("page", PAGES, ids=shown)
def test_links_of_a_page_lead_somewhere(page):
    links = [link for link in LINK.findall(page.read_text(encoding="utf-8")) if "://" not in link]
    assert [link for link in links if not (page.parent / link).exists()] == []


@pytest.mark.parametrize("page", PAGES, ids=shown)
def test_modules_that_a_page_names_exist(page):
    dotted = [text for text in quoted(page, MODULE) if text != "cleanroom.dev"]
    known = {"cleanroom.yaml", "coordinator.cleanroom"}
    assert [text for text in dotted if text not in known and not resolves(text)] == []


@pytest.mark.parametrize("page", PAGES, ids=shown)
def test_tests_that_a_page_names_exist(page):
    known = names_of_tests() | {path.stem for path in (ROOT / "tests").rglob("test_*.py")}
    assert [text for text in quoted(page, TEST) if text not in known] == []


@pytest.mark.parametrize("page", PAGES, ids=shown)
def test_error_codes_that_a_page_names_exist(page):
    codes = re.findall(r"CR-\d{4}", page.read_text(encoding="utf-8"))
    assert [code for code in codes if code not in CATALOGUE] == []


def test_the_protocol_names_every_domain_and_no_other():
    used = texts_in("cleanroom", DOMAIN)
    named = set(re.findall(r"cleanroom/[a-z-]+/v1\b", PROTOCOL.read_text(encoding="utf-8")))
    assert used <= named
    assert named <= used


def test_the_protocol_names_every_payload_type_and_no_other():
    types = re.compile(r"^application/vnd\.[\w.+-]+$")
    assert set(quoted(PROTOCOL, types)) == texts_in("cleanroom", types)


def test_the_protocol_shows_a_frame_as_it_is():
    assert frame("ab", b"\x01\xff", b"").hex() in PROTOCOL.read_text(encoding="utf-8")


def test_the_protocol_names_every_service():
    services = {method.partition("/")[0] for method in OPEN_TO}
    text = PROTOCOL.read_text(encoding="utf-8")
    assert [name for name in sorted(services) if f"`{name}." not in text] == []
