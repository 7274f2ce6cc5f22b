"""The Merkle tree of RFC 9162: roots, inclusion proofs and consistency proofs over SHA-256.

`Tree` grows by one leaf at a time and keeps every complete subtree's hash, so that appending and
proving cost O(log n) and O(log² n). Verification functions take only bytes and numbers: a client
needs no tree. Nothing here knows what a leaf means.
"""

import hashlib
import hmac
from collections.abc import Sequence

from cleanroom.errors import LogInconsistent

HASH_LENGTH = 32
EMPTY_ROOT = hashlib.sha256(b"").digest()
"""The root of a tree without leaves (RFC 9162, section 2.1.1)."""


def leaf_hash(entry: bytes) -> bytes:
    """`SHA-256(0x00 || entry)` (RFC 9162, section 2.1.1)."""
    return hashlib.sha256(b"\x00" + entry).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    """`SHA-256(0x01 || left || right)` (RFC 9162, section 2.1.1)."""
    return hashlib.sha256(b"\x01" + left + right).digest()


class Tree:
    """A growing tree; `levels[k][i]` is the hash of the i-th complete subtree of 2**k leaves."""

    def __init__(self) -> None:
        self._levels: list[list[bytes]] = [[]]

    @property
    def size(self) -> int:
        """How many leaves it has."""
        return len(self._levels[0])

    def append(self, entry: bytes) -> None:
        """Add one entry as the last leaf."""
        node, level = leaf_hash(entry), 0
        self._levels[0].append(node)
        while len(self._levels[level]) % 2 == 0:
            left, right = self._levels[level][-2:]
            level += 1
            if level == len(self._levels):
                self._levels.append([])
            self._levels[level].append(node_hash(left, right))

    def root(self, size: int | None = None) -> bytes:
        """The root over the first `size` leaves (all by default), 32 bytes."""
        size = self.size if size is None else size
        return self._hash(0, size) if size else EMPTY_ROOT

    def inclusion(self, index: int, size: int) -> list[bytes]:
        """The path that proves leaf `index` in the tree of `size` (RFC 9162, section 2.1.3.1)."""
        if not 0 <= index < size <= self.size:
            raise LogInconsistent(
                f"no entry {index} in a log of {size}, expected 0 <= index < size <= {self.size}"
            )
        return self._path(index, 0, size)

    def consistency(self, first: int, second: int) -> list[bytes]:
        """The proof that size `second` extends size `first` (RFC 9162, section 2.1.4.1)."""
        if not 0 <= first <= second <= self.size:
            raise LogInconsistent(
                f"the log has {self.size} entries, asked to go from {first} to {second}"
            )
        return self._subproof(first, 0, second, complete=True) if 0 < first < second else []

    def _hash(self, start: int, end: int) -> bytes:
        width = end - start
        if width & (width - 1) == 0:
            return self._levels[width.bit_length() - 1][start // width]
        middle = start + _largest_power_below(width)
        return node_hash(self._hash(start, middle), self._hash(middle, end))

    def _path(self, index: int, start: int, end: int) -> list[bytes]:
        if end - start == 1:
            return []
        middle = start + _largest_power_below(end - start)
        if index < middle:
            return [*self._path(index, start, middle), self._hash(middle, end)]
        return [*self._path(index, middle, end), self._hash(start, middle)]

    def _subproof(self, first: int, start: int, end: int, *, complete: bool) -> list[bytes]:
        if first == end:
            return [] if complete else [self._hash(start, end)]
        middle = start + _largest_power_below(end - start)
        if first <= middle:
            return [
                *self._subproof(first, start, middle, complete=complete),
                self._hash(middle, end),
            ]
        return [*self._subproof(first, middle, end, complete=False), self._hash(start, middle)]


def verify_inclusion(
    entry: bytes, index: int, size: int, path: Sequence[bytes], root: bytes
) -> bytes:
    """Return `entry` once `path` proves it is leaf `index` of the tree with `size` and `root`.

    Implements RFC 9162, section 2.1.3.2.

    Raises:
        LogInconsistent: the proof does not hold.
    """
    if not 0 <= index < size:
        raise LogInconsistent(f"entry {index} cannot be in a log of {size} entries")
    node, position, last = leaf_hash(entry), index, size - 1
    for sibling in path:
        if last == 0:
            raise LogInconsistent("the inclusion proof is longer than the tree is high")
        if position % 2 or position == last:
            node = node_hash(sibling, node)
            while position % 2 == 0 and position:
                position, last = position // 2, last // 2
        else:
            node = node_hash(node, sibling)
        position, last = position // 2, last // 2
    if last or not hmac.compare_digest(node, root):
        raise LogInconsistent(f"the inclusion proof of entry {index} does not lead to the root")
    return entry


def verify_consistency(
    first: int, first_root: bytes, second: int, second_root: bytes, path: Sequence[bytes]
) -> int:
    """Return `second` once `path` proves that the later tree extends the earlier one.

    Implements RFC 9162, section 2.1.4.2.

    Raises:
        LogInconsistent: the later log is shorter, forked, or the proof does not hold.
    """
    if second < first:
        raise LogInconsistent(f"the log has {second} entries, expected at least {first}")
    if first in {0, second}:
        expected = EMPTY_ROOT if first == 0 else second_root
        if path or not hmac.compare_digest(first_root, expected):
            raise LogInconsistent(f"the log of {second} entries is not the one seen before")
        return second
    proof = list(path) if first & (first - 1) else [first_root, *path]
    old_root, new_root = _fold_consistency(first, second, proof)
    if not hmac.compare_digest(old_root, first_root) or not hmac.compare_digest(
        new_root, second_root
    ):
        raise LogInconsistent(f"the log of {second} entries does not extend the one of {first}")
    return second


def _fold_consistency(first: int, second: int, proof: list[bytes]) -> tuple[bytes, bytes]:
    position, last = first - 1, second - 1
    while position % 2:
        position, last = position // 2, last // 2
    if not proof:
        raise LogInconsistent("the consistency proof is empty")
    old = new = proof[0]
    for sibling in proof[1:]:
        if last == 0:
            raise LogInconsistent("the consistency proof is longer than the tree is high")
        if position % 2 or position == last:
            old, new = node_hash(sibling, old), node_hash(sibling, new)
            while position % 2 == 0 and position:
                position, last = position // 2, last // 2
        else:
            new = node_hash(new, sibling)
        position, last = position // 2, last // 2
    if last:
        raise LogInconsistent("the consistency proof is shorter than the tree is high")
    return old, new


def _largest_power_below(width: int) -> int:
    return 1 << ((width - 1).bit_length() - 1)
