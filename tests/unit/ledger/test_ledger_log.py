"""Entries, checkpoints and the edges of the proofs."""

import pytest

from cleanroom.crypto.signing import Ed25519Signer
from cleanroom.encoding import content_digest
from cleanroom.errors import LogInconsistent, NotCanonical, RecordMalformed, SignatureInvalid
from cleanroom.ledger.checkpoint import (
    SIGNER_KID,
    LogHead,
    extend_head,
    open_checkpoint,
    sign_checkpoint,
)
from cleanroom.ledger.entry import Entry, KeysGranted, RunEnded
from cleanroom.ledger.tree import EMPTY_ROOT, Tree, verify_consistency, verify_inclusion
from tests.support.manifests import NOW

SIGNER = Ed25519Signer.generate(SIGNER_KID)
RUN = "r-0000000000000001"


def grown(size, word=b"entry"):
    tree = Tree()
    for number in range(size):
        tree.append(b"%b %d" % (word, number))
    return tree


def head(tree, lineage="a room"):
    return LogHead(lineage=lineage, size=tree.size, root=tree.root())


def test_an_entry_survives_its_bytes():
    entry = Entry(sequence=3, at=NOW, content=RunEnded(run=RUN, code="CR-6003"))
    assert Entry.from_bytes(entry.to_bytes()) == entry


def test_an_entry_of_an_unknown_kind_is_refused():
    raw = (
        Entry(sequence=3, at=NOW, content=RunEnded(run=RUN, code="CR-6003"))
        .to_bytes()
        .replace(b"run-ended", b"run-other")
    )
    with pytest.raises(RecordMalformed):
        Entry.from_bytes(raw)


def test_an_entry_holds_no_free_text():
    with pytest.raises(ValueError, match="code"):
        RunEnded(run=RUN, code="the row of Alice")


def test_granted_keys_name_versions_by_digest():
    with pytest.raises(ValueError, match="versions"):
        KeysGranted(run=RUN, workers=["w-0000000000000001"], versions={"left": "rows.csv"})


def test_an_entry_with_space_in_it_is_another_encoding():
    raw = Entry(sequence=3, at=NOW, content=RunEnded(run=RUN, code="CR-6003")).to_bytes()
    with pytest.raises(NotCanonical):
        Entry.from_bytes(raw.replace(b",", b", ", 1))


def test_a_checkpoint_opens_under_its_key_only():
    envelope = sign_checkpoint(head(grown(5)), SIGNER)
    assert open_checkpoint(envelope, SIGNER.public_key).size == 5
    with pytest.raises(SignatureInvalid):
        open_checkpoint(envelope, Ed25519Signer.generate(SIGNER_KID).public_key)


def test_a_checkpoint_with_another_size_does_not_open():
    envelope = sign_checkpoint(head(grown(5)), SIGNER)
    changed = envelope.payload.replace(b'"size":5', b'"size":6')
    with pytest.raises(SignatureInvalid):
        open_checkpoint(envelope.model_copy(update={"payload": changed}), SIGNER.public_key)


def test_a_head_that_extends_is_taken():
    old, new = grown(5), grown(9)
    assert extend_head(head(old), head(new), new.consistency(5, 9)) == head(new)
    assert extend_head(head(new), head(new), []) == head(new)


def test_a_shorter_log_is_refused():
    with pytest.raises(LogInconsistent, match="has 5 entries, expected at least 9"):
        extend_head(head(grown(9)), head(grown(5)), [])


def test_a_log_of_another_room_is_refused():
    with pytest.raises(LogInconsistent, match="lineage"):
        extend_head(head(grown(5)), head(grown(5), "another room"), [])


def test_a_log_with_another_past_is_refused():
    other = grown(9, b"other")
    with pytest.raises(LogInconsistent):
        extend_head(head(grown(5)), head(other), other.consistency(5, 9))


def test_the_same_size_with_another_root_is_a_fork():
    with pytest.raises(LogInconsistent, match="not the one seen before"):
        extend_head(head(grown(5)), head(grown(5, b"other")), [])


def test_every_log_extends_the_empty_one():
    new = grown(7)
    assert verify_consistency(0, EMPTY_ROOT, 7, new.root(), []) == 7
    with pytest.raises(LogInconsistent):
        verify_consistency(0, bytes(32), 7, new.root(), [])


@pytest.mark.parametrize(("index", "size"), [(5, 5), (-1, 5), (0, 0)])
def test_an_entry_outside_of_the_log_has_no_proof(index, size):
    with pytest.raises(LogInconsistent):
        grown(5).inclusion(index, size)
    with pytest.raises(LogInconsistent, match="cannot be in a log"):
        verify_inclusion(b"entry", index, size, [], bytes(32))


@pytest.mark.parametrize(("first", "second"), [(-1, 3), (4, 3), (1, 6)])
def test_sizes_outside_of_the_log_have_no_proof(first, second):
    with pytest.raises(LogInconsistent, match="has 5 entries"):
        grown(5).consistency(first, second)


def test_an_entry_is_not_a_node():
    """Second preimage: the bytes of two leaf hashes are no leaf (the 0x00 and 0x01 prefixes)."""
    tree = grown(4)
    left, right = tree.inclusion(0, 2)[0], tree.root(2)
    with pytest.raises(LogInconsistent):
        verify_inclusion(left + right, 0, 2, tree.inclusion(2, 4)[1:], tree.root(4))


def test_no_two_entries_share_a_name():
    names = {content_digest(b"%d" % number) for number in range(100)}
    assert len(names) == 100
