import datetime as dt

import numpy as np
import pyarrow as pa
import pytest

from cleanroom.errors import ComputationFailed
from enclave.computations.keys import ROW, key_table, plain, positions, with_rows
from tests.support.intersections import overlap


def test_a_key_table_has_the_keys_and_where_each_row_stands():
    table = pa.table({"id": ["x", "y"], "other": [1, 2]})
    keys = key_table(table, ["id"], first_row=10)
    assert keys.to_pydict() == {"id": ["x", "y"]}
    assert with_rows(keys).to_pydict() == {"id": ["x", "y"], ROW: [10, 11]}
    assert positions(keys, np.array([1], np.uint32)).tolist() == [11]


def test_a_row_that_misses_any_key_is_left_out():
    table = pa.table({"id": ["x", None, "z"], "born": pa.array([1, 2, None], pa.int32())})
    keys = key_table(table, ["id", "born"], first_row=7)
    assert keys.to_pydict() == {"id": ["x"], "born": [1], ROW: [7]}
    assert positions(keys, np.array([0], np.uint32)).tolist() == [7]


def test_a_dictionary_encoded_key_becomes_plain_text():
    table = pa.table({"id": pa.array(["x", "y"]).dictionary_encode()})
    assert key_table(table, ["id"]).schema.field("id").type == pa.large_string()


def test_texts_of_either_offset_are_the_same_key():
    here, there = (
        pa.table({"id": pa.array(["x"], kind)}) for kind in (pa.string(), pa.large_string())
    )
    assert overlap(["id"], [here, there]) == 1


@pytest.mark.parametrize(
    "values",
    [
        pa.array([1.0]),
        pa.array([b"x"]),
        pa.array([["x"]]),
        pa.array([dt.timedelta(1)]),
        pa.nulls(1),
    ],
    ids=lambda values: str(values.type),
)
def test_a_type_that_names_no_unit_is_refused(values):
    with pytest.raises(ComputationFailed, match="cannot name a unit"):
        key_table(pa.table({"id": values}), ["id"])


def test_a_key_named_like_the_row_column_is_refused():
    with pytest.raises(ComputationFailed, match="cannot name a unit"):
        key_table(pa.table({ROW: [1]}), [ROW])


def test_a_missing_key_column_is_refused_without_naming_the_others():
    with pytest.raises(ComputationFailed, match=r"^the computation stopped: the key columns"):
        key_table(pa.table({"secret": ["x"]}), ["id"])


def test_views_and_short_offsets_become_plain_text():
    assert plain(pa.chunked_array([pa.array(["x"], pa.string_view())])).type == pa.large_string()
    assert plain(pa.chunked_array([pa.array(["x"])])).type == pa.large_string()
