"""A worker without torch refuses the order, before it opens a key, and says what it lacks."""

import pytest

from cleanroom.client.machine import _packages
from cleanroom.client.run import Run
from cleanroom.errors import WorkerUnfit
from cleanroom.manifest.model import Manifest
from cleanroom.protocol.run import RunView
from enclave.computations.registry import operations
from enclave.computations.training import optional
from tests.support.joined_trainings import beside
from tests.support.learned_networks import NETWORK
from tests.support.manifests import NOW


def test_the_order_is_refused_where_torch_is_missing(monkeypatch):
    monkeypatch.setattr(optional, "find_spec", lambda _: None)
    manifest = Manifest.from_plain(beside(NETWORK))
    computation = manifest.computations["model"]
    with pytest.raises(WorkerUnfit, match="this worker has no torch") as refused:
        operations["train.torch"].plan(computation, manifest.datasets, {})
    assert refused.value.code == "CR-6010"
    assert "the extra `torch`" in refused.value.hint


def test_whoever_asked_hears_what_the_worker_lacks_and_not_that_it_may_not_ask():
    view = RunView(
        run="r-00000000000000e1",
        computation="model",
        submitter="bank",
        phase="failed",
        submitted_at=NOW,
        engine="process",
        code=WorkerUnfit.code,
        outputs=[],
    )
    with pytest.raises(WorkerUnfit, match="the worker lacks a package that the computation needs"):
        Run(None, view).wait()


def test_the_doctor_looks_for_torch():
    (item,) = [each for each in _packages() if each.name == "package torch"]
    assert item.verdict in ("ok", "note")
    assert item.expected == "installed"
