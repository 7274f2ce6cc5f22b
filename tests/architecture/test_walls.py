"""The floors of the house hold, and the contracts that say so know every room."""

import tomllib

import pytest
from importlinter.cli import lint_imports

from tests.support.source_tree import PACKAGES, ROOT, dotted, modules

CONTRACTS = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"][
    "importlinter"
]["contracts"]
CORE = "the trusted core does no I/O"
NARROW = {
    "the coordinator's trusted base stays small": "enclave.coordinator",
    "the coordinator's decisions are pure": "enclave.coordinator.room",
    "computations are plain functions of Arrow tables": "enclave.computations",
    "only the worker knows Ray": "enclave.worker.cluster",
}
"""Walls that guard one place: whoever builds the place raises the wall."""
STANDING = {dotted(path) for path in modules()}


def layers_of(package: str) -> list[str]:
    (contract,) = (one for one in CONTRACTS if one.get("containers") == [package])
    return contract["layers"]


def test_no_import_goes_up_or_through_a_wall(monkeypatch, capsys):
    monkeypatch.chdir(ROOT)
    exit_status = lint_imports(no_cache=True, no_logo=True)
    report = capsys.readouterr().out
    assert exit_status == 0, report


@pytest.mark.parametrize("package", PACKAGES)
def test_a_room_that_stands_is_not_optional_in_its_layer(package):
    named = [name.strip() for layer in layers_of(package) for name in layer.split("|")]
    optional = {f"{package}.{name.strip('()')}" for name in named if name.startswith("(")}
    assert not optional & STANDING, "take the parentheses away in [tool.importlinter]"


def test_the_trusted_core_is_everything_up_to_the_protocol():
    layers = layers_of("cleanroom")
    floors = [
        layer
        for layer in layers
        if "protocol" in layer or layers.index(layer) > layers.index("manifest")
    ]
    below = {f"cleanroom.{name.strip(' ()')}" for layer in floors for name in layer.split("|")}
    (core,) = (one for one in CONTRACTS if one["name"] == CORE)
    assert below | {"cleanroom.manifest"} == set(core["source_modules"])


@pytest.mark.parametrize(("wall", "place"), NARROW.items(), ids=NARROW.values())
def test_a_place_that_stands_has_its_wall(wall, place):
    raised = {one["name"] for one in CONTRACTS}
    assert wall in raised or place not in STANDING


def test_the_coordinator_may_not_meet_any_room_beside_or_above_the_wire():
    (wall,) = (
        one for one in CONTRACTS if one["name"] == "the coordinator's trusted base stays small"
    )
    layers = layers_of("cleanroom")
    beside = {
        f"cleanroom.{name.strip(' ()')}"
        for layer in layers[: layers.index("protocol")]
        for name in layer.split("|")
    } - {"cleanroom.wire"}
    foreign = beside | {"enclave.computations", "enclave.worker"}
    assert foreign & STANDING <= set(wall["forbidden_modules"])
