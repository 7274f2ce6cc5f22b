"""A host or another party puts sealed bytes where they do not belong.

The ciphertext parts travel through and lie on machines that nobody trusts. Whoever holds them may
replay, swap, splice, cut or alter them; the worker must refuse every such part.
"""

from dataclasses import replace

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from pyarrow.parquet import encryption

from cleanroom.errors import DataMismatch, DataOversized, SealBroken
from tests.support.tables import CUSTOMERS, customers, opened_part, sealed

REFUSED = "does not open with this key and context"


@pytest.fixture
def version(tmp_path, monkeypatch):
    monkeypatch.setattr("cleanroom.dataset.seal.PART_BYTES", 1)
    monkeypatch.setattr("cleanroom.dataset.read.MOST_BATCH_ROWS", 100)
    return sealed(customers(300), CUSTOMERS, tmp_path)


@pytest.mark.parametrize("name", ["lineage", "dataset", "owner", "version"])
def test_part_replayed_into_another_context(version, name):
    elsewhere = replace(version.context, **{name: "f" * 32})
    with pytest.raises(SealBroken, match=REFUSED):
        opened_part(version, version.sealed_parts[0], CUSTOMERS, context=elsewhere)


def test_dataset_replayed_into_another_manifest(version, tmp_path):
    other = sealed(
        customers(300), CUSTOMERS, tmp_path, lineage="00000000-0000-4000-8000-000000000000"
    )
    stolen = replace(other, key=version.key)
    with pytest.raises(SealBroken, match=REFUSED):
        opened_part(stolen, version.sealed_parts[0], CUSTOMERS)


def test_part_swapped_with_another_of_the_same_version(version):
    first, second, _ = version.sealed_parts
    assert first.part.rows == second.part.rows
    swapped = replace(
        first, path=second.path, part=first.part.model_copy(update={"size": second.part.size})
    )
    with pytest.raises(SealBroken, match=REFUSED):
        opened_part(version, swapped, CUSTOMERS)


def test_part_of_an_older_version_under_the_same_key(version, tmp_path):
    older = sealed(customers(100), CUSTOMERS, tmp_path)
    with pytest.raises(SealBroken, match=REFUSED):
        opened_part(version, older.sealed_parts[0], CUSTOMERS)


def test_wrong_key(version):
    with pytest.raises(SealBroken, match=REFUSED):
        opened_part(version, version.sealed_parts[0], CUSTOMERS, key=bytes(32))


def test_pages_spliced_from_another_part(version):
    first, second, _ = (path.read_bytes() for path in version.paths)
    half = min(len(first), len(second)) // 2
    spliced = second[:half] + first[half:]
    with pytest.raises(SealBroken, match=REFUSED):
        opened_part(version, version.sealed_parts[0], CUSTOMERS, sealed=spliced)


def test_truncated_part(version):
    cut = version.paths[0].read_bytes()[:-1]
    with pytest.raises(SealBroken, match=REFUSED):
        opened_part(version, version.sealed_parts[0], CUSTOMERS, sealed=cut)


def test_part_with_bytes_appended(version):
    longer = version.paths[0].read_bytes() + b"x"
    with pytest.raises(DataOversized, match=r"the part has \d+ bytes, expected \d+"):
        opened_part(version, version.sealed_parts[0], CUSTOMERS, sealed=longer)


def as_signed(version, content, rows=100):
    """The part as the version would name it, had its owner signed these bytes."""
    part = version.parts[0].model_copy(update={"size": len(content), "rows": rows})
    return replace(version.sealed_parts[0], part=part)


def written(version, table, **options):
    """What an owner's own, dishonest program seals under the right key and context."""
    sink = pa.BufferOutputStream()
    options = {"compression": "lz4", "use_dictionary": False, **options}
    properties = encryption.create_encryption_properties(
        version.key,
        aad_prefix=version.context.of_part(0),
        store_aad_prefix=False,
        plaintext_footer=options.pop("plaintext_footer", False),
    )
    pq.write_table(table, sink, encryption_properties=properties, store_schema=False, **options)
    return sink.getvalue().to_pybytes()


