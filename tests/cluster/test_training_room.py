"""A whole room trains the same model on one worker and on two: the same quality, a receipt each."""

import pytest

from cleanroom.manifest.model import Manifest
from tests.support.manifests import changed
from tests.support.seclusion import require_seclusion
from tests.support.training_gangs import two_classes
from tests.support.trainings import TREES
from tests.support.whole_rooms import whole_room

pytestmark = pytest.mark.cluster

ROUNDS = 30
DATASETS = {"bank": ("customers", "left"), "shop": ("baskets", "right")}


def manifest_of(plain):
    """`model` on one worker, and `together`, which is the same on two."""
    together = changed(plain["computations"]["model"], workers__count=2)
    changes = {
        f"datasets__{name}__allow__computations": ["model", "together"]
        for name, _ in DATASETS.values()
    }
    return Manifest.from_plain(changed(plain, computations__together=together, **changes))


def test_one_worker_and_two_give_the_same_quality(tmp_path):
    require_seclusion()
    plain, tables = two_classes(TREES, rows=6000)
    with whole_room(tmp_path / "room", manifest_of(plain), workers=2) as room:
        bank, shop = room.enter("bank"), room.enter("shop")
        for party, (dataset, side) in zip((bank, shop), DATASETS.values(), strict=True):
            party.add(dataset, tables[side])
        runs = [bank.run(name, rounds=ROUNDS) for name in ("model", "together")]
        alone, together = (run.result("quality", timeout=240).metrics for run in runs)
        assert [len(run.receipt().record.joins) for run in runs] == [1, 2]
    assert together["auc"] == pytest.approx(alone["auc"], abs=0.01)
    assert together["log_loss"] == pytest.approx(alone["log_loss"], abs=0.03)
    assert together["auc"] > 0.85
