"""Attack: the rounds and folds of a training, to learn of few people what its metrics withhold.

A curve or a fold is about fewer units than the whole test; what is about too few must not be told,
and units that are held back must neither train nor decide how a run ends.
"""

import numpy as np
import pyarrow as pa
import pytest

from cleanroom.errors import DataMismatch
from tests.support.joined_trainings import LABEL, beside, people
from tests.support.mutants import assert_mutant_is_caught, returns
from tests.support.trainings import (
    LINE,
    OUTPUTS,
    TREES,
    feature,
    halves,
    pooled,
    train,
    training_plain,
)

ROWS = 400
STOPS = {**TREES, "early_stopping": {"rounds": 3, "validation_percent": 5}}
CURVE = {"kind": "curve", "recipients": ["bank"], "min_test": 20}
WEIGHT = {"name": "w", "type": "float64", "role": "weight", "bounds": ["0", "1000"]}


def tables_of():
    return halves(people(ROWS), ["a", "bought"], ["b", "c"])


def test_a_curve_over_fifteen_units_is_withheld_though_a_hundred_test():
    plain = beside({**STOPS, "outputs": {**OUTPUTS, "curve": CURVE}})
    assert train(plain, tables_of()).withheld == {"curve"}


def test_no_fold_of_sixty_units_is_told_where_seventy_are_asked_for():
    plain = beside({**LINE, "folds": 5})
    plain["computations"]["model"]["outputs"]["quality"]["min_test"] = 70
    metrics = train(plain, tables_of()).metrics
    assert metrics["accuracy"] > 0.5
    assert {metrics[name] for name in metrics if name.startswith("cv_")} == {None}


def test_the_trees_never_learn_from_a_label_that_is_held_back():
    tables = tables_of()
    outputs = {"model": {"kind": "model", "recipients": ["bank"]}}
    # one round: only which units grow it can change it, not when to stop
    plain = beside({**STOPS, "outputs": outputs})
    order = np.argsort(np.random.PCG64(7).random_raw(ROWS), kind="stable")
    held = pooled(tables)["id"].to_numpy()[order[100:115]]
    frame = people(ROWS)
    frame.loc[held, "bought"] = ~frame.loc[held, "bought"]
    other = halves(frame, ["a", "bought"], ["b", "c"])
    once = {"rounds": 1}
    assert train(plain, other, once).model_bytes == train(plain, tables, once).model_bytes


@pytest.mark.parametrize("value", [float("inf"), float("nan")])
def test_a_poisoned_weight_ends_the_run_alike_whether_it_matches_or_not(value):
    plain = training_plain([feature("a"), LABEL], [feature("b"), WEIGHT], TREES)
    given = halves(people(ROWS).assign(w=1.0), ["a", "bought"], ["b", "w"])
    endings = []
    for who in (7, 2_000_000):
        weights = given["right"]["w"].to_numpy().copy()
        weights[given["right"]["id"].to_numpy() == who] = value
        poisoned = {**given, "right": given["right"].set_column(2, "w", pa.array(weights))}
        with pytest.raises(DataMismatch, match=r"'right.w' has a number that is not finite") as end:
            train(plain, poisoned)
        endings.append((end.value.code, str(end.value)))
    assert endings[0] == endings[1]


def test_the_story_notices_a_curve_whose_held_back_units_are_not_counted(monkeypatch):
    assert_mutant_is_caught(
        monkeypatch,
        "enclave.computations.training.divisions:count",
        returns(100),
        test_a_curve_over_fifteen_units_is_withheld_though_a_hundred_test,
    )


def test_the_story_notices_folds_that_are_told_whatever_their_size(monkeypatch):
    assert_mutant_is_caught(
        monkeypatch,
        "enclave.computations.training.divisions:count",
        returns(100),
        test_no_fold_of_sixty_units_is_told_where_seventy_are_asked_for,
    )


def test_the_story_notices_units_that_are_not_held_back(monkeypatch):
    def shifted(units, lesson):
        del lesson
        held = np.zeros(len(units), dtype=np.bool_)
        held[np.flatnonzero(units)[:15]] = True
        return held

    assert_mutant_is_caught(
        monkeypatch,
        "enclave.computations.training.divisions:held_back",
        shifted,
        test_the_trees_never_learn_from_a_label_that_is_held_back,
    )
