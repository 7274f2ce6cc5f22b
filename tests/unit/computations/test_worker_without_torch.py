"""A worker without torch refuses the order, before it opens a key, and says what it lacks."""

import pytest

from cleanroom.client.machine import _packages
from cleanroom.errors import RunRefused
from cleanroom.manifest.model import Manifest
from enclave.computations.registry import operations
from enclave.computations.training import optional
from tests.support.joined_trainings import beside
from tests.support.learned_networks import NETWORK


def test_the_order_is_refused_where_torch_is_missing(monkeypatch):
    monkeypatch.setattr(optional, "find_spec", lambda _: None)
    manifest = Manifest.from_plain(beside(NETWORK))
    computation = manifest.computations["model"]
    with pytest.raises(RunRefused, match="this worker has no torch") as refused:
        operations["train.torch"].plan(computation, manifest.datasets, {})
    assert refused.value.code == "CR-6001"


def test_the_doctor_looks_for_torch():
    (item,) = [each for each in _packages() if each.name == "package torch"]
    assert item.verdict in ("ok", "note")
    assert item.expected == "installed"
