"""Attack: a row that is made to disturb a training, to see from how it ends who matched.

How a run ends, and every byte of what leaves, may depend on rows that both parties have. It must
not depend on a row of a stranger; and a row that breaks the rules ends the run alike, whether it
matches or not, with a message that quotes nothing.
"""

import traceback
from importlib.util import find_spec

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from cleanroom.errors import CleanroomError, DataMismatch
from tests.support.learned_networks import NETWORK
from tests.support.mutants import assert_mutant_is_caught, hands_back
from tests.support.trainings import LINE, TREES, feature, halves, train, training_plain

LABEL = {"name": "bought", "type": "bool", "role": "label"}
CANARY = "canary-8842"
STRANGER, SHARED = 2_000_000, 7
MODELS = [
    pytest.param(LINE, id="line"),
    pytest.param(TREES, id="trees"),
    pytest.param(
        NETWORK,
        id="network",
        marks=pytest.mark.skipif(
            find_spec("torch") is None, reason="the extra [torch] is not installed"
        ),
    ),
]


def frame(rows=200):
    chance = np.random.default_rng(11)
    made = pd.DataFrame({"a": chance.normal(size=rows), "b": chance.normal(size=rows)})
    made["paid"] = np.array(["card", "cash"])[chance.integers(0, 2, rows)]
    made["bought"] = chance.random(rows) < 1 / (1 + np.exp(-2 * made["a"] * made["b"]))
    return made


def plain_of(how):
    right = [feature("b"), feature("paid", "string", values=["card", "cash"])]
    return training_plain([feature("a"), LABEL], right, how)


def tables():
    return halves(frame(), ["a", "bought"], ["b", "paid"])


def with_cell(table, who, column, value):
    """The table with one cell changed, of the row of `who`."""
    changed = table.to_pandas()
    changed.loc[changed["id"] == who, column] = value
    return pa.Table.from_pandas(changed, preserve_index=False)


def ending(given, how):
    """How a run ends: what left, or everything that could be read from its error."""
    try:
        return train(plain_of(how), given).model_bytes
    except CleanroomError as refused:
        return refused.code, str(refused), "".join(traceback.format_exception(refused))[-400:]


@pytest.mark.parametrize("how", MODELS)
def test_a_strangers_row_never_changes_a_byte_of_the_model(how):
    given = tables()
    poisoned = dict(given)
    for who in range(STRANGER, STRANGER + 50):
        poisoned["right"] = with_cell(poisoned["right"], who, "b", 999_999.0)
    more = pa.table({"id": [3_000_000, 3_000_001], "b": [1e5, -1e5], "paid": ["cash", "cash"]})
    poisoned["right"] = pa.concat_tables([more, poisoned["right"].cast(more.schema)])
    assert train(plain_of(how), poisoned).model_bytes == train(plain_of(how), given).model_bytes


@pytest.mark.parametrize("how", MODELS)
@pytest.mark.parametrize(
    ("column", "value"),
    [("b", float("inf")), ("b", float("nan")), ("paid", CANARY), ("paid", CANARY * 100_000)],
    ids=["infinite", "no-number", "unlisted", "huge"],
)
def test_a_poisoned_row_ends_the_run_alike_whether_it_matches_or_not(how, column, value):
    given = tables()
    endings = []
    for who in (SHARED, STRANGER):
        poisoned = {**given, "right": with_cell(given["right"], who, column, value)}
        if value != value:  # noqa: PLR0124 - pandas writes nulls where it should write this
            numbers = poisoned["right"]["b"].to_numpy(zero_copy_only=False)
            poisoned["right"] = poisoned["right"].set_column(1, "b", pa.array(numbers))
        endings.append(ending(poisoned, how))
    assert endings[0] == endings[1]
    assert endings[0][0] == DataMismatch.code
    assert CANARY not in str(endings)


@pytest.mark.parametrize("how", MODELS)
@pytest.mark.parametrize("value", [1_000_000.0, -1_000_000.0, 5e-324])
def test_a_row_at_its_bounds_is_a_row_like_any_other(how, value):
    given = tables()
    poisoned = {**given, "right": with_cell(given["right"], SHARED, "b", value)}
    assert train(plain_of(how), poisoned).withheld == set()


@pytest.mark.parametrize("how", MODELS)
def test_the_largest_numbers_that_a_manifest_allows_overflow_nothing(how):
    far = {"bounds": ["-1" + "0" * 17, "1" + "0" * 17]}
    plain = training_plain(
        [feature("a", **far), LABEL],
        [feature("b"), feature("paid", "string", values=["card", "cash"])],
        how,
    )
    given = tables()
    given["left"] = with_cell(given["left"], SHARED, "a", 1e17)
    assert train(plain, given).withheld == set()


def test_the_story_notices_a_missing_check_of_whole_inputs(monkeypatch):
    assert_mutant_is_caught(
        monkeypatch,
        "enclave.computations.training.examples:require_lawful",
        hands_back(1),
        lambda: test_a_poisoned_row_ends_the_run_alike_whether_it_matches_or_not(
            TREES, "b", float("inf")
        ),
    )
