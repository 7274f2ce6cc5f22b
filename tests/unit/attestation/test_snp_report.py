"""The report's layout: every byte has its row, and nothing is read beyond or skipped."""

import pytest

from cleanroom.attestation.formats.bits import set_bits, unnamed_bits
from cleanroom.attestation.formats.cert_table import GUIDS, read_table
from cleanroom.attestation.formats.reader import Layout, Reader, Row
from cleanroom.attestation.formats.snp import (
    LAYOUTS,
    REPORT_SIZE,
    product_of,
    read_report,
    read_tcb,
)
from cleanroom.errors import EvidenceRejected
from tests.support.platform import good_evidence

ZERO_ROWS = [
    (version, row.offset, row.size)
    for version, layout in LAYOUTS.items()
    for row in layout.rows
    if row.kind == "zero"
]


def altered(raw, at, value):
    return raw[:at] + bytes([value]) + raw[at + 1 :]


def report(version=5):
    scenario = {2: "report-v2", 3: "report-v3", 5: "good"}[version]
    return good_evidence(scenario=scenario).report


def test_no_prefix_is_a_report():
    raw = report()
    for size in range(REPORT_SIZE):
        with pytest.raises(EvidenceRejected, match=r"cut after|bytes, expected 1184"):
            read_report(raw[:size])


def test_trailing_byte():
    with pytest.raises(EvidenceRejected, match="is 1185 bytes, expected 1184 bytes"):
        read_report(report() + b"\0")


@pytest.mark.parametrize(("version", "offset", "size"), ZERO_ROWS)
def test_reserved_bytes_are_zero(version, offset, size):
    raw = report(version)
    for at in (offset, offset + size - 1):
        with pytest.raises(EvidenceRejected, match="is not zero, expected reserved bytes"):
            read_report(altered(raw, at, 1))


@pytest.mark.parametrize("version", [0, 1, 4, 6, 255])
def test_unknown_version(version):
    with pytest.raises(EvidenceRejected, match=f"report version is {version}, expected 2, 3 or 5"):
        read_report(altered(report(), 0, version))


@pytest.mark.parametrize(
    ("at", "value", "message"),
    [
        (0x34, 2, "signature_algo is 2"),
        (0x0A, 0x01, "guest policy is 0x10000"),
        (0x0B, 0x04, "guest policy is 0x4030000"),
        (0x48, 0x02, "MASK_CHIP_KEY"),
        (0x48, 0x1C, "signing key is 7"),
        (0x48, 0x08, "signing key is 2"),
        (0x48, 0x20, "bits from 5 clear"),
    ],
)
def test_word_with_a_reserved_meaning(at, value, message):
    with pytest.raises(EvidenceRejected, match=message):
        read_report(altered(report(), at, value))


@pytest.mark.parametrize(
    ("family", "model", "product"),
    [
        (0x19, 0x01, "Milan"),
        (0x19, 0x11, "Genoa"),
        (0x19, 0xA0, "Genoa"),
        (0x1A, 0x02, "Turin"),
        (0x1A, 0x11, "Turin"),
    ],
)
def test_processors_by_family_and_model(family, model, product):
    assert product_of(family, model) == product


@pytest.mark.parametrize(("family", "model"), [(0x17, 0x31), (0x19, 0x20), (0x1A, 0x20), (0, 0)])
def test_processor_that_is_not_known(family, model):
    with pytest.raises(EvidenceRejected, match="processor is family"):
        product_of(family, model)


def test_tcb_layout_of_turin_differs():
    raw = bytes([1, 2, 3, 4, 0, 0, 0, 5])
    assert read_tcb(raw, "Turin") == {"fmc": 1, "bl": 2, "tee": 3, "snp": 4, "ucode": 5}
    with pytest.raises(EvidenceRejected, match="Genoa TCB byte 2 is 3"):
        read_tcb(raw, "Genoa")


def test_bits_with_and_without_names():
    assert set_bits(0b101, {"a": 0, "b": 1}) == {"a": True, "b": False}
    assert unnamed_bits(0b101 | 1 << 63, {"a": 0, "b": 1}) == [2, 63]


def test_layout_with_a_gap_is_a_bug():
    with pytest.raises(RuntimeError, match="b starts at 0x5, not 0x4"):
        Layout("thing", 8, "little", (Row(0, 4, "a", "bytes"), Row(5, 3, "b", "bytes")))
    with pytest.raises(RuntimeError, match="rows end at 0x4, not 0x8"):
        Layout("thing", 8, "little", (Row(0, 4, "a", "bytes"),))


def test_reader_refuses_what_is_left():
    reader = Reader(b"ab", "thing")
    assert (reader.peek(), reader.take(1, "a")) == (0x61, b"a")
    with pytest.raises(EvidenceRejected, match="followed by 1 bytes"):
        reader.end()


def table(*entries, end=bytes(24), body=b""):
    listed = b"".join(
        guid + offset.to_bytes(4, "little") + size.to_bytes(4, "little")
        for guid, offset, size in entries
    )
    return listed + end + body


def test_certificate_table_gives_known_entries_only():
    raw = table((GUIDS["VCEK"], 72, 2), (b"\x01" * 16, 74, 1), body=b"abc")
    assert read_table(raw) == (b"ab",)


@pytest.mark.parametrize(
    ("raw", "message"),
    [
        (table((GUIDS["ARK"], 48, 2), body=b"a"), "cut after 1 bytes"),
        (table((GUIDS["ARK"], 999, 2)), "offset is cut"),
        (table((GUIDS["ARK"], 0, 24)), "expected after the list"),
        (table((GUIDS["ARK"], 48, 2), end=b""), "guid is cut after 0 bytes"),
        (table(*[(GUIDS["ARK"], 900, 2)] * 40), "a list without end"),
    ],
)
def test_certificate_table_that_points_outside(raw, message):
    with pytest.raises(EvidenceRejected, match=message):
        read_table(raw)
