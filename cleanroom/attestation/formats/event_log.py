"""Event logs of measured boot: the crypto-agile format of TCG, which TPMs and TDX (CCEL) share.

Sources: TCG PC Client Platform Firmware Profile §10.2 (TCG_PCR_EVENT2, Spec ID event), UEFI 2.10
§38.4.1 for the registers of TDX. A log proves nothing by itself: `replay` says which values of the
registers it explains, and the caller compares them with what the hardware signed. Only digests are
vouched for then; what a log says in words beside a digest is not read here.
"""

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

from cleanroom.attestation.formats.reader import Reader
from cleanroom.attestation.rejection import rejected

ALGORITHMS = {0x0004: "sha1", 0x000B: "sha256", 0x000C: "sha384", 0x000D: "sha512"}
"""TPM_ALG_ID of the digests that are known here."""
EV_NO_ACTION = 3
"""An event that is told and not measured."""
SPEC_ID = b"Spec ID Event03\0"
MOST_EVENTS = 16 * 1024
"""Logs of today have some hundred events."""
END_MARKS = (b"\xff\xff\xff\xff", b"\0\0\0\0")
"""What fills the rest of the firmware's buffer, seen where the next event would start."""


@dataclass(frozen=True, slots=True)
class Event:
    """One entry of a log."""

    register: int
    """PCR of a TPM; for TDX 1 to 4 are RTMR0 to RTMR3."""
    kind: int
    """TCG event type."""
    digests: Mapping[str, bytes]
    """What was measured, by the name of the hash."""
    told: bytes
    """What the log says about it; vouched for by nobody."""


def read_event_log(raw: bytes) -> tuple[Event, ...]:
    """Every event after the first one, which describes the log.

    Raises:
        EvidenceRejected: the log is malformed, too long, or of another version.
    """
    reader = Reader(raw, "event log")
    sizes = _sizes(reader)
    events: list[Event] = []
    while reader.left and not _ended(reader):
        if len(events) == MOST_EVENTS:
            raise rejected("event log", found="longer", expected=f"at most {MOST_EVENTS} events")
        events.append(_event(reader, sizes))
    return tuple(events)


def replay(events: Iterable[Event], algorithm: str, registers: Iterable[int]) -> dict[int, bytes]:
    """The values that registers have after these events, starting from zeros.

    Args:
        events: in the order of the log.
        algorithm: the registers' hash, such as `sha384`.
        registers: which registers; an event for another one is refused.

    Raises:
        EvidenceRejected: an event is for another register, or has no digest of this kind.
    """
    size = hashlib.new(algorithm).digest_size
    values = dict.fromkeys(registers, bytes(size))
    for event in measured(events):
        if event.register not in values or algorithm not in event.digests:
            raise rejected(
                "event log",
                found=f"with an event of register {event.register} without {algorithm}",
                expected=f"{algorithm} digests of registers {sorted(values)}",
            )
        extended = values[event.register] + event.digests[algorithm]
        values[event.register] = hashlib.new(algorithm, extended).digest()
    return values


def measured(events: Iterable[Event]) -> Iterable[Event]:
    """The events that extend a register."""
    return (event for event in events if event.kind != EV_NO_ACTION)


def _sizes(reader: Reader) -> Mapping[int, int]:
    """The first event, in the old format: sizes of digests by algorithm."""
    reader.take(4, "first register")
    kind = reader.number(4, "first event type", "little")
    reader.take(20, "first digest")
    length = reader.number(4, "first event's length", "little")
    spec = Reader(reader.take(length, "first event"), "event log's first event")
    if kind != EV_NO_ACTION or spec.take(len(SPEC_ID), "signature") != SPEC_ID:
        raise rejected("event log", found="of another format", expected="crypto-agile (TCG 2.0)")
    spec.take(8, "platform class and version")
    sizes = {}
    for _ in range(spec.number(4, "number of algorithms", "little")):
        algorithm = spec.number(2, "algorithm", "little")
        sizes[algorithm] = spec.number(2, "digest size", "little")
    spec.take(spec.number(1, "vendor part's length", "little"), "vendor part")
    spec.end()
    for algorithm, name in ALGORITHMS.items():
        if sizes.get(algorithm, hashlib.new(name).digest_size) != hashlib.new(name).digest_size:
            raise rejected("event log", found=f"another size of {name}", expected="its own")
    return MappingProxyType(sizes)


def _ended(reader: Reader) -> bool:
    """Whether only filling is left: the firmware's buffer is longer than its log."""
    return reader.ahead(4) in END_MARKS and reader.ahead(reader.left).strip(b"\xff\0") == b""


def _event(reader: Reader, sizes: Mapping[int, int]) -> Event:
    register = reader.number(4, "register", "little")
    kind = reader.number(4, "event type", "little")
    digests: dict[str, bytes] = {}
    for _ in range(reader.number(4, "number of digests", "little")):
        algorithm = reader.number(2, "digest algorithm", "little")
        if algorithm not in sizes:
            raise rejected("event log", found=f"digest {algorithm:#x}", expected="a listed one")
        digest = reader.take(sizes[algorithm], "digest")
        if algorithm in ALGORITHMS:
            digests[ALGORITHMS[algorithm]] = digest
    told = reader.take(reader.number(4, "event's length", "little"), "event")
    return Event(register, kind, MappingProxyType(digests), told)
