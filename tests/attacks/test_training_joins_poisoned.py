"""Attack: units that need no match, rows below each other, or weights, to get at a single person.

Where not every unit is with every party, a gate that counted all units would open over a handful
of somebody's rows; where rows have weights, over one heavy row among many that count for nothing.
"""

import numpy as np
import pyarrow as pa
import pytest

from cleanroom.errors import DataMismatch
from enclave.computations.training import units
from tests.support.joined_trainings import FILLED, LEFT, ROWS, below, beside, people, tables_beside
from tests.support.mutants import assert_mutant_is_caught, returns
from tests.support.trainings import TREES, feature, halves, piles, train, training_plain

EVERYTHING = {"quality", "importance", "model"}
WEIGHT = {"name": "w", "type": "float64", "role": "weight", "bounds": ["0", "1000"]}


def weighed(weights):
    """A training of two columns whose rows have these weights."""
    frame = people().assign(w=weights)
    label = {"name": "bought", "type": "bool", "role": "label"}
    plain = training_plain([feature("a"), label, WEIGHT], [feature("b")], TREES)
    return train(plain, halves(frame, ["a", "bought", "w"], ["b"]))


def test_units_that_do_not_match_count_for_the_left_owner_only():
    few = train(beside({**TREES, **LEFT}), tables_beside(known=9))
    assert few.withheld == {"quality", "importance", "model"}
    reached = next(each for each in few.released if each.output == "model").reached
    assert reached == {"bank": True, "shop": False}
    assert train(beside({**TREES, **LEFT}), tables_beside(known=10)).withheld == set()


def test_rows_of_no_unit_on_the_left_never_change_a_byte():
    tables = tables_beside()
    ids = tables["right"]["id"].to_numpy()
    strange = pa.array(np.where(ids >= ROWS, 777_777.0, tables["right"]["b"].to_numpy()))
    poisoned = {**tables, "right": tables["right"].set_column(1, "b", strange)}
    for how in ({**TREES, **LEFT}, FILLED):
        assert train(beside(how), poisoned).model_bytes == train(beside(how), tables).model_bytes


def test_each_owner_of_stacked_rows_needs_units_of_its_own():
    few = train(below(TREES), piles(people(), ROWS - 9))
    assert few.withheld == {"quality", "importance", "model"}
    repeated = piles(people(), ROWS - 9, shared=100)
    assert train(below(TREES), repeated).withheld == {"quality", "importance", "model"}
    assert train(below({**TREES, "duplicates": "all"}), repeated).withheld == set()


def test_a_poisoned_row_ends_a_run_alike_whether_it_counts_or_not():
    tables = piles(people(), 150, shared=30)
    endings = []
    for row in (0, tables["right"].num_rows - 1):
        b = tables["right"]["b"].to_numpy().copy()
        b[row] = np.inf
        poisoned = {**tables, "right": tables["right"].set_column(2, "b", pa.array(b))}
        with pytest.raises(
            DataMismatch, match="feature 'b' has a number that is not finite"
        ) as refused:
            train(below(TREES), poisoned)
        endings.append(str(refused.value))
    assert endings[0] == endings[1]


@pytest.mark.parametrize("light", [0.0, 1e-6])
def test_one_heavy_unit_among_light_ones_is_not_a_group(light):
    weights = np.full(ROWS, light)
    weights[:5] = 1000.0
    trained = weighed(weights)
    assert trained.withheld == {"quality", "importance", "model"}


def test_the_stories_notice_units_that_are_counted_for_everybody(monkeypatch):
    for story in (
        test_units_that_do_not_match_count_for_the_left_owner_only,
        test_each_owner_of_stacked_rows_needs_units_of_its_own,
    ):
        assert_mutant_is_caught(
            monkeypatch,
            "enclave.computations.training.examples:units_by_owner",
            returns({"bank": ROWS, "shop": ROWS}),
            story,
        )


def test_the_story_notices_weights_that_do_not_count(monkeypatch):
    counted = units.count
    assert_mutant_is_caught(
        monkeypatch,
        "enclave.computations.training.units:count",
        lambda unit, _: counted(unit, None),
        lambda: test_one_heavy_unit_among_light_ones_is_not_a_group(1e-6),
    )


def test_the_story_notices_a_missing_check_of_whole_inputs(monkeypatch):
    assert_mutant_is_caught(
        monkeypatch,
        "enclave.computations.training.examples:whole",
        returns(()),
        test_a_poisoned_row_ends_a_run_alike_whether_it_counts_or_not,
    )
