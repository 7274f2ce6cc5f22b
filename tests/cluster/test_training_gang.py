"""A model that two Ray nodes learn together is the model that one worker learns."""

import numpy as np
import pandas as pd
import pytest

from cleanroom.protocol.work import Failed, Finished, Progress, Stop
from tests.support.training_gangs import training_gang, two_classes, written
from tests.support.trainings import LINE, TREES, train

pytestmark = pytest.mark.cluster


@pytest.fixture(scope="module")
def lines(tmp_path_factory):
    plain, tables = two_classes(LINE)
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
    told = lines.tables(finished)["quality"].to_pydict()
    metrics = dict(zip(told["metric"], told["value"], strict=True))
    assert metrics == pytest.approx(lines.alone.metrics, abs=2e-6)
    assert metrics["auc"] > 0.8


@pytest.fixture(scope="module")
def trees(tmp_path_factory):
    """Rows with so few distinct values that every shard sees the same cuts."""
    plain, tables = two_classes(TREES, decimals=1)
    with training_gang(plain, tables, tmp_path_factory.mktemp("trees")) as gang:
        gang.alone = train(plain, tables)
        yield gang


def test_trees_over_two_nodes_are_those_of_one_worker(trees):
    finished = trees.ended(trees.started())
    assert isinstance(finished, Finished)
    model = trees.model(finished)
    alone = trees.alone.model
    assert model.description.features == alone.description.features
    # as numbers: a sum over two shards has no negative zero
    assert written(model) == written(alone)
    told = trees.tables(finished)["quality"].to_pydict()
    metrics = dict(zip(told["metric"], told["value"], strict=True))
    assert metrics == pytest.approx(trees.alone.metrics, abs=2e-6)
    assert metrics["auc"] > 0.8


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
