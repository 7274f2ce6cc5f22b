"""Every error is documented, used, and speaks as the house speaks."""

import ast
import re

import pytest

from cleanroom.errors import CATALOGUE, CleanroomError
from docs.generate_errors import PAGE, page
from tests.support.source_tree import ROOT, modules, parsed, relative

ERRORS = ROOT / "cleanroom/errors.py"
FAMILIES = {family.__name__: family for family in CleanroomError.__subclasses__()}
ALL_NAMES = {error.__name__ for error in CATALOGUE.values()} | set(FAMILIES)
PROPER_NAMES = {"Arrow", "Ray", "Parquet", "Python", "Milan", "Genoa", "Turin"}
ENTRIES = sorted(CATALOGUE.items())


def test_the_page_of_errors_is_what_the_classes_say():
    assert PAGE.read_text(encoding="utf-8") == page(), "run make generate"


@pytest.mark.parametrize(("code", "error"), ENTRIES, ids=CATALOGUE)
def test_an_error_has_a_code_of_its_family_a_slug_a_meaning_and_a_fix(code, error):
    family = error.__mro__[1]
    number = (
        list(FAMILIES).index(next(name for name in FAMILIES if issubclass(error, FAMILIES[name])))
        + 1
    )
    assert re.fullmatch(rf"CR-{number}\d{{3}}", code)
    assert re.fullmatch(r"[a-z]+(-[a-z]+)*", error.slug)
    assert vars(error)["__doc__"].strip().endswith(".")
    assert error.fix
    assert not error.fix.endswith(".")
    assert error.exit_status == family.exit_status or error in FAMILIES.values()


def test_the_tree_in_the_docstring_names_every_family():
    drawn = re.findall(r"── (\w+)", ast.get_docstring(parsed(ERRORS)) or "")
    assert drawn == list(FAMILIES)


def test_every_error_is_raised_somewhere():
    used = {
        node.id if isinstance(node, ast.Name) else node.attr
        for path in modules()
        if path != ERRORS
        for node in ast.walk(parsed(path))
        if isinstance(node, ast.Name | ast.Attribute)
    }
    unused = sorted(error.__name__ for error in CATALOGUE.values() if error.__name__ not in used)
    assert unused == [], "a promise that nothing keeps: raise it or take it away"


def messages() -> list[tuple[str, str]]:
    """Place and text (with `{}` for values) of every message written where an error is made."""
    found = []
    for path in modules():
        for node in ast.walk(parsed(path)):
            if (
                isinstance(node, ast.Call)
                and getattr(node.func, "id", "") in ALL_NAMES
                and node.args
            ):
                text = literal(node.args[0])
                if text:
                    found.append((f"{relative(path)}:{node.lineno}", text))
    return found


def literal(node: ast.expr) -> str:
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return node.value
    if isinstance(node, ast.JoinedStr):
        return "".join(
            part.value if isinstance(part, ast.Constant) else "{}" for part in node.values
        )
    return ""


def test_messages_start_small_and_end_without_a_full_stop():
    shouting = [
        f"{place}: {text}"
        for place, text in messages()
        if text.endswith((".", "!"))
        or (re.match(r"[A-Z][a-z]+\b", text) and text.split()[0] not in PROPER_NAMES)
    ]
    assert shouting == []


def test_no_bare_exception_is_raised():
    """Callers catch the tree; a mistake of the program itself may be a built-in error."""
    bare = [
        f"{relative(path)}:{node.lineno}"
        for path in modules()
        for node in ast.walk(parsed(path))
        if isinstance(node, ast.Raise)
        and ast.unparse(node.exc or ast.Constant("")).partition("(")[0]
        in {"Exception", "BaseException"}
    ]
    assert bare == []
