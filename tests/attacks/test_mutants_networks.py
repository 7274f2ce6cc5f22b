"""Each thing that keeps a joint network tame, alike and alone is taken away once."""

from contextlib import nullcontext
from importlib.util import find_spec

import numpy as np
import pytest
from safetensors.numpy import load

from cleanroom.errors import ManifestRule, WorkerUnfit
from cleanroom.manifest.checks import check
from cleanroom.manifest.model import Manifest
from enclave.computations.registry import operations
from enclave.computations.training import networks, optional
from tests.support.breaches import Mutant, assert_gets_through, shown
from tests.support.joined_trainings import LABEL, beside, people
from tests.support.learned_networks import NETWORK
from tests.support.mutants import passes, returns
from tests.support.trainings import feature, halves, train, training_plain

FITS = "enclave.computations.training.networks"
TORCH = pytest.mark.skipif(find_spec("torch") is None, reason="the extra [torch] is not installed")


def tables(rows=None, *more):
    return halves(people(300) if rows is None else rows, ["a", "bought", *more], ["b", "c"])


def a_network_that_runs_away():
    """Rows that drive weights up end the fit at the epoch before: no weight is ever larger."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(networks, "HEAVIEST", 1.0)
        found = train(beside({**NETWORK, "learning_rate": "0.05"}), tables(), {"epochs": 60})
    assert max(np.abs(each).max() for each in load(found.model_bytes[1]).values()) <= 1


def coins_that_another_run_left_behind():
    """What was drawn before in this process, by whomever, is not seen in a network."""
    torch = pytest.importorskip("torch")
    found = []
    for seed in (1, 2):
        torch.manual_seed(seed)
        found.append(train(beside(NETWORK), tables()).model_bytes)
    assert found[0] == found[1]


def a_row_that_weighs_nearly_nothing():
    """Whoever brings rows of hardly any weight hardly changes what the network says."""
    rows = people(300)
    light = np.arange(300) % 3 == 0
    rows["w"] = np.where(light, 1e-9, 1.0)
    weight = {"name": "w", "type": "float64", "role": "weight", "bounds": ["0", "10"]}
    plain = training_plain([feature("a"), LABEL, weight], [feature("b"), feature("c")], NETWORK)
    changed = rows.assign(bought=np.where(light, ~rows["bought"], rows["bought"]))
    models = [train(plain, tables(each, "w"), {"epochs": 40}).model for each in (rows, changed)]
    asked = {"left.a": rows["a"], "right.b": rows["b"], "right.c": rows["c"]}
    first, second = (model.predict(asked) for model in models)
    assert np.abs(first - second).max() < 1e-3


def a_row_that_is_as_far_away_as_numbers_go():
    """A network answers rows beyond all bounds with numbers, too, at its recipient's."""
    relu = {**NETWORK, "network": {"hidden": [8], "activation": "relu"}}
    model = train(beside(relu), tables()).model
    far = {"left.a": [1e300, -1e300], "right.b": [1e300, 0.0], "right.c": [-1e300, 1e300]}
    assert np.isfinite(model.predict(far)).all()


def an_order_for_a_worker_without_torch():
    """The order is refused before a key is opened, not found to be impossible later."""
    manifest = Manifest.from_plain(beside(NETWORK))
    computation = manifest.computations["model"]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(optional, "find_spec", lambda _: None)
        with pytest.raises(WorkerUnfit):
            operations["train.torch"].plan(computation, manifest.datasets, {})


def layers_that_overflow():
    """Layers beyond those for which a tame network stays finite are no manifest."""
    wide = {**NETWORK, "network": {"hidden": [4096] * 3, "activation": "relu"}}
    with pytest.raises(ManifestRule, match="expected at most 8 of 1024"):
        check(Manifest.from_plain(beside(wide)))


def a_deep_tower():
    """So are more of them, however narrow."""
    deep = {**NETWORK, "network": {"hidden": [8] * 9, "activation": "relu"}}
    with pytest.raises(ManifestRule, match="expected at most 8 of 1024"):
        check(Manifest.from_plain(beside(deep)))


def unweighted(torch, said, labels, _weights, tell=networks._mean_loss):
    return tell(torch, said, labels, None)


def uncut(part, rows):
    """Rows as the first layer's numbers, wherever they are."""
    complete = np.where(np.isnan(rows), np.array(part.fills), rows)
    with np.errstate(all="ignore"):
        return ((complete - np.array(part.means)) / np.array(part.deviations)).astype(np.float32)


FITTED = [
    Mutant(f"{FITS}:_tame", returns(True), a_network_that_runs_away),
    Mutant(
        f"{FITS}:alone",
        lambda torch, seed: nullcontext((torch, seed)),
        coins_that_another_run_left_behind,
    ),
    Mutant(f"{FITS}:_mean_loss", unweighted, a_row_that_weighs_nearly_nothing),
    Mutant(
        "cleanroom.dataset.network_part:NetworkPart.standard",
        uncut,
        a_row_that_is_as_far_away_as_numbers_go,
    ),
]
SIGNED = [
    Mutant(
        "enclave.computations.training.operation:require_torch",
        passes,
        an_order_for_a_worker_without_torch,
    ),
    Mutant("cleanroom.manifest.rules.networks:trainings", returns(()), layers_that_overflow),
    Mutant("cleanroom.manifest.rules.networks:trainings", returns(()), a_deep_tower),
]


@TORCH
@pytest.mark.parametrize("mutant", FITTED, ids=shown)
def test_a_network_is_led_astray_without_its_check(monkeypatch, mutant):
    assert_gets_through(monkeypatch, mutant)


@pytest.mark.parametrize("mutant", SIGNED, ids=shown)
def test_a_network_is_ordered_without_its_check(monkeypatch, mutant):
    assert_gets_through(monkeypatch, mutant)
