from dataclasses import replace

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from cleanroom.crypto.sealing import decrypt_content, encrypt_content
from cleanroom.errors import ComputationFailed, OutputTooLarge
from enclave.computations import rebuild as rebuilding
from enclave.computations.encode import encode
from enclave.computations.keys import PLAIN
from enclave.computations.release import Outcome, OutputColumn, Rule, release
from tests.support.intersections import PARTIES, count_plan, emails, rows_plan, run


def people(low, high):
    numbers = np.arange(low, high)
    return pa.table({"id": emails(numbers), "v": pa.array(numbers)})


TWENTY = [people(0, 60), people(40, 100)]
"""Two inputs that share twenty people, 40 to 59."""


@pytest.mark.parametrize(
    ("step", "expected"), [(1, 20), (3, 21), (6, 18), (7, 21), (8, 24), (40, 40), (41, 0)]
)
def test_a_count_is_rounded_to_the_nearest_multiple(step, expected):
    released = run(count_plan(["id"], round_to=step), TWENTY)[0]
    assert released.table.to_pydict() == {"overlap": [expected]}


@pytest.mark.parametrize(("least", "suppressed"), [(1, False), (20, False), (21, True)])
def test_an_output_needs_its_least_number_of_units(least, suppressed):
    for plan in (count_plan(["id"], min_group=least), rows_plan(["id"], TWENTY, min_group=least)):
        assert run(plan, TWENTY)[0].suppressed is suppressed


def test_the_threshold_is_met_before_rounding_not_after():
    released = run(count_plan(["id"], min_group=21, round_to=25), TWENTY)[0]
    assert released.suppressed
    assert released.table.to_pydict() == {"overlap": [None]}


def test_a_limit_below_the_threshold_suppresses_what_it_leaves():
    released = run(rows_plan(["id"], TWENTY, min_group=10, limit=9), TWENTY)[0]
    assert released.suppressed
    assert released.rows == released.table.num_rows == 0


def test_a_suppressed_result_has_the_columns_of_a_released_one():
    for plan in (count_plan(["id"]), rows_plan(["id"], TWENTY, PARTIES[:2])):
        shown = run(plan, TWENTY)
        hidden = run(plan, [people(0, 5), people(5, 9)])
        assert [each.table.schema for each in hidden] == [each.table.schema for each in shown]


def test_the_report_says_which_owner_reached_the_threshold_and_no_number():
    released = run(count_plan(["id"], min_group=21), TWENTY)[0]
    assert released.reached == {"ann": False, "bea": False}


def test_one_row_more_than_allowed_is_refused_without_its_number():
    assert run(rows_plan(["id"], TWENTY, max_rows=20), TWENTY)[0].rows == 20
    with pytest.raises(OutputTooLarge, match=r"^output 'matches' has more than 19 rows$"):
        run(rows_plan(["id"], TWENTY, max_rows=19), TWENTY)


def test_rows_stand_in_the_recipients_own_order():
    here, there = people(40, 60), people(0, 100).take(pa.array(np.arange(99, -1, -1)))
    ann, bea = run(rows_plan(["id"], [here, there], PARTIES[:2]), [here, there])
    assert ann.table["a.v"].to_pylist() == list(range(40, 60))
    assert bea.table["b.v"].to_pylist() == list(range(59, 39, -1))


def test_a_recipient_without_an_input_gets_rows_in_an_order_drawn_at_random():
    tables = [people(0, 200), people(0, 200)]
    orders = [
        run(rows_plan(["id"], tables, ["eli"]), tables)[0].table["a.v"].to_pylist()
        for _ in range(2)
    ]
    assert orders[0] != orders[1]
    assert sorted(orders[0]) == sorted(orders[1]) == list(range(200))


@pytest.mark.parametrize("kind", PLAIN)
def test_every_type_of_a_manifest_passes_with_its_nulls(kind):
    values = {"string": ["x", None], "bool": [True, None]}.get(kind, [1, None])
    table = pa.table({"id": ["k", "l"], "v": pa.array(values, PLAIN[kind])})
    (released,) = run(rows_plan(["id"], [table, table]), [table, table], partitions=2)
    assert released.table["b.v"].to_pylist() == table["v"].to_pylist()
    read = pq.read_table(pa.BufferReader(encode(released)))
    assert read["b.v"].to_pylist() == table["v"].to_pylist()


