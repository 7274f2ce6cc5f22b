"""What a party sees of privacy budgets, before and after runs, in Python and at the command line."""

import json

import pytest

from cleanroom.cli.main import run as command
from cleanroom.errors import BudgetExhausted, Usage
from cleanroom.ledger.loss import NOTHING, Loss
from cleanroom.manifest.author import manifest_text
from cleanroom.manifest.plan import exposure_in_words, plan
from cleanroom.protocol.predicate import BudgetPart
from tests.support.budgets import budgeted
from tests.support.hostile_room import identity_of
from tests.support.manifests import good_manifest
from tests.support.private_trainings import private_plain
from tests.support.rooms import coordinator, room_manifest
from tests.unit.client.test_sdk_in_a_real_room import both, bring, counted, working


def loss(epsilon):
    return Loss(epsilon=epsilon, delta="0")


@pytest.fixture
def room(tmp_path):
    """Three runs at 0.3 fit into the bank's budget of 1."""
    manifest = room_manifest(**budgeted(epsilon="1", cost="0.3"))
    with coordinator(tmp_path / "room", manifest) as running:
        yield running


def test_budget_before_during_and_after_a_run(room, tmp_path):
    with both(room, tmp_path) as (bank, shop):
        bring(bank, shop)
        assert bank.budget()["customers"].fits == {"overlap": 3}
        waiting = bank.run("overlap")
        assert shop.budget()["customers"].reserved == loss("0.3")
        with working(room, counted(200)):
            result = waiting.result()
        after = bank.budget()["customers"]
    assert (after.spent, after.reserved, after.left) == (loss("0.3"), NOTHING, loss("0.7"))
    assert result.budget["customers"] == after
    assert result.receipt.claimed.budgets == {
        "customers": BudgetPart(
            limit=loss("1"), before=NOTHING, spent=loss("0.3"), after=loss("0.3")
        )
    }
    assert "0.3 of ε = 1 spent" in str(result.receipt._repr_mimebundle_())
    assert "overlap: 2" in repr(result.budget)
    with pytest.raises(Usage, match=r"'baskets' has no privacy budget here, expected .*customers"):
        result.budget["baskets"]


def test_a_run_beyond_the_budget_is_refused_with_what_is_left(room, tmp_path):
    with both(room, tmp_path) as (bank, shop):
        bring(bank, shop)
        for _ in range(3):
            shop.run("overlap")
        with pytest.raises(BudgetExhausted, match=r"ε = 0\.1 is left") as refused:
            bank.run("overlap")
    assert refused.value.code == "CR-5004"
    assert "cleanroom budget" in refused.value.hint


def test_the_command_tells_the_same_as_a_table_and_as_json(room, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "cleanroom.yaml").write_text(manifest_text(room.manifest))
    identity_of("bank").save(tmp_path / "bank.key")
    words = ["budget", "--coordinator", room.address, "--allow-simulated"]
    assert command(words) == 0
    assert "customers  bank   ε = 1" in capsys.readouterr().out
    assert command([*words, "--json"]) == 0
    told = json.loads(capsys.readouterr().out)["customers"]
    assert told["left"] == {"epsilon": "1", "delta": "0"}
    assert told["fits"] == {"overlap": 3}


def test_a_room_without_budgets_says_so(tmp_path):
    with coordinator(tmp_path / "room") as room, both(room, tmp_path) as (bank, _):
        assert len(bank.budget()) == 0
        assert bank.budget().to_json() == {}


def test_the_plan_says_what_a_budget_is_enough_for():
    manifest = good_manifest(**budgeted(epsilon="1", cost="0.3"))
    told = plan(manifest).to_text()
    assert (
        "bank, of `customers`: at most ε = 1 about all rows with the same `email`, "
        "enough for 3 runs of overlap (ε = 0.3 each); never refilled"
    ) in told
    assert (
        "at most 100 noisy overlap counts of the units in `customers` and `baskets` of bank and "
        "shop with the same `email`, each with noise of ε = 0.3 (within 10 units in 95 of 100 "
        "runs), then rounded to the nearest 10; withheld where the noisy count is below 100 units"
    ) in told
    own, partner = exposure_in_words(manifest, "bank"), exposure_in_words(manifest, "shop")
    assert any(words.startswith("of `customers`, all runs together tell") for words in own)
    assert not any(words.startswith("of `customers`") for words in partner)


def test_the_plan_of_a_training_with_noise_says_what_it_costs():
    plain = private_plain("0.5")
    manifest = good_manifest(datasets=plain["datasets"], computations=plain["computations"])
    planned = plan(manifest)
    told = planned.to_text()
    (model,) = [each.words for each in planned.learnings if each.output == "model"]
    assert (
        "trained on the units in `customers` and `baskets` of bank and shop with the same `id`, to "
        "keep and use for ever; with noise of ε = 0.5, δ = 0.000000001 in all outputs of a run "
        "together, withheld where the noisy number of units learned from is below 10 units"
    ) in model
    assert "enough for 2,000 runs of model (ε = 0.5, δ = 0.000000001 each)" in told
    assert "may remember rows" not in told


def test_a_budget_that_nothing_is_charged_to_is_told_as_such():
    unit = {"unit": ["email"], "epsilon": "1"}
    told = plan(good_manifest(datasets__customers__privacy=unit)).to_text()
    assert "ε = 1 about all rows with the same `email`, which no computation is charged to" in told
