"""Tests that cannot fail are worse than none: every test asserts, and none hides another."""

import ast
from collections import Counter

import pytest

from tests.conftest import WHOLE_ROOMS
from tests.support.source_tree import ROOT, functions, modules, parsed, relative, written

FILES = [path for path in modules("tests") if path.stem.startswith("test_")]
ASSERTING = {"raises", "fail", "warns"}
"""Last words of calls that fail a test."""
ASSERTING_PREFIXES = ("assert_", "check_", "expect_")
"""First words of functions that assert on behalf of a test."""


def asserts(test: ast.AST) -> bool:
    return any(
        isinstance(node, ast.Assert)
        or (isinstance(node, ast.Call) and is_assertion(written(node.func)))
        for node in ast.walk(test)
    )


def is_assertion(name: str) -> bool:
    last = name.rpartition(".")[2]
    return last in ASSERTING or last.startswith(ASSERTING_PREFIXES)


def asserting_functions(tree: ast.Module) -> set[str]:
    return {function.name for function in functions(tree) if asserts(function)}


def calls_one_of(test: ast.AST, names: set[str]) -> bool:
    return any(
        isinstance(node, ast.Call) and written(node.func).rpartition(".")[2] in names
        for node in ast.walk(test)
    )


@pytest.mark.parametrize("path", FILES, ids=relative)
def test_every_test_can_fail(path):
    tree = parsed(path)
    local = asserting_functions(tree)
    idle = [
        f"{relative(path)}:{test.lineno} {test.name}"
        for test in functions(tree)
        if test.name.startswith("test_") and not asserts(test) and not calls_one_of(test, local)
    ]
    assert idle == []


def test_file_names_of_tests_are_unique():
    names = Counter(path.name for path in FILES)
    assert [name for name, times in names.items() if times > 1] == []


@pytest.mark.parametrize("path", FILES, ids=relative)
def test_no_test_hides_another_of_the_same_name(path):
    tops = [node for node in parsed(path).body if isinstance(node, ast.FunctionDef | ast.ClassDef)]
    scopes = [
        tops,
        *(
            [n for n in top.body if isinstance(n, ast.FunctionDef)]
            for top in tops
            if isinstance(top, ast.ClassDef)
        ),
    ]
    hidden = [
        name
        for scope in scopes
        for name, times in Counter(node.name for node in scope).items()
        if times > 1
    ]
    assert hidden == []


@pytest.mark.parametrize("path", FILES, ids=relative)
def test_no_test_replaces_our_own_code_by_a_mock(path):
    mocked = [
        node.lineno
        for node in ast.walk(parsed(path))
        if isinstance(node, ast.Import | ast.ImportFrom)
        and "mock" in ast.unparse(node).replace("monkeypatch", "")
    ]
    assert mocked == []


def test_every_test_file_is_where_its_kind_lives():
    kinds = {"unit", "property", "attacks", "vectors", "cluster", "notebooks", "architecture"}
    strays = [
        relative(path) for path in FILES if path.relative_to(ROOT / "tests").parts[0] not in kinds
    ]
    assert strays == []


def test_what_starts_whole_rooms_lives_where_the_runner_keeps_it_in_one_process():
    marked = [
        relative(path)
        for path in modules("tests")
        for node in ast.walk(parsed(path))
        if written(node) in {"pytest.mark.cluster", "pytest.mark.notebook"}
    ]
    assert [name for name in marked if not name.startswith(WHOLE_ROOMS)] == []
