"""A receipt in the hands of a party: keep it, show it, verify it without any network.

Verification is `protocol.receipt.verify_receipt`, step by step; this module adds files and words.
"""

import os
from pathlib import Path
from typing import Self

from cleanroom.client.collateral_files import GivenCollateral, known_collateral
from cleanroom.client.display import mimebundle
from cleanroom.client.files import write_new
from cleanroom.client.manifest_file import ManifestFile, manifest_of
from cleanroom.encoding import instant_text
from cleanroom.errors import CleanroomError, FileMissing, ReceiptInvalid
from cleanroom.manifest.model import Manifest
from cleanroom.protocol import receipt as protocol
from cleanroom.protocol.predicate import BudgetPart, InTotoStatement, Predicate
from cleanroom.protocol.receipt import VerifiedReceipt

AnyManifest = ManifestFile | Manifest | str | os.PathLike[str]
"""A manifest, its file, or the path of its file."""


class Receipt:
    """What one run did, as the room signed it.

    Args:
        record: the receipt as received; nothing is verified by holding it.
        allow_simulated: whether the party that fetched it accepts simulated platforms.
    """

    def __init__(self, record: protocol.Receipt, *, allow_simulated: bool = False) -> None:
        self.record = record
        self._allow_simulated = allow_simulated
        self._verified = False
        self._claimed = InTotoStatement.from_bytes(record.envelope.payload).predicate

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> Self:
        """Read a receipt from a file.

        Raises:
            FileMissing: there is no such file.
            ReceiptInvalid: it is not a receipt.
        """
        file = Path(path)
        try:
            return cls(protocol.Receipt.from_bytes(file.read_bytes()))
        except OSError:
            raise FileMissing(f"there is no readable receipt {file.name!r}") from None
        except CleanroomError as malformed:
            raise ReceiptInvalid(
                f"{file.name!r} is not a receipt: {malformed.message}"
            ) from malformed

    def save(self, path: str | os.PathLike[str]) -> Path:
        """Write it to a new file.

        Raises:
            Usage: a file of this name exists.
        """
        return write_new(Path(path), self.record.to_bytes())

    @property
    def claimed(self) -> Predicate:
        """What it says; true only once `verify` has returned."""
        return self._claimed

    def verify(
        self,
        manifest: AnyManifest,
        *,
        allow_simulated: bool | None = None,
        collateral: GivenCollateral | None = None,
    ) -> VerifiedReceipt:
        """Return what it proves, with nothing but your own manifest and the vendors' roots.

        Args:
            manifest: your own copy, or its path.
            allow_simulated: whether simulated platforms count; by default what the connection
                allowed that fetched it, and not at all for a receipt from a file.
            collateral: a bundle of what vendors said by the time of the release, or its path;
                counts beside what the receipt brings, and of two the fresher one.

        Raises:
            ReceiptInvalid: parts do not fit each other.
            NotTrusted: a signature, evidence or the log does not hold.
        """
        allowed = self._allow_simulated if allow_simulated is None else allow_simulated
        own = manifest_of(manifest)
        beside = known_collateral(collateral, None, self._claimed.released_at)
        proven = protocol.verify_receipt(
            self.record, own, allow_simulated=allowed, collateral=beside
        )
        self._verified = True
        return proven

    def to_json(self) -> dict[str, object]:
        """The whole receipt as plain JSON values."""
        return self.record.to_plain()

    def __repr__(self) -> str:
        said = self.claimed
        state = "verified" if self._verified else "not verified yet"
        return f"Receipt({said.run} of {said.computation!r}, {said.assurance}, {state})"

    def _repr_mimebundle_(self, **_formats: object) -> dict[str, str]:
        return mimebundle(repr(self), ("what", "value"), self._lines())

    def _lines(self) -> list[tuple[str, str]]:
        said = self.claimed
        inputs = [f"{part.dataset} of {part.owner}" for part in said.inputs.values()]
        outputs = [f"{one.output} to {one.recipient}" for one in said.outputs]
        return [
            ("run", said.run),
            ("computation", said.computation),
            ("submitter", said.submitter),
            ("inputs", ", ".join(inputs)),
            ("outputs", ", ".join(outputs)),
            ("workers", str(len(said.workers))),
            ("released", instant_text(said.released_at)),
            ("runs used", f"{said.runs_used} of {said.runs_allowed}"),
            *((f"budget of {name}", _told(part)) for name, part in said.budgets.items()),
            ("manifest", said.manifest),
            ("assurance", said.assurance),
        ]


def _told(part: BudgetPart) -> str:
    return f"{part.after} of {part.limit} spent, {part.spent} by this run"


def verify_receipt(
    receipt: Receipt | str | os.PathLike[str],
    manifest: AnyManifest,
    *,
    allow_simulated: bool = False,
    collateral: GivenCollateral | None = None,
) -> VerifiedReceipt:
    """Verify a receipt, or the file of one; see `Receipt.verify`."""
    held = receipt if isinstance(receipt, Receipt) else Receipt.load(receipt)
    return held.verify(manifest, allow_simulated=allow_simulated, collateral=collateral)
