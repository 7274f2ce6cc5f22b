"""What a party remembers about its rooms: the `.cleanroom/` directory beside `cleanroom.yaml`.

    config.toml            coordinator, identity and profile, so that no call repeats them
    heads/<lineage>.json   the last log head this party accepted: a shorter log is refused
    statements/<lineage>/  room statements as they were verified: receipt number 0
    receipts/<run>.json    receipts of runs
    collateral/*.json      bundles of what vendors say; put there by the party
    uploads/<dataset>/     sealed parts whose version the room has not accepted yet

Everything is for its owner only. No key is kept here: identities are files of their own, and the
key of a dataset never touches a disk.
"""

import json
import tomllib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

from pydantic import StringConstraints as Text

from cleanroom.client.files import locked, private_directory, write_over
from cleanroom.encoding import Record
from cleanroom.errors import CleanroomError, FileMissing, LogInconsistent, Usage
from cleanroom.ledger.checkpoint import LogHead
from cleanroom.protocol.receipt import Receipt
from cleanroom.protocol.statement import TrustedRoom

DIRECTORY = ".cleanroom"
"""Beside the manifest."""
CONFIG_FILE = "config.toml"
Line = Annotated[str, Text(max_length=4096, pattern=r"^[^\x00-\x1f\x7f]*$")]
"""Text of one line, without control characters."""


class Config(Record):
    """What need not be said in every call."""

    coordinator: Line = ""
    """`host:port`; untrusted."""
    identity: Line = ""
    """Path of the identity file; a relative one starts beside the manifest."""
    allow_simulated: bool = False
    """Whether this party accepts simulated platforms; only development manifests allow any."""


class RememberedHead:
    """The head of one room's log, while nobody else changes it."""

    def __init__(self, path: Path, lineage: str) -> None:
        self._path = path
        self.head: LogHead | None = _head(path, lineage)
        """What was accepted last; None at first contact."""

    def keep(self, head: LogHead) -> None:
        """Remember a head that was just verified to extend this one."""
        if self.head is not None and head.size < self.head.size:
            raise LogInconsistent(f"the log has {head.size} entries, expected {self.head.size}")
        if head != self.head:
            write_over(self._path, head.to_bytes())
        self.head = head


class Memory:
    """One `.cleanroom/` directory; made when something is first kept."""

    def __init__(self, beside: Path) -> None:
        """Name the directory of the manifest; the memory lies beside it."""
        self._beside = beside
        self.directory = beside / DIRECTORY

    @property
    def config(self) -> Config:
        """What `config.toml` says; the defaults where there is none.

        Raises:
            Usage: the file is not TOML or has other fields.
        """
        try:
            text = (self.directory / CONFIG_FILE).read_text(encoding="utf-8")
            return Config.from_plain(tomllib.loads(text))
        except FileNotFoundError:
            return Config()
        except (CleanroomError, OSError, ValueError):
            raise Usage(
                f"{DIRECTORY}/{CONFIG_FILE} is malformed, expected {sorted(Config.model_fields)}",
                hint="mend the file, or delete it and name address and identity again",
            ) from None

    @property
    def coordinator(self) -> str | None:
        """The remembered address; untrusted."""
        return self.config.coordinator or None

    @property
    def identity_path(self) -> Path | None:
        """The remembered identity file."""
        kept = self.config.identity
        return self._beside / kept if kept else None

    @property
    def allow_simulated(self) -> bool:
        """Whether this party accepts simulated platforms here."""
        return self.config.allow_simulated

    def remember(
        self,
        *,
        coordinator: str | None = None,
        identity: Path | None = None,
        allow_simulated: bool | None = None,
    ) -> Config:
        """Keep what is given for later calls; what is not given stays as it was.

        Raises:
            Usage: a value is not one line of text, or the kept file is malformed.
        """
        kept = self.config
        try:
            given = Config(
                coordinator=kept.coordinator if coordinator is None else coordinator,
                identity=kept.identity if identity is None else str(identity.resolve()),
                allow_simulated=(
                    kept.allow_simulated if allow_simulated is None else allow_simulated
                ),
            )
        except ValueError:
            raise Usage("the address or path is not one line of text") from None
        if given != kept:
            private_directory(self.directory)
            write_over(self.directory / CONFIG_FILE, _toml(given).encode())
        return given

    @contextmanager
    def head_of(self, lineage: str) -> Iterator[RememberedHead]:
        """The remembered head of a room, locked, so that two sessions do not pass each other."""
        heads = private_directory(self.directory / "heads")
        with locked(heads / f"{lineage}.lock"):
            yield RememberedHead(heads / f"{lineage}.json", lineage)

    def keep_statement(self, room: TrustedRoom) -> Path:
        """Keep a verified statement, named by the length of the log that it shows."""
        statements = private_directory(self.directory / "statements" / str(room.genesis.lineage))
        return write_over(statements / f"{room.head.size:08d}.json", room.statement.to_bytes())

    def keep_receipt(self, run: str, receipt: Receipt) -> Path:
        """Keep the receipt of a run."""
        receipts = private_directory(self.directory / "receipts")
        return write_over(receipts / f"{run}.json", receipt.to_bytes())

    def receipt(self, run: str) -> Receipt:
        """The kept receipt of a run, unverified.

        Raises:
            FileMissing: none was kept.
        """
        try:
            raw = (self.directory / "receipts" / f"{run}.json").read_bytes()
        except OSError:
            raise FileMissing(f"no receipt of run {run!r} was kept here") from None
        return Receipt.from_bytes(raw)

    def uploads(self, dataset: str) -> Path:
        """Where the sealed parts of a dataset wait until the room has accepted them."""
        return private_directory(self.directory / "uploads" / dataset)

    def __repr__(self) -> str:
        return f"Memory({self.directory.name!r})"


def _head(path: Path, lineage: str) -> LogHead | None:
    try:
        head = LogHead.from_bytes(path.read_bytes())
    except FileNotFoundError:
        return None
    except (CleanroomError, OSError):
        raise FileMissing(
            f"the remembered log head of room {lineage} cannot be read",
            hint="restore it from a backup: without it a rolled-back log cannot be recognised",
        ) from None
    if head.lineage != lineage:
        raise LogInconsistent(f"the remembered log is of {head.lineage}, expected {lineage}")
    return head


def _toml(config: Config) -> str:
    """TOML for plain strings and booleans; JSON's escapes are TOML's, control characters aside."""
    lines = [
        f"{name} = {json.dumps(value, ensure_ascii=False)}"
        for name, value in config.to_plain().items()
    ]
    return "\n".join(lines) + "\n"
