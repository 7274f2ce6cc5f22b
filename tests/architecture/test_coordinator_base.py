"""What the coordinator trusts is short: a started one has loaded nothing of the data side."""

import subprocess
import sys

import pytest

from tests.support.source_tree import ROOT

FOREIGN = (
    "numpy",
    "pandas",
    "polars",
    "pyarrow",
    "ray",
    "ruamel",
    "duckdb",
    "click",
    "rich",
    "matplotlib",
)
FOREIGN_ROOMS = (
    "cleanroom.cli",
    "cleanroom.client",
    "cleanroom.collateral",
    "cleanroom.dataset",
    "cleanroom.notebook",
    "enclave.computations",
    "enclave.worker",
)
MAIN = "enclave.coordinator.main"


@pytest.fixture(scope="module")
def loaded() -> set[str]:
    """`sys.modules` of an interpreter that imported everything a coordinator starts with."""
    if not (ROOT / "enclave/coordinator/main.py").is_file():
        pytest.skip("the coordinator has no main yet")
    program = f"import sys, {MAIN}\nprint(*sorted(sys.modules))"
    ran = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True
    )
    return set(ran.stdout.split())


@pytest.mark.parametrize("package", FOREIGN)
def test_the_coordinator_does_not_load(loaded, package):
    assert MAIN in loaded
    assert package not in loaded


@pytest.mark.parametrize("room", FOREIGN_ROOMS)
def test_the_coordinator_does_not_meet(loaded, room):
    assert room not in loaded
