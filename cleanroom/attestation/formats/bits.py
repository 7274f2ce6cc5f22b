"""Words of flags: the named bits, and those without a name."""

from collections.abc import Mapping


def set_bits(word: int, names: Mapping[str, int]) -> dict[str, bool]:
    """Each named bit of `word`."""
    return {name: bool(word >> bit & 1) for name, bit in names.items()}


def unnamed_bits(word: int, names: Mapping[str, int]) -> list[int]:
    """The numbers of set bits that have no name."""
    known = set(names.values())
    return [bit for bit in range(word.bit_length()) if word >> bit & 1 and bit not in known]
