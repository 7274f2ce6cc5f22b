"""No field without an enforcing rule: the table of the specification against schema and code."""

import ast
import re
from pathlib import Path

import pytest

from cleanroom.manifest.rules import RULES, WARNINGS
from cleanroom.manifest.schema import leaves

ROOT = Path(__file__).resolve().parents[3]
SPECIFICATION = (ROOT / "docs/spec/manifest-v1.md").read_text(encoding="utf-8")
HEADING = "## Fields and what enforces them"
ROW = re.compile(r"^\| `(?P<field>[^`]+)` \| (?P<rules>`[^|]+`) \|$", re.MULTILINE)
TABLE = {
    row["field"]: re.findall(r"`([^`]+)`", row["rules"])
    for row in ROW.finditer(SPECIFICATION.partition(HEADING)[2])
}


MODULES = (
    "names",
    "parties",
    "attestation",
    "datasets",
    "computations",
    "growing",
    "joining",
    "keeping",
    "networks",
    "training",
    "privacy",
    "prediction",
    "private_training",
)


def _covers(field: str, leaf: str) -> bool:
    if field.endswith(".**"):
        return leaf.startswith(field.removesuffix("**"))
    return field == leaf


def _defined_in(module: str) -> set[str]:
    source = ROOT / f"{module.replace('.', '/')}.py"
    tree = ast.parse(source.read_text(encoding="utf-8"))
    kinds = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)
    return {node.name for node in ast.walk(tree) if isinstance(node, kinds)}


@pytest.mark.parametrize("leaf", leaves())
def test_field_has_exactly_one_row_that_names_its_rule(leaf):
    rows = [field for field in TABLE if _covers(field, leaf)]
    assert len(rows) == 1, f"{leaf} has rows {rows} in docs/spec/manifest-v1.md"
    assert TABLE[rows[0]]


@pytest.mark.parametrize("field", sorted(TABLE))
def test_row_is_about_a_field_that_exists(field):
    assert any(_covers(field, leaf) for leaf in leaves())


@pytest.mark.parametrize("rule", sorted({rule for rules in TABLE.values() for rule in rules}))
def test_named_rule_exists(rule):
    module, _, name = rule.partition(":")
    assert name in _defined_in(module)


def test_table_was_read():
    assert len(TABLE) > 60


def test_rules_of_the_manifest_are_the_functions_of_their_modules():
    folder = ROOT / "cleanroom/manifest/rules"
    written = {
        node.name
        for module in MODULES
        for node in ast.parse((folder / f"{module}.py").read_text(encoding="utf-8")).body
        if isinstance(node, ast.FunctionDef)
        if not node.name.startswith("_") and "Problem]" in ast.unparse(node.returns or node)
    }
    warned = {rule.__name__ for rule in WARNINGS}
    assert {rule.__name__ for rule in RULES} == written - warned
