"""A party's private keys, in one file that only its owner can read.

One key for each use: `approve`, `submit` and `provide` sign (Ed25519), `receive` opens results
(ML-KEM-768 with X25519). The private halves leave this module only as a `Signer` or an `Unsealer`.
"""

import os
import stat
from pathlib import Path
from typing import Annotated, Final, Literal, Self

from pydantic import Field
from pydantic import StringConstraints as Text

from cleanroom.client.display import mimebundle
from cleanroom.client.files import PRIVATE_FILE, write_new
from cleanroom.crypto.sealing import PRIVATE_KEY_LENGTH, Unsealer
from cleanroom.crypto.signing import Ed25519Signer
from cleanroom.encoding import Bytes, Record, parse_json
from cleanroom.errors import CleanroomError, FileMissing, IdentityInvalid
from cleanroom.manifest.model import Manifest, Party, PartyKey, Title

FORMAT: Final = "cleanroom/identity/v1"
SigningUse = Literal["approve", "submit", "provide"]
"""What a party signs: manifests, requests for runs, versions of its datasets."""
SIGNING_USES: tuple[SigningUse, ...] = ("approve", "submit", "provide")
LARGEST_IDENTITY = 64 * 1024
"""An identity file is smaller, in bytes."""

PartyName = Annotated[str, Text(pattern=r"^[a-z][a-z0-9_-]{0,54}$")]
"""A `Name` with room for `-approve` behind it."""


class IdentityFile(Record):
    """What the file holds: secrets, so it shows none of its fields."""

    format: Literal["cleanroom/identity/v1"]
    """Which shape this is."""
    party: PartyName
    """Whose keys these are, as in the manifest's `parties`."""
    name: Title
    """The organisation's name."""
    signing: dict[SigningUse, Annotated[Bytes, Field(min_length=32, max_length=32)]] = Field(
        min_length=len(SIGNING_USES)
    )
    """Raw Ed25519 private key, 32 bytes, by use."""
    receive: Bytes = Field(min_length=PRIVATE_KEY_LENGTH, max_length=PRIVATE_KEY_LENGTH)
    """ML-KEM-768 seed (64 bytes), then X25519 key (32 bytes)."""

    def __repr__(self) -> str:
        return f"IdentityFile(party={self.party!r})"

    __str__ = __repr__


