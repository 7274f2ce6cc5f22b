"""Every byte of a firmware that runs is in its measurement, however it is laid out."""

import hashlib

from hypothesis import given, settings
from hypothesis import strategies as st

from cleanroom.collateral.authenticode import authenticode
from cleanroom.collateral.td_build import measure_build
from cleanroom.collateral.tdvf import read_tdvf
from cleanroom.errors import ImageUnreadable
from tests.support.firmware import (
    BFV,
    PAGE,
    TEMPORARY,
    Row,
    added,
    firmware,
    page_extended,
    program,
    program_digest,
)

MODEST = settings(max_examples=60, deadline=None)


@st.composite
def layouts(draw):
    """Sections side by side in some order: a measured boot volume, and others."""
    pages = draw(st.lists(st.integers(1, 3), min_size=1, max_size=5))
    rows, address = [], 0x800000
    for index, count in enumerate(pages):
        size = count * PAGE
        content = draw(st.binary(max_size=64)) * draw(st.integers(1, 60))
        kind = BFV if index == 0 else draw(st.sampled_from([1, TEMPORARY]))
        measured = index == 0 or (kind == TEMPORARY and draw(st.booleans()))
        stored = b"" if kind == TEMPORARY else (content or b"\x01")[:size]
        rows.append(Row(kind, address, size, stored, int(measured)))
        address += size + draw(st.integers(0, 2)) * PAGE
    return draw(st.permutations(rows))


def by_hand(rows, order):
    records = []
    for row in rows:
        content = row.content.ljust(row.size, b"\0")
        starts = range(0, row.size, PAGE)
        adds = [added(row.address + at) for at in starts]
        extends = [
            page_extended(row.address + at, content[at : at + PAGE]) if row.attributes else b""
            for at in starts
        ]
        if order == "section":
            records += [*adds, *extends]
        else:
            records += [part for pair in zip(adds, extends, strict=True) for part in pair]
    return hashlib.sha384(b"".join(records)).digest()


@MODEST
@given(rows=layouts(), order=st.sampled_from(["page", "section"]))
def test_any_layout_measures_what_the_specification_says(rows, order):
    assert measure_build(read_tdvf(firmware(rows)), order) == by_hand(rows, order)


@MODEST
@given(rows=layouts(), data=st.data())
def test_no_altered_byte_of_the_boot_volume_measures_the_same(rows, data):
    raw = firmware(rows)
    before = sum(len(row.content) for row in rows[: rows.index(boot_of(rows))])
    at = before + data.draw(st.integers(0, len(boot_of(rows).content) - 1))
    changed = raw[:at] + bytes([raw[at] ^ data.draw(st.integers(1, 255))]) + raw[at + 1 :]
    assert mrtd(changed) != mrtd(raw)


def boot_of(rows):
    return next(row for row in rows if row.kind == BFV)


def mrtd(raw):
    return measure_build(read_tdvf(raw), "page")


@MODEST
@given(rows=layouts(), data=st.data())
def test_a_cut_firmware_is_refused(rows, data):
    raw = firmware(rows)
    end = data.draw(st.integers(0, len(raw) - 1))
    assert refused(raw[:end])


def refused(raw):
    try:
        read_tdvf(raw)
    except ImageUnreadable:
        return True
    return False


@MODEST
@given(
    contents=st.lists(st.binary(min_size=1, max_size=300), min_size=1, max_size=5),
    trailing=st.binary(max_size=32),
    signatures=st.binary(max_size=64),
)
def test_a_program_is_measured_whole_but_for_its_signatures(contents, trailing, signatures):
    sections = tuple((b".s", content) for content in contents)
    raw = program(sections, trailing=trailing, certificates=signatures)
    assert authenticode(raw) == program_digest(raw, len(signatures))
    assert authenticode(raw) == authenticode(program(sections, trailing=trailing))