RULE = Rule(
    "matches",
    ("ann",),
    (OutputColumn("a.v", pa.int64(), "ann"),),
    min_group=1,
    round_to=1,
    max_rows=10,
    max_bytes=1024,
    aggregate=False,
)


def outcome(**changes):
    line = np.array([0])
    parts = {
        "units": {"ann": 1},
        "unit": line,
        "sources": {"a.v": pa.chunked_array([[5]])},
        "positions": {"a.v": line},
        "order": {"ann": line},
    }
    return Outcome(**{**parts, **changes})


@pytest.mark.parametrize(
    "changes",
    [
        {"sources": {}},
        {"sources": {"a.v": pa.chunked_array([[5]]), "a.id": pa.chunked_array([["x"]])}},
        {"sources": {"a.v": pa.chunked_array([["5"]])}},
        {"sources": {"a.v": pa.chunked_array([[5.0]])}},
        {"positions": {"a.v": np.array([0, 0])}},
        {"positions": {}},
    ],
    ids=["missing", "more", "text", "float", "longer", "no-positions"],
)
def test_an_outcome_without_exactly_its_declared_columns_stops_here(changes):
    assert release(outcome(), RULE)[0].table.to_pydict() == {"a.v": [5]}
    with pytest.raises(ComputationFailed, match="does not have its declared columns"):
        release(outcome(**changes), RULE)


def test_an_outcome_that_names_no_contributing_owner_is_suppressed():
    assert release(outcome(units={}), RULE)[0].suppressed


def test_every_contributing_owner_has_to_reach_the_threshold():
    assert release(outcome(units={"ann": 5, "bea": 0}), RULE)[0].suppressed


def test_an_encoding_longer_than_allowed_is_refused():
    fits = encode(run(rows_plan(["id"], TWENTY), TWENTY)[0]).nbytes
    assert encode(run(rows_plan(["id"], TWENTY, max_bytes=fits), TWENTY)[0]).nbytes == fits
    with pytest.raises(
        OutputTooLarge, match=rf"^output 'matches' is longer than {fits - 1} bytes$"
    ):
        encode(run(rows_plan(["id"], TWENTY, max_bytes=fits - 1), TWENTY)[0])


def test_an_encoding_goes_into_a_cipher_as_it_is():
    encoded = encode(run(count_plan(["id"]), TWENTY)[0])
    sealed = encrypt_content(encoded, bytes(32), context=b"output")
    assert decrypt_content(sealed, bytes(32), context=b"output") == encoded


def test_how_a_table_is_chunked_does_not_show_in_its_encoding():
    released = run(rows_plan(["id"], TWENTY), TWENTY)[0]
    pieces = pa.concat_tables([released.table.slice(start, 3) for start in range(0, 20, 3)])
    assert pieces.column(0).num_chunks > released.table.column(0).num_chunks
    assert encode(replace(released, table=pieces)) == encode(released)


@pytest.mark.parametrize("pieces", [1, 40, 4000], ids=["whole", "pieces", "crumbs"])
@pytest.mark.parametrize("order", ["rising", "any", "repeated"])
def test_rows_are_taken_from_wherever_they_stand(monkeypatch, pieces, order):
    monkeypatch.setattr(rebuilding, "STRETCH", 1000)
    monkeypatch.setattr(rebuilding, "_SHORT", 50)
    draw = np.random.default_rng(5)
    texts = [None if number % 7 == 0 else f"text {number}" for number in range(4000)]
    length = 4000 // pieces
    cut = [texts[start : start + length] for start in range(0, 4000, length)]
    column = pa.chunked_array(cut, pa.string())
    chosen = {
        "rising": np.flatnonzero(draw.random(4000) < 0.5),
        "any": draw.permutation(4000)[:2500],
        "repeated": draw.integers(0, 4000, 9000),
    }[order]
    built = rebuilding.rebuild(column, chosen, pa.large_string())
    assert built.type == pa.large_string()
    assert built.to_pylist() == [texts[place] for place in chosen]
