"""What is checked in: locks, notebooks, licence, and nothing of anybody's machine."""

import json
import re
import tomllib

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from tests.support.source_tree import ROOT, relative, tracked

MACHINE_PATH = re.compile(r"(?<![\w.<])/(work|tmp|root|opt/pypi|opt/wheels|home/\w+)/")
PATHS_ALLOWED_IN = ("tests/", "requirements/", "enclave/image/")
"""Tests try paths; an image is a machine, whose paths are its own."""
TEXT = {
    ".py",
    ".md",
    ".toml",
    ".yaml",
    ".yml",
    ".txt",
    ".proto",
    ".json",
    ".ipynb",
    ".sh",
    ".service",
    ".html",
    "",
}
LOCKS = ("demo", "dev")


def pins(lock: str) -> dict[str, str]:
    text = (ROOT / f"requirements/{lock}.txt").read_text(encoding="utf-8")
    return dict(re.findall(r"^([a-z0-9._-]+)(?:\[[^\]]*\])?==([^ ;\\]+)", text, flags=re.MULTILINE))


def test_no_tracked_file_names_a_path_of_one_machine():
    named = [
        f"{relative(path)}:{number}"
        for path in tracked()
        if path.suffix in TEXT and not relative(path).startswith(PATHS_ALLOWED_IN)
        for number, line in enumerate(
            path.read_text(encoding="utf-8", errors="replace").splitlines(), 1
        )
        if MACHINE_PATH.search(line)
    ]
    assert named == []


def test_notebooks_are_kept_without_outputs():
    kept = [
        relative(path)
        for path in tracked()
        if path.suffix == ".ipynb"
        for cell in json.loads(path.read_text(encoding="utf-8"))["cells"]
        if cell["cell_type"] == "code" and (cell["outputs"] or cell["execution_count"])
    ]
    assert kept == []


def test_no_key_is_checked_in():
    secret = [
        relative(path)
        for path in tracked()
        if path.suffix in {".key", ".p12", ".pfx"} or b"PRIVATE KEY-----\nM" in path.read_bytes()
    ]
    assert secret == []


@pytest.mark.parametrize("lock", LOCKS)
def test_every_pinned_package_has_its_hashes_and_no_address(lock):
    text = (ROOT / f"requirements/{lock}.txt").read_text(encoding="utf-8")
    entries = re.split(r"^(?=[a-z0-9])", text, flags=re.MULTILINE)[1:]
    assert entries
    assert [entry.split()[0] for entry in entries if "--hash=sha256:" not in entry] == []
    assert not re.search(r"https?://|file:|--index|--find-links|--extra-index", text)


def test_the_development_set_holds_everything_the_demo_needs():
    assert pins("demo").items() <= pins("dev").items()


@pytest.mark.parametrize(
    ("extra", "lock"), [(None, "demo"), ("enclave", "demo"), ("notebook", "demo"), ("dev", "dev")]
)
def test_the_locks_hold_what_the_project_asks_for(extra, lock):
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    asked = project["dependencies"] if extra is None else project["optional-dependencies"][extra]
    pinned = pins(lock)
    loose = [
        text
        for text in asked
        if (wanted := Requirement(text)).name != project["name"]
        and not wanted.specifier.contains(pinned.get(canonicalize_name(wanted.name), "0"))
    ]
    assert loose == [], "run make lock"


def test_the_licence_is_the_one_that_is_named():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    licence = (ROOT / "LICENSE").read_text(encoding="utf-8")
    assert project["license"] == "Apache-2.0"
    assert "Apache License" in licence
    assert "END OF TERMS AND CONDITIONS" in licence


@pytest.mark.parametrize("script", [".ci/run", "requirements/install"])
def test_scripts_can_be_run(script):
    assert (ROOT / script).stat().st_mode & 0o111


def test_the_readme_names_the_two_commands():
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    assert "make demo" in readme
    assert "make test" in readme
