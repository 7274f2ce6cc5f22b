"""The room's log, fetched whole and proven whole: every entry leads to the signed head.

Entries say that something happened and name it by digest; they hold no key, row or count.
"""

from dataclasses import dataclass

from cleanroom.client.calls import Calls
from cleanroom.client.display import counted, mimebundle, text_table
from cleanroom.crypto.envelope import Envelope
from cleanroom.encoding import instant_text
from cleanroom.errors import LogInconsistent
from cleanroom.ledger.checkpoint import LogHead, extend_head, open_checkpoint
from cleanroom.ledger.entry import Entry
from cleanroom.ledger.tree import Tree
from cleanroom.wire.proto.cleanroom.v1 import cleanroom_pb2 as pb

PAGE = 500
"""Entries that are asked for at once; each is below 4 KiB."""
HEADINGS = ("entry", "at", "what")


@dataclass(frozen=True, slots=True)
class LogView:
    """Every entry of a log, under one signed head; made by `fetch_log` only."""

    head: LogHead
    """The head that all entries together lead to."""
    entries: tuple[Entry, ...]
    """From the first to the last."""

    def table(self) -> list[tuple[str, str, str]]:
        """One line for each entry."""
        return [
            (str(entry.sequence), instant_text(entry.at), _told(entry)) for entry in self.entries
        ]

    def to_json(self) -> dict[str, object]:
        """Head and entries as plain values."""
        return {
            "head": self.head.to_plain(),
            "entries": [entry.to_plain() for entry in self.entries],
        }

    def __repr__(self) -> str:
        return text_table(self._title(), HEADINGS, self.table())

    def _repr_mimebundle_(self, **_formats: object) -> dict[str, str]:
        return mimebundle(self._title(), HEADINGS, self.table())

    def _title(self) -> str:
        return (
            f"log of {self.head.lineage}: {counted(self.head.size, 'entry', 'entries')}, verified"
        )


def fetch_log(calls: Calls) -> LogView:
    """Fetch the whole log, and prove it.

    The head must be signed by the attested key and extend the one that the room's statement
    showed; the entries must lead to exactly that head.

    Raises:
        LogInconsistent: an entry is missing, altered or out of order, or the head is a fork.
        SignatureInvalid: the room's attested key did not sign the head.
    """
    room = calls.require_active()
    reply: pb.Canonical = calls.unary(lambda to: to.log.GetCheckpoint, pb.Nothing())
    head = open_checkpoint(Envelope.from_bytes(reply.record), calls.room.sign_key)
    wanted = pb.ConsistencyRequest(first=room.head.size, second=head.size)
    proof: pb.Proof = calls.unary(lambda to: to.log.GetConsistency, wanted)
    extend_head(room.head, head, list(proof.path))
    raw = _pages(calls, head.size)
    tree = Tree()
    for entry in raw:
        tree.append(entry)
    if tree.size != head.size or tree.root() != head.root:
        raise LogInconsistent(f"the {tree.size} entries are not those of the signed head")
    return LogView(head, tuple(_in_place(entry, place) for place, entry in enumerate(raw)))


def _pages(calls: Calls, size: int) -> list[bytes]:
    raw: list[bytes] = []
    while len(raw) < size:
        wanted = pb.EntriesRequest(start=len(raw), end=min(size, len(raw) + PAGE))
        page: pb.CanonicalList = calls.unary(lambda to: to.log.GetEntries, wanted)
        if not page.records:
            raise LogInconsistent(f"the log ends after {len(raw)} entries, expected {size}")
        raw += page.records
    return raw


def _in_place(raw: bytes, place: int) -> Entry:
    entry = Entry.from_bytes(raw)
    if entry.sequence != place:
        raise LogInconsistent(f"entry {place} says it is entry {entry.sequence}")
    return entry


def _told(entry: Entry) -> str:
    said = entry.content.to_plain()
    facts = [f"{name} {value}" for name, value in said.items() if isinstance(value, str | int)]
    return ", ".join([str(said["kind"]), *(fact for fact in facts if not fact.startswith("kind "))])
