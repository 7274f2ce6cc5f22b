"""Attack: read rows out of a result file that are not in the result.

Arrow keeps whole dictionaries when a column is filtered, neighbours when it is sliced, and values
under nulls. Every cell of the inputs that is not in the result carries a canary; none may be found
in the bytes that leave, whatever way the owner's table was built.
"""

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from enclave.computations import release as gate
from enclave.computations.encode import encode
from tests.support.intersections import PARTIES, count_plan, emails, rows_plan, run
from tests.support.mutants import assert_mutant_is_caught

ROUNDS = 150


def shapes(draw, values):
    """`values` as a column, built in one of the ways that keep more than they show."""
    array = pa.array(values, pa.string())
    match draw.integers(6):
        case 0:
            return pa.chunked_array([array.dictionary_encode()])
        case 1:
            padded = pa.concat_arrays(
                [pa.array(["canary-before"] * 3), array, pa.array(["canary-after"])]
            )
            return pa.chunked_array([padded.slice(3, len(array))])
        case 2:
            return pa.chunked_array([array.cast(pa.string_view())])
        case 3:
            cut = int(draw.integers(len(array) + 1))
            return pa.chunked_array([array[:cut], array[cut:]], pa.string())
        case 4:
            indices = pa.array(range(len(array)), pa.int16())
            dictionary = pa.concat_arrays([array, pa.array(["canary-unused"])])
            return pa.chunked_array([pa.DictionaryArray.from_arrays(indices, dictionary)])
        case _:
            return pa.chunked_array([array])


def random_case(draw):
    """Two tables; whatever is outside of their intersection says so."""
    sizes = draw.integers(1, 40, 2)
    low = int(draw.integers(0, 40))
    numbers = [np.arange(sizes[0]), np.arange(low, low + sizes[1])]
    shared = set(numbers[0]) & set(numbers[1])
    tables = []
    for each in numbers:
        note = [f"note {number}" if number in shared else f"canary-{number}" for number in each]
        key = [f"p{number}" if number in shared else f"canary-p{number}" for number in each]
        order = draw.permutation(len(each))
        columns = {
            "id": shapes(draw, [key[at] for at in order]),
            "note": shapes(draw, [note[at] for at in order]),
        }
        metadata = {b"pandas": b"canary-in-metadata"}
        tables.append(pa.table(columns).replace_schema_metadata(metadata))
    return tables, len(shared)


def no_canary_leaves():
    draw = np.random.default_rng(20270115)
    for round_number in range(ROUNDS):
        tables, shared = random_case(draw)
        plan = rows_plan(["id"], tables, PARTIES[:3], duplicates=("first", "all")[round_number % 2])
        for released in run(plan, tables, partitions=1 + round_number % 3):
            encoded = bytes(encode(released))
            assert released.rows == shared
            assert encoded.count(b"canary") == 0, f"round {round_number}"


def test_no_row_outside_the_result_is_in_its_bytes():
    assert no_canary_leaves() is None


def test_a_gate_that_only_filters_is_noticed(monkeypatch):
    assert_mutant_is_caught(
        monkeypatch,
        "enclave.computations.release:rebuild",
        lambda source, positions, _: source.take(pa.array(positions)),
        careless_writer_leaks,
    )


def careless_writer_leaks():
    """The same attack, should the writer ever be careless about dictionaries and metadata."""
    ids = pa.chunked_array([emails(np.arange(100)).dictionary_encode()])
    one = pa.table({"id": ids})
    other = pa.table({"id": emails(np.array([7]))})
    (released,) = run(rows_plan(["id"], [one, other]), [one, other])
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, released.table.schema) as stream:
        stream.write_table(released.table)
    assert b"person8@" not in sink.getvalue().to_pybytes()
    assert b"person7@" in sink.getvalue().to_pybytes()


@pytest.mark.parametrize("positions", [[0, 1, 2], [2, 1, 0]], ids=["in order", "reordered"])
@pytest.mark.parametrize(
    "hidden",
    [
        pa.array([0x63616E617279, 5, 6], pa.int64()),
        pa.array(["canary", "x", "y"], pa.large_string()),
    ],
    ids=["numbers", "texts"],
)
def test_values_under_nulls_do_not_leave(hidden, positions):
    buffers = [pa.py_buffer(b"\x06"), *hidden.buffers()[1:]]
    shown = pa.Array.from_buffers(hidden.type, 3, buffers)
    assert shown.null_count == 1
    built = gate.rebuild(pa.chunked_array([shown]), np.array(positions), hidden.type)
    held = b"".join(buffer.to_pybytes() for buffer in built.buffers() if buffer)
    assert built.to_pylist() == [shown.to_pylist()[position] for position in positions]
    assert b"canary" not in held
    assert b"canary"[::-1] not in held


def test_the_file_holds_no_dictionary_statistics_or_metadata():
    table = pa.table({"id": ["same"] * 50, "note": ["x"] * 50}).replace_schema_metadata({"k": "v"})
    plan = rows_plan(["id"], [table, table], duplicates="all")
    (released,) = run(plan, [table, table])
    footer = pq.ParquetFile(pa.BufferReader(encode(released))).metadata
    column = footer.row_group(0).column(0)
    assert footer.metadata is None
    assert not column.has_dictionary_page
    assert not column.is_stats_set
    assert not column.has_column_index
    assert not column.has_offset_index


def test_equal_results_are_equal_bytes():
    tables = [pa.table({"id": ["x", "y"], "v": [1, 2]})] * 2
    (rows,) = run(rows_plan(["id"], tables), tables)
    assert encode(rows) == encode(rows)
    counts = [encode(*run(count_plan(["id"]), tables, partitions)) for partitions in (1, 3)]
    assert counts[0] == counts[1]
