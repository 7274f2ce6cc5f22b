"""The room's journal: events, the room's keys and its receipts, as sealed rows of one store.

Opening it replays every event through `step` and compares the log that comes out with the head
that was committed last. What was acknowledged is here; what is not here did not happen.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Self

from cleanroom.encoding import frame
from cleanroom.errors import CleanroomError, RunUnknown, StateUnreadable
from cleanroom.ledger.checkpoint import LogHead
from cleanroom.ledger.tree import Tree
from cleanroom.manifest.genesis import Genesis
from cleanroom.protocol.receipt import Receipt
from enclave.coordinator.events import Event, Journalled
from enclave.coordinator.keys import RoomKeys
from enclave.coordinator.room import Step, step
from enclave.coordinator.seed import state_key
from enclave.coordinator.state import Room
from enclave.coordinator.store import Row, Store

FILE = "state.sqlite"
EVENT, KEYS, RECEIPT = "event", "keys", "receipt/"
"""Kinds of rows; a receipt's is followed by its run."""


@dataclass(slots=True)
class Log:
    """The entries of the room's log and the tree over them."""

    lineage: str
    tree: Tree = field(default_factory=Tree)
    entries: list[bytes] = field(default_factory=list)
    """Canonical bytes, by sequence."""

    def extend(self, made: Step) -> None:
        """Take the entries of a step."""
        for entry in made.entries:
            raw = entry.to_bytes()
            self.tree.append(raw)
            self.entries.append(raw)

    def head(self) -> LogHead:
        """How long it is, and its root."""
        return LogHead(lineage=self.lineage, size=self.tree.size, root=self.tree.root())


class Journal:
    """An open journal with the room that it makes."""

    def __init__(self, store: Store, genesis: Genesis, began: datetime) -> None:
        self._store = store
        self._receipts: dict[str, int] = {}
        self._keys: RoomKeys | None = None
        self.room = Room(genesis=genesis, at=began)
        self.log = Log(str(genesis.lineage))

    @classmethod
    def open(
        cls,
        directory: Path,
        genesis: Genesis,
        derive_key: Callable[[bytes], bytes],
        now: datetime,
    ) -> Self:
        """Open or begin the journal in `directory`.

        Args:
            directory: the coordinator's own.
            genesis: what the room was launched for.
            derive_key: the platform's secret for a context, as `Attester.derive_key`.
            now: when a new room's keys are made, aware.

        Raises:
            StateUnreadable: it is damaged, erased, of another room, image or machine, or in use.
        """
        secret = derive_key(frame("cleanroom/state/v1", genesis.digest))
        state = directory / FILE
        store = Store.open(state, state_key(directory, state, secret))
        journal = cls(store, genesis, datetime.fromtimestamp(0, now.tzinfo))
        try:
            journal._replay()
        except StateUnreadable:
            store.close()
            raise
        store.begin_epoch()
        if journal._keys is None:
            journal._keys = RoomKeys.generate(now)
            store.append([(KEYS, journal._keys.to_bytes())], journal.log.head().to_bytes())
        return journal

    @property
    def keys(self) -> RoomKeys:
        """The room's own secrets."""
        if self._keys is None:
            raise StateUnreadable("the state holds no keys of the room")
        return self._keys

    def commit(self, event: Event, made: Step, receipts: Sequence[tuple[str, Receipt]]) -> None:
        """Make an event durable with the receipts that belong to it; `log` has its entries.

        Raises:
            StateUnreadable: the disk did not take it; the process must end.
        """
        rows = [(EVENT, Journalled(event=event).to_bytes())]
        rows += [(RECEIPT + run, receipt.to_bytes()) for run, receipt in receipts]
        places = self._store.append(rows, self.log.head().to_bytes())
        self.room = made.room
        for (run, _), place in zip(receipts, places[1:], strict=True):
            self._receipts[run] = place

    def receipt(self, run: str) -> bytes:
        """The canonical bytes of a run's receipt.

        Raises:
            RunUnknown: the run was not released.
        """
        if run not in self._receipts:
            raise RunUnknown(f"run {run} has no receipt: it was not released")
        return self._store.read(self._receipts[run]).content

    def close(self) -> None:
        """Give the file back."""
        self._store.close()

    def _replay(self) -> None:
        for row in self._store.rows():
            self._read(row)
        head = self._store.head()
        if head and LogHead.from_bytes(head) != self.log.head():
            raise StateUnreadable("the state is damaged: its log is not the one that was committed")

    def _read(self, row: Row) -> None:
        if row.kind == KEYS:
            self._keys = RoomKeys.from_bytes(row.content)
        elif row.kind.startswith(RECEIPT):
            self._receipts[row.kind.removeprefix(RECEIPT)] = row.place
        else:
            try:
                made = step(self.room, Journalled.from_bytes(row.content).event)
            except CleanroomError:
                raise StateUnreadable(
                    f"the state is damaged: the event in row {row.place} does not follow"
                ) from None
            self.room = made.room
            self.log.extend(made)
