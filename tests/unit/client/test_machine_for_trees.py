"""The doctor says whether this machine can grow trees together with others; it is never fatal."""

import pytest

from cleanroom.client.machine import _tunnel, require_fit


@pytest.fixture
def machine(tmp_path):
    device, limit = tmp_path / "tun", tmp_path / "max_net_namespaces"
    device.touch()
    limit.write_text("1000\n")
    return device, limit


def test_a_device_and_namespaces_are_enough(machine):
    assert _tunnel(*machine).verdict == "ok"


def test_what_is_missing_is_named_and_harms_nothing_else(machine, tmp_path):
    device, limit = machine
    limit.write_text("0\n")
    item = _tunnel(tmp_path / "none", limit)
    assert (item.verdict, item.found) == (
        "note",
        f"no {tmp_path / 'none'} to open, no network namespaces",
    )
    assert require_fit([item]) == [item]
    assert _tunnel(device, limit).found == "no network namespaces"
