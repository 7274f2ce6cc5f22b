"""Somebody puts another file in a result's place: small in bytes, large or strange once it is read.

The recipient has decrypted it by then, so only a worker or a room that lies can have written it.
"""

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from cleanroom.client.opening import read_table
from cleanroom.errors import DataMismatch
from tests.support.manifests import good_manifest
from tests.support.mutants import assert_mutant_is_caught, hands_back

COUNT = good_manifest().computations["overlap"].outputs["size"]
ROWS = good_manifest().computations["matches"].outputs["for-bank"]
MANY = 2_000_000
HONEST = {
    "compression": "none",
    "use_dictionary": False,
    "write_statistics": False,
    "store_schema": False,
}


def written(column, **how):
    """A file with one column, written as a worker writes it but for what is said."""
    sink = pa.BufferOutputStream()
    pq.write_table(pa.table({"overlap": column}), sink, **(HONEST | how))
    return sink.getvalue().to_pybytes()


def saying(said, count):
    """A file of so many rows whose footer says another number of them."""
    raw = written(pa.nulls(count, pa.int64()), row_group_size=count)
    size = int.from_bytes(raw[-8:-4], "little")
    body, footer, end = raw[: -8 - size], raw[-8 - size : -8], raw[-8:]
    true = zigzag(count)
    at = footer.index(b"\x16" + true) + 1  # the first 64-bit field: `num_rows` of the whole file
    forged = body + footer[:at] + zigzag(said, len(true)) + footer[at + len(true) :] + end
    assert pq.ParquetFile(pa.BufferReader(forged)).metadata.num_rows == said
    return forged


def zigzag(number, least=1):
    """A number as Thrift's compact protocol writes it, in so many bytes at least."""
    left, octets = number << 1, bytearray()
    while left > 0x7F or len(octets) < least - 1:
        octets.append(left & 0x7F | 0x80)
        left >>= 7
    return bytes([*octets, left])


def test_what_a_worker_writes_is_read():
    assert read_table(written(pa.array([7])), COUNT).to_pydict() == {"overlap": [7]}


EXPANDING = {
    "rows": lambda: saying(1, MANY),
    "list": lambda: written(pa.array([[None] * MANY], pa.list_(pa.int64()))),
    "lengths": lambda: written(pa.nulls(1, pa.binary(8 * MANY))),
}


@pytest.mark.parametrize("name", EXPANDING)
def test_a_small_file_does_not_become_a_large_table(name):
    raw = EXPANDING[name]()
    assert len(raw) < 10_000
    before = pa.total_allocated_bytes()
    with pytest.raises(DataMismatch):
        read_table(raw, COUNT)
    assert pa.total_allocated_bytes() == before


@pytest.mark.parametrize(
    ("raw", "words"),
    [
        (lambda: saying(1, MANY), f"the result has {MANY} rows, expected at most 1"),
        (lambda: written(pa.array([1, 2])), "has 2 rows, expected at most 1"),
        (lambda: saying(0, 1), "the result says 0 rows, it has 1"),
        (lambda: written(pa.array([[1]])), "'element' of the result is nested or padded"),
        (lambda: written(pa.array([{"overlap": 1}])), "'overlap' of the result is nested"),
        (lambda: written(pa.nulls(1, pa.binary(9))), "'overlap' of the result is nested or padded"),
        (lambda: written(pa.array([1]), compression="zstd"), "is compressed or encoded"),
        (lambda: written(pa.array([1]), use_dictionary=True), "is compressed or encoded"),
        (
            lambda: written(pa.array([1]), column_encoding="DELTA_BINARY_PACKED"),
            "is compressed or encoded",
        ),
        (lambda: b"PAR1" * 3, "is not the Parquet that a worker writes"),
        (lambda: b"", "is not the Parquet that a worker writes"),
    ],
)
def test_another_file_says_what_is_wrong_with_it(raw, words):
    with pytest.raises(DataMismatch, match=words):
        read_table(raw(), COUNT)


def test_columns_that_nobody_agreed_to():
    with pytest.raises(DataMismatch, match=r"has columns \['overlap'\], expected"):
        read_table(written(pa.array([1])), ROWS)


def test_no_beginning_of_a_result_is_read():
    raw = written(pa.array([1]))
    for length in range(len(raw)):
        with pytest.raises(DataMismatch):
            read_table(raw[:length], COUNT)


def test_the_story_notices_a_reader_that_takes_columns_of_any_kind(monkeypatch):
    assert_mutant_is_caught(
        monkeypatch,
        "cleanroom.client.opening:_flat",
        hands_back(),
        lambda: test_a_small_file_does_not_become_a_large_table("list"),
    )