class Identity:
    """Who you are in a room: one party's private keys; its `repr` shows their names only."""

    def __init__(self, kept: IdentityFile) -> None:
        self._kept = kept

    @classmethod
    def create(cls, party: str, name: str) -> Self:
        """Make fresh keys for a party, in memory.

        Args:
            party: its identifier in manifests, such as `bank`.
            name: the organisation's name, such as `Bank plc`.

        Raises:
            IdentityInvalid: the identifier or the name is not of the form manifests ask for.
        """
        keys = {
            use: Ed25519Signer.generate(f"{party}-{use}").private_bytes() for use in SIGNING_USES
        }
        plain_receive = Unsealer.generate().private_bytes()
        try:
            kept = IdentityFile(
                format=FORMAT, party=party, name=name, signing=keys, receive=plain_receive
            )
        except ValueError:
            raise IdentityInvalid(
                f"the party is {party!r} and its name {name!r}, expected lower-case letters, "
                "digits, `-` and `_` (at most 55), and a name of 1 to 200 characters",
                hint="for example: cleanroom key new bank --name 'Bank plc'",
            ) from None
        return cls(kept)

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> Self:
        """Read an identity file.

        Raises:
            FileMissing: there is no such file.
            IdentityInvalid: it is malformed, or others may read or change it.
        """
        return cls(_parsed(_read_private(Path(path))))

    def save(self, path: str | os.PathLike[str]) -> Path:
        """Write the identity to a new file of mode 0600, whole or not at all.

        Raises:
            Usage: a file of this name exists; it is never overwritten.
            FileMissing: the directory does not exist or cannot be written.
        """
        return write_new(Path(path), self._kept.to_bytes() + b"\n")

    @property
    def party(self) -> str:
        """The party these keys belong to."""
        return self._kept.party

    @property
    def name(self) -> str:
        """The organisation's name."""
        return self._kept.name

    def kid(self, use: str) -> str:
        """The name of the key for `use`: `<party>-<use>`."""
        return f"{self.party}-{use}"

    def signer(self, use: SigningUse) -> Ed25519Signer:
        """The private key for a signing use: `approve`, `submit` or `provide`."""
        return Ed25519Signer(self.kid(use), self._kept.signing[use])

    def unsealer(self) -> Unsealer:
        """The private key that opens results."""
        return Unsealer(self._kept.receive)

    def public(self) -> dict[str, object]:
        """The entry for `parties` in a manifest: `{name, keys}`, plain values."""
        return self._party().to_plain()

    def belongs_to(self, manifest: Manifest) -> Self:
        """Return this identity once the manifest names its party with these very keys.

        Raises:
            IdentityInvalid: the party is not in the manifest, or a key there is another one.
        """
        if self.party not in manifest.parties:
            raise IdentityInvalid(
                f"the identity is of party {self.party!r}, "
                f"expected one of {sorted(manifest.parties)}"
            )
        own = {key.kid: key.public for key in self._party().keys}
        for listed in manifest.parties[self.party].keys:
            if own.get(listed.kid) != listed.public:
                raise IdentityInvalid(
                    f"key {listed.kid!r} in the manifest is not the one of this identity",
                    hint="load the identity whose public keys the parties signed",
                )
        return self

    def _party(self) -> Party:
        keys = [
            PartyKey(
                kid=self.kid(use), use=use, alg="ed25519", public=bytes(self.signer(use).public_key)
            )
            for use in SIGNING_USES
        ]
        public = bytes(self.unsealer().public_key)
        receive = PartyKey(
            kid=self.kid("receive"), use="receive", alg="mlkem768-x25519", public=public
        )
        return Party(name=self.name, keys=[*keys, receive])

    def to_json(self) -> dict[str, object]:
        """The public half only, as plain values."""
        return {"party": self.party, **self.public()}

    def _repr_mimebundle_(self, **_formats: object) -> dict[str, str]:
        rows = [(key.kid, key.use, key.alg) for key in self._party().keys]
        return mimebundle(f"Identity of {self.party!r}", ("key", "use", "algorithm"), rows)

    def __repr__(self) -> str:
        kids = ", ".join(self.kid(use) for use in (*SIGNING_USES, "receive"))
        return f"Identity({self.party!r}: {kids})"


def _parsed(raw: bytes) -> IdentityFile:
    try:
        kept = IdentityFile.from_plain(parse_json(raw, "identity file"))
        for private in kept.signing.values():
            Ed25519Signer(kept.party, private)
        Unsealer(kept.receive)
    except (CleanroomError, ValueError) as malformed:
        # NOTE: the cause is dropped: it stands next to private keys.
        what = malformed.message if isinstance(malformed, CleanroomError) else "a key is malformed"
        raise IdentityInvalid(f"the identity file does not hold: {what}") from None
    return kept


def _read_private(path: Path) -> bytes:
    if not path.is_file():
        raise FileMissing(f"there is no identity file {path.name!r}")
    try:
        with path.open("rb") as file:
            _only_its_owners(path.name, os.fstat(file.fileno()))
            return file.read(LARGEST_IDENTITY + 1)
    except OSError:
        raise FileMissing(f"the identity file {path.name!r} cannot be read") from None


def _only_its_owners(name: str, found: os.stat_result) -> None:
    mode = stat.S_IMODE(found.st_mode)
    if mode & 0o077 or found.st_uid != os.geteuid():
        raise IdentityInvalid(
            f"the identity file {name!r} has mode {mode:04o}, "
            f"expected {PRIVATE_FILE:04o} and your own file: others may have read the keys",
            hint=f"run `chmod 600 {name}`; if it was copied or shared, make a new one",
        )
    if found.st_size > LARGEST_IDENTITY:
        raise IdentityInvalid(
            f"{name!r} has {found.st_size} bytes, expected at most {LARGEST_IDENTITY} bytes"
        )
