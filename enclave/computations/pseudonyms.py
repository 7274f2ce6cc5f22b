"""Names for units that mean nothing outside one output of one recipient.

Each is 16 fresh random bytes, drawn when an output is released: two recipients, or two runs, get
unrelated names for the same unit, and a name cannot be computed from an identity at all.
"""

import secrets
from dataclasses import dataclass

import numpy as np
import pyarrow as pa

LENGTH = 16
"""Random bytes in a pseudonym; written as twice as many hexadecimal digits."""
_DIGITS = np.frombuffer(b"".join(b"%02x" % byte for byte in range(256)), dtype=np.uint16)
"""The two hexadecimal digits of each byte."""


@dataclass(frozen=True, slots=True)
class Pseudonyms:
    """One random name for each distinct unit of an output, for one recipient."""

    names: np.ndarray
    """`uint8`, one row of `LENGTH` bytes for each distinct unit."""
    unit: np.ndarray
    """Which row of `names` each line of the output has."""

    @classmethod
    def draw(cls, unit: np.ndarray) -> "Pseudonyms":
        """Draw names for the units of an output's lines, `unit` being equal for equal units."""
        if bool((unit[1:] > unit[:-1]).all()):
            index, distinct = np.arange(len(unit)), len(unit)
        else:
            found, index = np.unique(unit, return_inverse=True)
            distinct = len(found)
        drawn = np.frombuffer(secrets.token_bytes(LENGTH * distinct), dtype=np.uint8)
        return cls(drawn.reshape(distinct, LENGTH), index)

    def shuffle(self) -> np.ndarray:
        """A random order of the lines, the lines of one unit together: by the drawn bytes."""
        high = self.names[:, :8].copy().view(np.uint64).ravel()
        return np.argsort(high[self.unit], kind="stable")

    def texts(self, place: np.ndarray | None) -> pa.Array:
        """The lines' pseudonyms as 32 hexadecimal digits, in the order of `place`."""
        index = self.unit if place is None else self.unit[place]
        digits = _DIGITS[self.names[index]]
        offsets = np.arange(0, 2 * LENGTH * len(index) + 1, 2 * LENGTH, dtype=np.int64)
        buffers = [None, pa.py_buffer(offsets), pa.py_buffer(digits)]
        return pa.Array.from_buffers(pa.large_string(), len(index), buffers)
