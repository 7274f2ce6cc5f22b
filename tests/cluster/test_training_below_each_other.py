"""A whole room whose parties bring the same columns of different people, up to the receipt."""

import importlib.util

import numpy as np
import pytest

from cleanroom.errors import ParameterOutOfRange
from tests.support.joined_trainings import COLUMNS, LABEL, people
from tests.support.manifests import good_manifest
from tests.support.source_tree import ROOT
from tests.support.trainings import OUTPUTS, TREES, feature, piles, train, training_plain
from tests.support.whole_rooms import whole_room

pytestmark = pytest.mark.cluster

ROWS = 2000
HOW = {
    **TREES,
    "join": "concat",
    "folds": 3,
    "early_stopping": {"rounds": 5},
    "parameters": {
        **TREES["parameters"],
        "learning_rate": {"min": "0.01", "max": "0.50", "default": "0.3"},
    },
    "outputs": {
        **OUTPUTS,
        "quality": {**OUTPUTS["quality"], "compare": "alone"},
        "curve": {"kind": "curve", "recipients": ["bank"], "min_test": 10},
    },
}


def plain_of():
    columns = [*map(feature, COLUMNS), LABEL]
    return training_plain(columns, columns, HOW)


@pytest.fixture(scope="module")
def room(tmp_path_factory):
    plain = plain_of()
    manifest = good_manifest(datasets=plain["datasets"], computations=plain["computations"])
    tables = piles(people(ROWS), 700, shared=50)
    directory = tmp_path_factory.mktemp("below") / "room"
    with whole_room(directory, manifest, workers=1) as running:
        running.bank, running.shop = running.enter("bank"), running.enter("shop")
        running.bank.add("customers", tables["left"])
        running.shop.add("baskets", tables["right"])
        running.tables = tables
        yield running


def test_two_parties_train_on_all_their_rows_and_prove_it(room):
    with pytest.raises(ParameterOutOfRange, match=r"is 0\.6, expected 0\.01 to 0\.50"):
        room.bank.run("model", learning_rate=0.6)
    run = room.bank.run("model", rounds=200, learning_rate=0.10)
    quality, curve, model = (run.result(name) for name in ("quality", "curve", "model"))
    alone = train(plain_of(), room.tables, {"rounds": 200, "learning_rate": "0.1"})
    assert quality.table == alone.table("quality")
    assert list(quality.comparison) == ["bank, shop", "bank", "shop"]
    assert quality.comparison["bank"]["auc"] > 0.5
    assert {"cv_auc_mean", "cv_auc_std"} <= quality.metrics.keys()
    assert model.model.booster.get_dump() == alone.model.booster.get_dump()
    assert set(curve.table["part"].to_pylist()) == {"training", "validation", "test"}
    assert np.all(model.model.predict({name: [0.1] for name in COLUMNS}) > 0)
    receipt = quality.receipt
    assert receipt.verify(room.manifest).predicate.parameters == {
        "learning_rate": "0.1",
        "max_depth": 4,
        "rounds": 200,
    }
    assert second_opinion(receipt, room) == receipt.claimed.to_plain()
    card = run.model_card()
    assert {share.owner for share in card.importance} == {"bank, shop"}


def second_opinion(receipt, room):
    """What the verifier in one file makes of the receipt."""
    path = ROOT / "docs/spec/verify_receipt.py"
    spec = importlib.util.spec_from_file_location("standalone_verifier", path)
    standalone = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(standalone)
    own = room.manifest.manifest
    roots = {root for policy in own.attestation.values() for root in policy.development_roots}
    return standalone.verify(receipt.to_json(), own.to_plain(), roots)
