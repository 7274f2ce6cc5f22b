"""Attack: to read one person's label or score off the points of an evaluation.

Whoever knows scores, or can guess them from its own columns, looks for a point that is about very
few people: at the ends of the order, where a planted row has a score of its own, or in a stretch
that is long in rows but is all one person.
"""

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from tests.support.mutants import assert_mutant_is_caught, returns
from tests.support.trainings import LINE, feature, halves, train, training_plain

LEAST = 15
LABEL = {"name": "bought", "type": "bool", "role": "label"}
ROWS, TESTED = 240, 60


def tables(planted=()):
    """Two parties' tables; `planted` people have a value of their own in the shop's column."""
    chance = np.random.default_rng(4)
    frame = pd.DataFrame({"a": chance.normal(size=ROWS), "b": chance.normal(size=ROWS)})
    frame["bought"] = chance.random(ROWS) < 1 / (1 + np.exp(-frame["a"] - 2 * frame["b"]))
    for place, who in enumerate(planted):
        frame.loc[who, "b"] = 50.0 + place
    return halves(frame, ["a", "bought"], ["b"])


def points(given, **how):
    output = {
        "kind": "evaluation",
        "recipients": ["bank", "shop"],
        "decimals": 6,
        "min_test": 50,
        "min_bin": LEAST,
        "points": 50,
        "compare": "alone",
    }
    plain = training_plain(
        [feature("a"), LABEL], [feature("b")], {**LINE, "outputs": {"curves": output}, **how}
    )
    return train(plain, given).table("curves").to_pandas()


def stretches(found):
    """How many test rows each point is about, for every model."""
    for _, own in found.groupby("owners"):
        yield from np.diff([0, *own["share"]]) * TESTED


def no_planted_person_has_a_point():
    for planted in ((), (3,), (3, 77, 200), range(0, ROWS, 20)):
        assert min(stretches(points(tables(planted)))) >= LEAST - 1e-3


@pytest.mark.parametrize("times", [5, 40])
def test_a_person_of_many_rows_has_no_point(times):
    given = tables(planted=(3, 77, 200))
    repeated = np.repeat(np.arange(given["right"].num_rows), times)
    given["right"] = given["right"].take(pa.array(repeated))
    found = points(given, duplicates="all")
    assert min(stretches(found)) >= LEAST - 1e-3
    assert found.groupby("owners").size().max() <= TESTED // LEAST


def test_no_person_has_a_point_wherever_their_score_is():
    no_planted_person_has_a_point()


def test_a_class_of_one_person_has_no_points():
    """The one who bought would be found at the point where the curve rises."""
    given = tables()
    ids = given["left"]["id"].to_numpy()
    bought = pa.array(ids % 40 == 1)
    given["left"] = given["left"].set_column(
        given["left"].column_names.index("bought"), "bought", bought
    )
    assert points(given).empty


def test_the_story_notices_a_missing_count_of_units(monkeypatch):
    assert_mutant_is_caught(
        monkeypatch,
        "enclave.computations.training.evaluation:count",
        returns(1 << 30),
        no_planted_person_has_a_point,
    )


def test_the_story_notices_rows_that_count_as_units(monkeypatch):
    assert_mutant_is_caught(
        monkeypatch,
        "enclave.computations.training.evaluation:count",
        lambda unit, _: len(unit),
        lambda: test_a_person_of_many_rows_has_no_point(40),
    )


def test_the_story_notices_a_class_that_is_drawn_whatever_its_size(monkeypatch):
    assert_mutant_is_caught(
        monkeypatch,
        "enclave.computations.training.evaluation:count",
        returns(1 << 30),
        test_a_class_of_one_person_has_no_points,
    )
