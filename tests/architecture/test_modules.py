"""Each module is one idea, says what it is for, and uses the house's words."""

import ast
import re

import pytest

from tests.support.source_tree import ROOT, functions, modules, parsed, relative

LONGEST_MODULE = 350
"""Lines. The house builds in 100 to 250; what is longer is two ideas, or a table."""
LONG_WITH_REASON = {
    "cleanroom/errors.py": "one table: every way to say no",
}
BANNED_WORDS = {
    "manager",
    "helper",
    "helpers",
    "util",
    "utils",
    "handler",
    "handlers",
    "info",
    "common",
    "misc",
}
WORDS_OF_OTHERS = {"TcbInfo": "Intel's name for a signed document (Intel PCS API, TCB Info V3)"}
UNBUILT = re.compile(r"\b(TODO|FIXME|XXX|HACK|raise NotImplementedError)\b")


def length(name: str) -> int:
    return len((ROOT / name).read_text(encoding="utf-8").splitlines())


@pytest.mark.parametrize("path", modules(), ids=relative)
def test_a_module_opens_by_saying_what_it_is_for(path):
    assert (ast.get_docstring(parsed(path)) or "").strip()


def test_no_module_is_longer_than_one_idea():
    long = {relative(path) for path in modules() if length(relative(path)) > LONGEST_MODULE}
    assert long <= set(LONG_WITH_REASON)


@pytest.mark.parametrize("name", LONG_WITH_REASON)
def test_an_exemption_from_length_is_still_needed(name):
    assert length(name) > LONGEST_MODULE


def test_no_module_or_class_is_named_after_nothing():
    files = {
        relative(path) for path in modules() if BANNED_WORDS & set(path.stem.strip("_").split("_"))
    }
    classes = {
        f"{relative(path)}:{node.lineno} {node.name}"
        for path in modules()
        for node in ast.walk(parsed(path))
        if isinstance(node, ast.ClassDef)
        and node.name not in WORDS_OF_OTHERS
        and BANNED_WORDS & {word.lower() for word in re.findall(r"[A-Z][a-z]*", node.name)}
    }
    assert files | classes == set()


def test_nothing_is_left_to_be_built():
    left = [
        f"{relative(path)}:{number}"
        for path in modules("cleanroom", "enclave", "docs", "bench")
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1)
        if UNBUILT.search(line)
    ]
    assert left == []


def test_no_function_only_passes():
    """A body of `pass` or `...` belongs to a Protocol, or says that nothing is what it does."""
    empty = [
        f"{relative(path)}:{function.lineno} {function.name}"
        for path in modules()
        for function in functions(parsed(path))
        if all(is_nothing(line) for line in function.body)
        and function not in of_protocols(parsed(path))
        and not is_nothing_on_purpose(function)
    ]
    assert empty == []


def is_nothing_on_purpose(function: ast.FunctionDef | ast.AsyncFunctionDef) -> bool:
    """A documented command group, a function of arguments it says it ignores, or one that says so."""
    group = any(ast.unparse(mark).startswith("click.group") for mark in function.decorator_list)
    arguments = [one.arg for one in function.args.args]
    ignores = bool(arguments) and all(name.startswith("_") for name in arguments)
    said = ast.get_docstring(function) or ""
    return said.startswith("Nothing ") or (bool(said) and (group or ignores))


def is_nothing(line: ast.stmt) -> bool:
    return isinstance(line, ast.Pass) or (
        isinstance(line, ast.Expr) and isinstance(line.value, ast.Constant)
    )


def of_protocols(tree: ast.Module) -> set[ast.AST]:
    """Methods of protocols, and overloads: they describe and do nothing."""
    described: set[ast.AST] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.ClassDef) and any(
            "Protocol" in ast.unparse(base) for base in node.bases
        ):
            described |= set(functions(node))
        if isinstance(node, ast.FunctionDef) and any(
            "overload" in ast.unparse(mark) for mark in node.decorator_list
        ):
            described.add(node)
    return described
