"""A whole room with noise: real processes draw it, budgets pay for it, receipts prove it offline."""

import importlib.util

import pytest

from cleanroom.errors import BudgetExhausted
from cleanroom.ledger.loss import Loss
from tests.support.manifests import good_manifest
from tests.support.private_trainings import NOISY_NETWORK, people, private_plain
from tests.support.source_tree import ROOT
from tests.support.trainings import halves
from tests.support.whole_rooms import whole_room

pytestmark = pytest.mark.cluster

ROWS = 4000
COUNT = {
    "op": "intersect.count",
    "on": ["id"],
    "inputs": {
        "left": {"dataset": "customers", "columns": ["id"]},
        "right": {"dataset": "baskets", "columns": ["id"]},
    },
    "submitters": ["bank", "shop"],
    "workers": {"role": "cpu", "count": 1},
    "limits": {"max_runs": 10},
    "outputs": {
        "size": {
            "recipients": ["bank", "shop"],
            "dp": {"mechanism": "laplace", "epsilon": "0.5"},
        }
    },
}


def loss(epsilon, delta="0"):
    return Loss(epsilon=epsilon, delta=delta)


@pytest.fixture(scope="module")
def room(tmp_path_factory):
    """A count and two trainings that share a budget; both datasets are there."""
    plain = private_plain("2")
    network = private_plain("0.4", **NOISY_NETWORK)["computations"]["model"]
    plain["computations"] |= {"overlap": COUNT, "network": network}
    for dataset in plain["datasets"].values():
        dataset["allow"] = {"computations": ["model", "network", "overlap"], "max_releases": 20}
    plain["datasets"]["customers"]["privacy"]["epsilon"] = "3"
    manifest = good_manifest(datasets=plain["datasets"], computations=plain["computations"])
    tables = halves(people(ROWS), ["age", "wealth", "kind", "bought"], ["haste", "late"])
    directory = tmp_path_factory.mktemp("private") / "room"
    with whole_room(directory, manifest, workers=1) as running:
        running.bank, running.shop = running.enter("bank"), running.enter("shop")
        running.bank.add("customers", tables["left"])
        running.shop.add("baskets", tables["right"])
        yield running


def test_a_count_and_a_training_draw_on_one_budget_and_prove_it(room):
    counted = room.shop.run("overlap").result()
    assert counted.table["overlap"][0].as_py() == pytest.approx(ROWS, abs=100)
    assert counted.budget["customers"].fits == {"overlap": 5}
    trained = room.bank.run("model")
    quality, model = trained.result("quality"), trained.result("model")
    assert quality.metrics["auc"] > 0.6
    assert model.model.description.kind == "linear"
    card = trained.model_card()
    assert card.settings["dp.epsilon"] == "2"
    assert card.budgets["customers"].spent == loss("2", "0.000000001")
    assert room.bank.budget()["customers"].left == loss("0.5", "0.000009999")
    with pytest.raises(BudgetExhausted):
        room.bank.run("model")
    for result in (counted, quality):
        assert result.receipt.verify(room.manifest).predicate.budgets
        assert second_opinion(result, room) == result.receipt.claimed.to_plain()
    assert counted.receipt.claimed.budgets["customers"].after == loss("0.5")
    spent = quality.receipt.claimed.budgets["customers"]
    assert (spent.before, spent.after) == (loss("0.5"), loss("2.5", "0.000000001"))


def test_a_network_with_noise_draws_on_what_is_left(room):
    """No worker has torch for it, or needs any."""
    before = room.bank.budget()["customers"].left
    learned = room.bank.run("network", epochs=40)
    model = learned.result("model").model
    assert model.description.kind == "torch"
    said = model.predict({name: [value] for name, value in SOMEBODY.items()})
    assert said.sum() == pytest.approx(1)
    card = learned.model_card()
    assert card.operation == "train.torch"
    assert card.settings["dp.epsilon"] == "0.4"
    assert card.budgets["customers"].spent == loss("0.4", "0.000000001")
    left = before.minus(loss("0.4", "0.000000001"))
    assert room.bank.budget()["customers"].left == left


SOMEBODY = {
    "left.age": 40,
    "left.wealth": 0.5,
    "left.kind": "a",
    "right.haste": 0.1,
    "right.late": True,
}


def second_opinion(result, room):
    """What the verifier in one file makes of the receipt."""
    path = ROOT / "docs/spec/verify_receipt.py"
    spec = importlib.util.spec_from_file_location("standalone_verifier", path)
    standalone = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(standalone)
    own = room.manifest.manifest
    roots = {root for policy in own.attestation.values() for root in policy.development_roots}
    return standalone.verify(result.receipt.to_json(), own.to_plain(), roots)