def lawful(rows=100, **changes):
    """A table in exactly the sealed schema."""
    schema = pa.schema(
        [
            pa.field("email", pa.string()),
            pa.field("income", pa.int64(), nullable=False),
            pa.field("segment", pa.string(), nullable=False),
        ]
    )
    return customers(rows, **changes).cast(schema)


def opened_as_signed(version, content, rows=100):
    part = as_signed(version, content, rows)
    return opened_part(version, part, CUSTOMERS, sealed=content)


def test_the_dishonest_program_is_otherwise_right(version):
    """Without this the tests below could pass for the wrong reason."""
    found = opened_as_signed(version, written(version, lawful()))
    assert found.to_pydict() == customers(100).to_pydict()


def test_more_rows_than_signed(version):
    with pytest.raises(DataOversized, match="has 101 rows, expected 100"):
        opened_as_signed(version, written(version, lawful(101)))


def test_fewer_rows_than_signed(version):
    with pytest.raises(DataMismatch, match="does not have the 100 rows that were signed"):
        opened_as_signed(version, written(version, lawful(99)))


def test_another_schema_than_the_manifest(version):
    extended = lawful().append_column("iban", pa.array(["x"] * 100))
    for table in (
        extended,
        lawful().drop_columns(["segment"]),
        lawful().cast(
            pa.schema(
                [("email", pa.large_binary()), ("income", pa.int64()), ("segment", pa.string())]
            )
        ),
    ):
        with pytest.raises(DataMismatch, match="does not have the columns and types"):
            opened_as_signed(version, written(version, table))


def test_values_that_the_owners_program_did_not_check(version):
    income = pa.array([500_001] * 100, pa.int64())
    with pytest.raises(
        DataMismatch, match=r"column 'income' of part 0 .* breaks the manifest's rules"
    ):
        opened_as_signed(version, written(version, lawful(income=income)))
    with pytest.raises(DataMismatch, match=r"column 'segment' of part 0 .* breaks"):
        opened_as_signed(version, written(version, lawful(segment=["GOLD"] * 100)))


def test_texts_that_are_not_utf8(version):
    schema = pa.schema([("email", pa.string())])
    broken = pa.StringArray.from_buffers(
        1, pa.py_buffer(b"\0\0\0\0\2\0\0\0"), pa.py_buffer(b"\xff\xfe")
    )
    table = lawful(1).set_column(0, "email", broken).cast(lawful(1).schema, safe=False)
    assert schema.field("email").type == table.schema.field("email").type
    with pytest.raises(SealBroken, match=REFUSED):
        opened_as_signed(version, written(version, table), rows=1)


def test_part_that_is_not_encrypted(version):
    sink = pa.BufferOutputStream()
    pq.write_table(lawful(), sink)
    with pytest.raises(SealBroken, match=REFUSED):
        opened_as_signed(version, sink.getvalue().to_pybytes())


def test_part_whose_footer_is_not_encrypted(version):
    with pytest.raises(SealBroken, match=REFUSED):
        opened_as_signed(version, written(version, lawful(), plaintext_footer=True))


@pytest.mark.parametrize(
    "options",
    [
        {"use_dictionary": True},
        {"column_encoding": {"email": "DELTA_BYTE_ARRAY"}},
        {"compression": "zstd"},
        {"compression": "gzip"},
    ],
)
def test_encodings_that_may_expand_without_limit(version, options):
    with pytest.raises(DataMismatch, match="in a way format v1 does not allow"):
        opened_as_signed(version, written(version, lawful(), **options))


def test_row_groups_larger_than_the_format_allows(version, monkeypatch):
    monkeypatch.setattr("cleanroom.dataset.unseal.MOST_GROUP_ROWS", 99)
    with pytest.raises(DataOversized, match=r"a row group of part 0 .* is larger than 99 rows"):
        opened_as_signed(version, written(version, lawful()))
    monkeypatch.setattr("cleanroom.dataset.unseal.MOST_GROUP_BYTES", 1000)
    monkeypatch.setattr("cleanroom.dataset.unseal.MOST_GROUP_ROWS", 100)
    with pytest.raises(DataOversized, match="or 1000 bytes"):
        opened_as_signed(version, written(version, lawful()))
