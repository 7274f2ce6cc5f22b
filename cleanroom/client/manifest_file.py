"""The manifest as its people hold it: the file `cleanroom.yaml`, and `approvals/` beside it.

Loads, checks, plans and approves without a network. Approvals travel as files, one for each party,
so that a shared repository or an e-mail is a fine way to negotiate.
"""

import os
import secrets
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import Self

from cleanroom.attestation.resolving import resolve
from cleanroom.client.clock import Clock, system_clock
from cleanroom.client.display import mimebundle
from cleanroom.client.files import write_over
from cleanroom.client.identity import Identity
from cleanroom.client.signed_values import values_beside
from cleanroom.crypto.envelope import Envelope
from cleanroom.encoding import instant_text
from cleanroom.errors import CleanroomError, FileMissing, ManifestRule, Problem
from cleanroom.manifest.approval import Tally, sign_approval, tally
from cleanroom.manifest.checks import CheckedManifest, check
from cleanroom.manifest.model import Manifest
from cleanroom.manifest.plan import Plan, plan
from cleanroom.manifest.text import load, locate

FILE_NAME = "cleanroom.yaml"
"""What the manifest's file is called unless its authors choose otherwise."""
APPROVALS = "approvals"
"""The directory of approvals, beside the manifest."""
PUBLIC_FILE = 0o644
"""Approvals hold no secret and are passed on."""
NONCE_LENGTH = 16


class ManifestFile:
    """A manifest and the file it came from.

    Args:
        manifest: what the file says.
        path: where it stands.
        text: the author's text, for lines and columns of problems.
        clock: tells the time; approvals are counted at it.
    """

    def __init__(self, manifest: Manifest, path: Path, text: bytes, clock: Clock) -> None:
        self.manifest = manifest
        """The manifest itself, frozen."""
        self.path = path
        self._text = text
        self._clock = clock

    @classmethod
    def load(cls, path: str | os.PathLike[str] = FILE_NAME, *, clock: Clock = system_clock) -> Self:
        """Read a manifest that people wrote, or that was written as JSON.

        Args:
            path: the file, or a directory that holds `cleanroom.yaml`.
            clock: tells the time.

        Raises:
            FileMissing: there is no such file.
            ManifestError: it is not a manifest; `problems` has every fault with its line.
        """
        file = Path(path) / FILE_NAME if Path(path).is_dir() else Path(path)
        try:
            text = file.read_bytes()
        except OSError:
            raise FileMissing(f"there is no readable manifest {file.name!r}") from None
        return cls(load(text, name=file.name), file, text, clock)

    @classmethod
    def find(cls, start: Path, *, name: str = "", clock: Clock = system_clock) -> Self:
        """The manifest in `start` or the nearest directory above it.

        Args:
            start: where to begin.
            name: the room's name; empty for any.
            clock: tells the time.

        Raises:
            FileMissing: there is none, or the nearest is of another room.
        """
        for directory in (start.resolve(), *start.resolve().parents):
            if (directory / FILE_NAME).is_file():
                found = cls.load(directory / FILE_NAME, clock=clock)
                if name and found.name != name:
                    raise FileMissing(f"{FILE_NAME} is of room {found.name!r}, expected {name!r}")
                return found
        raise FileMissing(f"there is no {FILE_NAME} here or in a directory above")

    @property
    def name(self) -> str:
        """The room's name."""
        return self.manifest.metadata.name

    @property
    def digest(self) -> str:
        """What parties sign when they approve."""
        return self.manifest.digest

    @property
    def approvals_directory(self) -> Path:
        """Where approvals are exchanged."""
        return self.path.parent / APPROVALS

    def check(self) -> CheckedManifest:
        """The manifest as checked, with warnings worth a second look.

        Raises:
            ManifestRule: fields do not fit each other; each problem has its line and column.
        """
        try:
            return check(self.manifest)
        except ManifestRule as broken:
            placed = self.located(broken.problems)
            raise ManifestRule(broken.message, problems=placed) from None

    def located(self, problems: Sequence[Problem]) -> list[Problem]:
        """The same problems with their places in this file."""
        return locate(problems, self._text, name=self.path.name)

    def plan(self) -> Plan:
        """What will happen if everybody signs: who brings, runs and learns what.

        Raises:
            ManifestRule: fields do not fit each other.
        """
        self.check()
        return plan(self.manifest, self._clock(), self.reference_values())

    def approve(self, identity: Identity, *, not_after: datetime | None = None) -> Path:
        """Sign this very manifest, and keep the approval in `approvals/<party>.json`.

        Args:
            identity: whose approval it is.
            not_after: when the consent ends, aware, in whole seconds; with the manifest by default.

        Returns:
            The file to pass on to the other parties.

        Raises:
            ManifestRule: fields do not fit each other.
            IdentityInvalid: the manifest does not name this party with these keys.
            ReferenceValuesRefused: the manifest names an image whose builders' signatures are not
                all in `reference-values/`: who cannot see it should not sign for it.
        """
        self.check()
        identity.belongs_to(self.manifest)
        resolve(self.manifest.attestation, self.reference_values(), now=self._clock())
        end = not_after or self.manifest.metadata.not_after
        nonce = secrets.token_bytes(NONCE_LENGTH)
        signer = identity.signer("approve")
        envelope = sign_approval(self.manifest, identity.party, signer, end, nonce)
        self.approvals_directory.mkdir(exist_ok=True)
        file = self.approvals_directory / f"{identity.party}.json"
        return write_over(file, envelope.to_bytes(), PUBLIC_FILE)

    def approvals(self) -> list[Envelope]:
        """Every approval in `approvals/`, of whatever manifest; `tally` says which count.

        Raises:
            FileMissing: a file there is not an approval.
        """
        files = sorted(self.approvals_directory.glob("*.json"))
        return [_envelope(file) for file in files]

    def reference_values(self) -> list[Envelope]:
        """What builders signed about the images that the manifest names, from `reference-values/`.

        Raises:
            FileMissing: a file there is not an envelope.
        """
        return values_beside(self.path.parent, self.manifest)

    def tally(self) -> Tally:
        """Who has approved this very manifest so far, who has not, and what did not count."""
        return tally(self.manifest, self.approvals(), self._clock())

    def to_json(self) -> dict[str, object]:
        """The manifest as plain JSON values."""
        return self.manifest.to_plain()

    def __repr__(self) -> str:
        metadata = self.manifest.metadata
        return f"Manifest({metadata.name!r} version {metadata.version}, {self.digest[:19]}…)"

    def _repr_mimebundle_(self, **_formats: object) -> dict[str, str]:
        return mimebundle(repr(self), ("what", "value"), self._lines())

    def _lines(self) -> list[tuple[str, str]]:
        metadata = self.manifest.metadata
        return [
            ("digest", self.digest),
            ("purpose", metadata.purpose),
            ("mode", metadata.mode),
            ("holds", f"{instant_text(metadata.not_before)} to {instant_text(metadata.not_after)}"),
            ("parties", ", ".join(self.manifest.parties)),
            ("datasets", ", ".join(f"{k} ({v.owner})" for k, v in self.manifest.datasets.items())),
            ("computations", ", ".join(self.manifest.computations)),
            ("approvals", str(self.tally())),
        ]


