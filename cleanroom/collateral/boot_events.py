"""Events that a boot measures into a register, and what a register holds after them.

Beside them stands the one thing that several events depend on: where QEMU's q35 puts memory.
"""

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass

MIB = 1024 * 1024
GIB4 = 1 << 32
SPLIT = 0xB0000000
"""From this much memory on, q35 puts less of it below 4 GiB; in bytes."""
BELOW_SPLIT = 0x80000000
"""How much then; in bytes."""


@dataclass(frozen=True, slots=True)
class BootEvent:
    """One event."""

    name: str
    """What is measured, for messages."""
    digest: bytes
    """SHA-384, 48 bytes."""


SEPARATOR = BootEvent("the separator", hashlib.sha384(bytes(4)).digest())
"""Ends what firmware measures of one kind (EV_SEPARATOR)."""


def event(name: str, content: bytes) -> BootEvent:
    """An event by what is measured."""
    return BootEvent(name, hashlib.sha384(content).digest())


def extend_all(events: Iterable[BootEvent]) -> bytes:
    """A register's value after these events, starting from zeros; 48 bytes."""
    value = bytes(48)
    for each in events:
        value = hashlib.sha384(value + each.digest).digest()
    return value


def memory_below_4g(memory: int) -> int:
    """How much of a guest's memory q35 puts below 4 GiB.

    Args:
        memory: in bytes.
    """
    return memory if memory < SPLIT else BELOW_SPLIT
