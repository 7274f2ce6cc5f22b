"""The tree against the definitions of RFC 9162, written down naively: every proof of every size."""

import hashlib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cleanroom.errors import LogInconsistent
from cleanroom.ledger.tree import Tree, verify_consistency, verify_inclusion

LARGEST = 130
"""Past 128, so that a complete tree of eight levels is among the sizes."""


def leaf(number):
    return b"entry %d" % number


def split(size):
    """The largest power of two smaller than `size` (section 2.1.1)."""
    power = 1
    while power * 2 < size:
        power *= 2
    return power


def mth(entries):
    """MTH of section 2.1.1, word for word."""
    if not entries:
        return hashlib.sha256().digest()
    if len(entries) == 1:
        return hashlib.sha256(b"\x00" + entries[0]).digest()
    k = split(len(entries))
    return hashlib.sha256(b"\x01" + mth(entries[:k]) + mth(entries[k:])).digest()


def path(index, entries):
    """PATH of section 2.1.3.1."""
    if len(entries) == 1:
        return []
    k = split(len(entries))
    if index < k:
        return [*path(index, entries[:k]), mth(entries[k:])]
    return [*path(index - k, entries[k:]), mth(entries[:k])]


def subproof(first, entries, *, whole):
    """SUBPROOF of section 2.1.4.1."""
    if first == len(entries):
        return [] if whole else [mth(entries)]
    k = split(len(entries))
    if first <= k:
        return [*subproof(first, entries[:k], whole=whole), mth(entries[k:])]
    return [*subproof(first - k, entries[k:], whole=False), mth(entries[:k])]


@pytest.fixture(scope="module")
def tree():
    """A tree of the largest size; smaller ones are its prefixes."""
    grown = Tree()
    for number in range(LARGEST):
        grown.append(leaf(number))
    return grown


def test_every_root_is_the_one_of_the_definition():
    grown = Tree()
    assert grown.root() == mth([])
    for size in range(1, LARGEST + 1):
        grown.append(leaf(size - 1))
        assert grown.size == size
        assert grown.root() == mth([leaf(number) for number in range(size)])


def test_every_prefix_has_the_root_it_had(tree):
    for size in range(LARGEST + 1):
        assert tree.root(size) == mth([leaf(number) for number in range(size)])


def test_every_inclusion_proof_is_the_definitions_and_verifies(tree):
    for size in range(1, LARGEST + 1):
        entries, root = [leaf(number) for number in range(size)], tree.root(size)
        for index in {0, 1, size // 2, size - 2, size - 1} & set(range(size)):
            proof = tree.inclusion(index, size)
            assert proof == path(index, entries)
            assert verify_inclusion(entries[index], index, size, proof, root) == entries[index]


def test_every_index_of_every_size_verifies(tree):
    for size in range(1, LARGEST + 1):
        root = tree.root(size)
        for index in range(size):
            proof = tree.inclusion(index, size)
            assert verify_inclusion(leaf(index), index, size, proof, root) == leaf(index)


def test_every_consistency_proof_verifies(tree):
    roots = [tree.root(size) for size in range(LARGEST + 1)]
    for second in range(LARGEST + 1):
        for first in range(second + 1):
            proof = tree.consistency(first, second)
            assert verify_consistency(first, roots[first], second, roots[second], proof) == second


def test_consistency_proofs_are_the_definitions(tree):
    for second in (2, 3, 7, 8, 9, 64, 65, 100, 129, 130):
        entries = [leaf(number) for number in range(second)]
        for first in range(1, second):
            assert tree.consistency(first, second) == subproof(first, entries, whole=True)


sizes = st.integers(1, LARGEST)


@settings(max_examples=200)
@given(sizes, st.data())
def test_no_altered_inclusion_proof_verifies(size, data):
    grown = Tree()
    for number in range(size):
        grown.append(leaf(number))
    index = data.draw(st.integers(0, size - 1))
    proof = bend(grown.inclusion(index, size), data)
    with pytest.raises(LogInconsistent):
        verify_inclusion(leaf(index), index, size, proof, grown.root())


@settings(max_examples=200)
@given(sizes, st.data())
def test_no_altered_consistency_proof_verifies(second, data):
    grown = Tree()
    for number in range(second):
        grown.append(leaf(number))
    first = data.draw(st.integers(1, second))
    proof = bend(grown.consistency(first, second), data)
    with pytest.raises(LogInconsistent):
        verify_consistency(first, grown.root(first), second, grown.root(), proof)


def bend(proof, data):
    """A proof that is not `proof`: a node changed, dropped, doubled, or one too many."""
    place = data.draw(st.integers(0, max(0, len(proof) - 1)))
    kinds = ["longer"] if not proof else ["longer", "changed", "dropped", "doubled"]
    match data.draw(st.sampled_from(kinds)):
        case "longer":
            return [*proof, bytes(32)]
        case "changed":
            return [*proof[:place], bytes(32), *proof[place + 1 :]]
        case "dropped":
            return [*proof[:place], *proof[place + 1 :]]
        case _:
            return [*proof[: place + 1], *proof[place:]]


@given(sizes, sizes, st.data())
def test_another_entry_or_another_index_does_not_verify(size, other, data):
    grown = Tree()
    for number in range(size):
        grown.append(leaf(number))
    index = data.draw(st.integers(0, size - 1))
    proof = grown.inclusion(index, size)
    with pytest.raises(LogInconsistent):
        verify_inclusion(b"forged", index, size, proof, grown.root())
    if other != index:
        with pytest.raises(LogInconsistent):
            verify_inclusion(leaf(index), other, size, proof, grown.root())


@given(sizes, sizes)
def test_a_forked_log_does_not_extend(first, more):
    honest, forked = Tree(), Tree()
    for number in range(first):
        honest.append(leaf(number))
        forked.append(leaf(number) if number < first - 1 else b"another history")
    for number in range(first, first + more):
        forked.append(leaf(number))
    proof = forked.consistency(first, forked.size)
    with pytest.raises(LogInconsistent):
        verify_consistency(first, honest.root(), forked.size, forked.root(), proof)