GivenManifest = ManifestFile | Manifest | str | os.PathLike[str]
"""A manifest, its file, a path, or the name of a room whose manifest is here or above."""


def located(given: GivenManifest, clock: Clock = system_clock) -> tuple[Manifest, Path]:
    """A manifest, however it was given, and the directory that it stands in.

    Raises:
        FileMissing: there is no such file, nor a room of this name here or above.
        ManifestError: the file is not a manifest.
    """
    if isinstance(given, Manifest):
        return given, Path.cwd()
    if isinstance(given, ManifestFile):
        return given.manifest, given.path.parent
    if isinstance(given, str) and not Path(given).exists() and not given.endswith(".yaml"):
        found = ManifestFile.find(Path.cwd(), name=given, clock=clock)
    else:
        found = ManifestFile.load(given, clock=clock)
    return found.manifest, found.path.parent


def manifest_of(given: "ManifestFile | Manifest | str | os.PathLike[str]") -> Manifest:
    """The manifest, whether given as itself, as its file, or as a path."""
    if isinstance(given, Manifest):
        return given
    return given.manifest if isinstance(given, ManifestFile) else ManifestFile.load(given).manifest


def _envelope(file: Path) -> Envelope:
    try:
        return Envelope.from_bytes(file.read_bytes().rstrip(b"\n"))
    except (CleanroomError, OSError):
        raise FileMissing(
            f"{APPROVALS}/{file.name} is not an approval",
            hint="ask the party for its file again, and keep it unchanged",
        ) from None
