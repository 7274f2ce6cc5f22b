"""`import cleanroom` is cheap and shows exactly what is public."""

import ast
import subprocess
import sys

import cleanroom
from tests.support.source_tree import (
    PACKAGES,
    ROOT,
    modules,
    parsed,
    relative,
)

HEAVY = (
    "cryptography",
    "google",
    "grpc",
    "numpy",
    "pandas",
    "polars",
    "pyarrow",
    "pydantic",
    "ray",
    "rich",
    "ruamel",
)


def loaded_by(statement: str) -> set[str]:
    """Top-level names in `sys.modules` of a fresh interpreter after `statement`."""
    program = f"{statement}\nimport sys\nprint(*sorted({{name.partition('.')[0] for name in sys.modules}}))"
    ran = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True
    )
    return set(ran.stdout.split())


def test_every_public_name_is_there():
    missing = [name for name in cleanroom.__all__ if not hasattr(cleanroom, name)]
    assert cleanroom.__all__, "the facade shows nothing"
    assert not missing


def test_public_names_are_listed_in_order_and_once():
    assert list(cleanroom.__all__) == sorted(set(cleanroom.__all__))


def test_the_listing_of_the_facade_is_its_public_surface():
    public = {name for name in dir(cleanroom) if not name.startswith("_")}
    assert set(cleanroom.__all__) <= public


def test_an_unknown_name_is_an_attribute_error():
    assert not hasattr(cleanroom, "no_such_name")


def test_importing_the_facade_loads_nothing_heavy():
    assert loaded_by("import cleanroom") & set(HEAVY) == set()


def test_using_the_contract_loads_neither_grpc_nor_arrow():
    assert (
        loaded_by("import cleanroom.manifest.model") & {"grpc", "numpy", "pyarrow", "ray"} == set()
    )


def test_a_private_name_stays_in_its_module():
    """A leading underscore ends at its module: nobody imports it from elsewhere."""
    reached = [
        f"{relative(path)}:{node.lineno} {alias.name}"
        for path in modules()
        for node in ast.walk(parsed(path))
        if isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] in PACKAGES
        for alias in node.names
        if alias.name.startswith("_")
    ]
    assert reached == []
