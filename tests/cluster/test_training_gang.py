"""A model that two Ray nodes learn together is the model that one worker learns.

Rows have weights, folds are cut, and each party's features are tried alone.
"""

import numpy as np
import pandas as pd
import pytest

from cleanroom.protocol.work import Failed, Finished, Progress, Stop
from tests.support.training_gangs import training_gang, two_classes, written
from tests.support.trainings import LINE, TREES, train

pytestmark = pytest.mark.cluster


@pytest.fixture(scope="module")
def lines(tmp_path_factory):
    plain, tables = two_classes({**LINE, "folds": 3}, weighed=True)
    plain["computations"]["model"]["outputs"]["quality"]["compare"] = "alone"
    with training_gang(plain, tables, tmp_path_factory.mktemp("lines")) as gang:
        gang.alone = train(plain, tables)
        yield gang


def test_coefficients_over_two_nodes_are_those_of_one_worker(lines):
    finished = lines.ended(lines.started())
    assert isinstance(finished, Finished)
    found = lines.model(finished).description
    alone = lines.alone.model.description
    assert found.features == alone.features
    for part in ("coefficients", "intercepts"):
        one, two = (np.array(getattr(each.linear, part)) for each in (alone, found))
        assert np.abs(one - two).max() < 1e-8


def test_metrics_over_two_nodes_are_those_of_one_worker(lines):
    finished = lines.ended(lines.started())
    same_quality(lines, finished, within=2e-6)
    owners = lines.tables(finished)["quality"]["owners"].to_pylist()
    assert set(owners) == {"bank, shop", "bank", "shop"}


@pytest.fixture(scope="module")
def trees(tmp_path_factory):
    """Rows with so few distinct values that every shard sees the same cuts."""
    plain, tables = two_classes({**TREES, "folds": 2}, decimals=1, weighed=True)
    with training_gang(plain, tables, tmp_path_factory.mktemp("trees")) as gang:
        gang.alone = train(plain, tables, {"rounds": 20})
        yield gang


def test_trees_over_two_nodes_are_those_of_one_worker(trees):
    finished = trees.ended(trees.started(rounds=20), timeout=240)
    assert isinstance(finished, Finished)
    model = trees.model(finished)
    alone = trees.alone.model
    assert model.description.features == alone.description.features
    # as numbers: a sum over two shards has no negative zero
    found, expected = (written(each)["learner"] for each in (model, alone))
    assert found["gradient_booster"] == expected["gradient_booster"]
    # where trees begin is a weighted mean, which two shards round otherwise
    starts = [float(each["learner_model_param"]["base_score"][1:-1]) for each in (found, expected)]
    assert starts[0] == pytest.approx(starts[1], abs=1e-6)
    same_quality(trees, finished, within=2e-6)


def same_quality(gang, finished, within):
    """The same numbers of the joint model, of its folds, and of what it is compared with."""
    found, expected = (
        each.to_pandas() for each in (gang.tables(finished)["quality"], gang.alone.table("quality"))
    )
    pd.testing.assert_frame_equal(found, expected, atol=within)
    joint = found.drop_duplicates("metric").set_index("metric")["value"]
    assert joint["auc"] > 0.8
    assert joint["cv_auc_mean"] > 0.8


def test_trees_over_two_nodes_stop_where_those_of_one_worker_stop(tmp_path):
    both = {"recipients": ["bank", "shop"], "decimals": 6, "min_test": 10}
    stopping = {**TREES, "early_stopping": {"rounds": 4, "validation_percent": 30}}
    plain, tables = two_classes(stopping, decimals=1)
    plain["computations"]["model"]["outputs"]["course"] = {"kind": "curve", "live": True, **both}
    alone = train(plain, tables, {"rounds": 200})
    with training_gang(plain, tables, tmp_path) as gang:
        live, finished = told_by(gang, gang.started(rounds=200))
        assert isinstance(finished, Finished)
        grown = [
            written(each)["learner"]["gradient_booster"]["model"]
            for each in (gang.model(finished), alone.model)
        ]
        found, expected = (
            gang.tables(finished)["course"].to_pandas(),
            alone.table("course").to_pandas(),
        )
    # sums of two shards are rounded otherwise than one sum
    pd.testing.assert_frame_equal(found, expected, atol=1e-4)
    assert grown[0]["iteration_indptr"] == grown[1]["iteration_indptr"]
    assert found["round"].max() < 200
    shown = {tuple(line) for line in found.itertuples(index=False)}
    assert {(one.round, one.metric, one.part, one.value) for one in live} <= shown
    assert len({(one.round, one.part) for one in live}) == len(live) > 0
    assert set(found["part"]) == {"training", "test", "validation"}


def told_by(gang, run):
    """Values that were told live, and the last word."""
    live = []
    while isinstance(said := gang.workers[0].hear(Progress, Finished, Failed), Progress):
        live += said.live
    gang.workers[1].say(Stop(run=run))
    return live, said
