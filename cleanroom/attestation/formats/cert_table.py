"""AMD's certificate table, which the host gives next to a report (GHCB specification, 56421).

A list of {GUID, offset, length}, ended by a zero entry, then the certificates. They are hints: a
wrong one makes verification fail, never succeed, so unknown entries are skipped.
"""

from typing import NamedTuple
from uuid import UUID

from cleanroom.attestation.formats.reader import Reader
from cleanroom.attestation.rejection import rejected

GUIDS = {
    "VCEK": UUID("63da758d-e664-4564-adc5-f4b93be8accd").bytes,
    "VLEK": UUID("a8074bc2-a25a-483e-aae6-39c045a0b8a1").bytes,
    "ASK": UUID("4ab7b379-bbac-4fe4-a02f-05aef327c782").bytes,
    "ARK": UUID("c0b406a4-a803-4952-9743-3fb6014cd0ae").bytes,
}
"""Certificates that are read; the GUID's text bytes in order."""
ENTRY_SIZE = 24
MOST_ENTRIES = 16
"""AMD defines six; hosts may add some."""


class Place(NamedTuple):
    """Where a certificate is in the table; in bytes."""

    guid: bytes
    offset: int
    length: int


def read_table(raw: bytes) -> tuple[bytes, ...]:
    """The certificates of a table, DER or PEM as the host stored them.

    Raises:
        EvidenceRejected: the list has no end, or an entry points outside the table.
    """
    places = _read_places(raw)
    return tuple(_slice(raw, place) for place in places if place.guid in GUIDS.values())


def table_size(raw: bytes) -> int:
    """How much of a buffer the table and its certificates take; nothing where it lists none.

    Raises:
        EvidenceRejected: the list has no end, or an entry points outside the buffer.
    """
    ends = [len(_slice(raw, place)) + place.offset for place in _read_places(raw)]
    return max(ends, default=0)


def _read_places(raw: bytes) -> list[Place]:
    reader = Reader(raw, "certificate table")
    places: list[Place] = []
    while len(places) <= MOST_ENTRIES:
        place = Place(
            reader.take(16, "guid"),
            reader.number(4, "offset", "little"),
            reader.number(4, "length", "little"),
        )
        if not any(place.guid):
            return places
        places.append(place)
    raise rejected(
        "certificate table", found="a list without end", expected=f"at most {MOST_ENTRIES} entries"
    )


def _slice(raw: bytes, place: Place) -> bytes:
    if place.offset < ENTRY_SIZE:
        raise rejected(
            "certificate table offset", found=str(place.offset), expected="after the list"
        )
    reader = Reader(raw, "certificate table")
    reader.take(place.offset, "offset")
    return reader.take(place.length, "certificate")
