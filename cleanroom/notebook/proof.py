"""What a verified receipt proves, step by step, as a table."""

from dataclasses import dataclass

from cleanroom.attestation.words.reference import image_in_words
from cleanroom.client.display import mark, mimebundle, text_table
from cleanroom.client.verdict import SIMULATED
from cleanroom.encoding import instant_text
from cleanroom.protocol.receipt import VerifiedReceipt

HEADINGS = ("", "proven", "what")


@dataclass(frozen=True, slots=True)
class Proof:
    """A verified receipt as people read it; whoever holds one has verified it."""

    verified: VerifiedReceipt
    """From `Receipt.verify`."""

    def table(self) -> list[tuple[str, str, str]]:
        """One line for each thing that is proven; the steps of `protocol.receipt`."""
        said, room, yes = self.verified.predicate, self.verified.room, mark(passed=True)
        inputs = ", ".join(f"{one.dataset} of {one.owner}" for one in said.inputs.values())
        outputs = ", ".join(f"{one.output} to {one.recipient}" for one in said.outputs)
        policies = ", ".join(result.policy for result in self.verified.workers)
        return [
            (yes, "the room", f"{room.result.policy}, genesis {room.genesis.digest.hex()[:16]}…"),
            (yes, "it signed this", f"run {said.run} of {said.computation}"),
            (
                yes,
                "manifest and approvals",
                f"{said.manifest[:23]}…, {len(self._parties())} parties",
            ),
            (yes, "the log holds it", f"released {instant_text(said.released_at)}"),
            *(
                (yes, f"image of {name}", image_in_words(values))
                for name, values in room.images.items()
            ),
            (yes, "workers", f"{len(said.workers)}, each met {policies}"),
            (yes, "assurance", said.assurance),
            ("", "from", inputs),
            ("", "to", outputs),
            ("", "runs used", f"{said.runs_used} of {said.runs_allowed}"),
        ]

    def __repr__(self) -> str:
        return text_table(self._title(), HEADINGS, self.table())

    def _repr_mimebundle_(self, **_formats: object) -> dict[str, str]:
        return mimebundle(self._title(), HEADINGS, self.table())

    def _title(self) -> str:
        simulated = self.verified.predicate.assurance == "simulated"
        return SIMULATED if simulated else "This receipt holds"

    def _parties(self) -> list[str]:
        return list(self.verified.room.in_force.manifest.parties)


def proof(verified: VerifiedReceipt) -> Proof:
    """The table of what a verified receipt proves."""
    return Proof(verified)
