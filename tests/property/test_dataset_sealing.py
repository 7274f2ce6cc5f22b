"""Sealed tables: what is sealed opens equal, and nothing else opens."""

import tempfile
from dataclasses import replace
from pathlib import Path

import pyarrow as pa
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from cleanroom.dataset.normalise import normalise
from cleanroom.dataset.schema import sealed_schema
from cleanroom.errors import CleanroomError, SealBroken
from tests.support.tables import CUSTOMERS, EVERY_TYPE, customers, every_type, opened, sealed


@pytest.fixture(scope="module")
def version(tmp_path_factory):
    return sealed(customers(40), CUSTOMERS, tmp_path_factory.mktemp("sealed"))


def opened_as(version, ciphertext):
    """Open altered bytes of the first part as if their size had been signed."""
    size = version.parts[0].model_copy(update={"size": len(ciphertext)})
    part = replace(version.sealed_parts[0], part=size)
    changed = replace(version, sealed_parts=(part,))
    return opened(changed, CUSTOMERS, sealed=bytes(ciphertext))


@given(every_type())
def test_what_is_sealed_opens_equal(table):
    with tempfile.TemporaryDirectory() as directory:
        found = opened(sealed(table, EVERY_TYPE, Path(directory)), EVERY_TYPE)
    assert found.schema.equals(sealed_schema(EVERY_TYPE.columns), check_metadata=True)
    assert found.equals(table.combine_chunks())


@given(every_type(), st.integers(1, 200))
@settings(max_examples=20)
def test_parts_of_any_size_open_equal(table, size):
    with tempfile.TemporaryDirectory() as directory, pytest.MonkeyPatch.context() as patch:
        patch.setattr("cleanroom.dataset.seal.PART_BYTES", size)
        patch.setattr("cleanroom.dataset.read.MOST_BATCH_ROWS", 3)
        version = sealed(table, EVERY_TYPE, Path(directory))
        assert opened(version, EVERY_TYPE).combine_chunks().equals(table.combine_chunks())


@given(st.data())
@settings(max_examples=300)
def test_no_altered_byte_opens(version, data):
    ciphertext = bytearray(version.paths[0].read_bytes())
    place = data.draw(st.integers(0, len(ciphertext) - 1))
    ciphertext[place] ^= data.draw(st.integers(1, 255))
    with pytest.raises(SealBroken, match="does not open with this key and context"):
        opened_as(version, ciphertext)


@given(st.data())
def test_no_prefix_opens(version, data):
    ciphertext = version.paths[0].read_bytes()
    short = ciphertext[: data.draw(st.integers(0, len(ciphertext) - 1))]
    assume(short)
    with pytest.raises(SealBroken, match="does not open"):
        opened_as(version, short)


@given(st.binary(max_size=200), st.booleans())
def test_no_foreign_bytes_open(version, content, dressed):
    content = b"PARE" + content + b"PARE" if dressed else content + b"-"
    with pytest.raises(SealBroken, match="does not open"):
        opened_as(version, content)


@given(st.lists(st.text(max_size=20) | st.emails() | st.none(), max_size=20))
def test_normalising_is_idempotent_and_blind_to_neighbours(values):
    whole, invalid = normalise(pa.array(values, pa.string()), "email")
    again, still_invalid = normalise(whole, "email")
    assert (again, still_invalid) == (whole, 0)
    assert invalid == whole.null_count - values.count(None)
    alone = [normalise(pa.array([value], pa.string()), "email")[0][0] for value in values]
    assert [one.as_py() for one in alone] == whole.to_pylist()


@given(st.binary(max_size=300))
def test_whatever_a_file_holds_only_our_errors_come_out(content):
    from cleanroom.dataset.check import check
    from cleanroom.dataset.read import open_source

    with tempfile.TemporaryDirectory() as directory:
        path = Path(directory) / "t.csv"
        path.write_bytes(content)
        with pytest.raises(CleanroomError):
            check(open_source(path, CUSTOMERS.columns), "customers", CUSTOMERS).require()
