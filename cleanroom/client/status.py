"""Where a room stands, and what this party does next, in words.

Plain facts from the room; nothing here decides anything.
"""

from dataclasses import dataclass

from cleanroom.client.display import counted, mimebundle, text_table
from cleanroom.manifest.keeping import makers
from cleanroom.manifest.model import Manifest
from cleanroom.protocol.run import FINAL, RunView
from cleanroom.protocol.statement import RoomPhase

HEADINGS = ("what", "state")


@dataclass(frozen=True, slots=True)
class VersionView:
    """A dataset version that the room holds."""

    dataset: str
    owner: str
    digest: str
    """Of the signed version."""
    added_at: str
    """When the room accepted it, in UTC."""


@dataclass(frozen=True, slots=True)
class Status:
    """Where a room stands for one party."""

    party: str
    """Who asked."""
    phase: RoomPhase
    """`waiting`, `proposed` or `active`."""
    approved: tuple[str, ...]
    """Parties whose approval the room counts."""
    missing: tuple[str, ...]
    """Parties whose approval is missing."""
    versions: dict[str, tuple[VersionView, ...]]
    """Versions of every dataset of the manifest, oldest first; empty while not active."""
    runs: tuple[RunView, ...]
    """Runs, newest first; empty while not active."""
    next_step: str
    """What this party does next."""

    @property
    def approvals(self) -> str:
        """Such as `1 of 2 approvals`."""
        return f"{len(self.approved)} of {len(self.approved) + len(self.missing)} approvals"

    def to_json(self) -> dict[str, object]:
        """All of it as plain values."""
        return {
            "party": self.party,
            "phase": self.phase,
            "approved": list(self.approved),
            "missing": list(self.missing),
            "versions": {
                name: [{"digest": one.digest, "added_at": one.added_at} for one in several]
                for name, several in self.versions.items()
            },
            "runs": [run.to_plain() for run in self.runs],
            "next_step": self.next_step,
        }

    def table(self) -> list[tuple[str, str]]:
        """One line for each thing."""
        datasets = [
            (f"dataset {name}", counted(len(several), "version") if several else "no version yet")
            for name, several in self.versions.items()
        ]
        runs = [(f"run {run.run} of {run.computation}", run.phase) for run in self.runs]
        lines = [("room", self.phase), ("approvals", self.approvals), *datasets, *runs]
        return [*lines, (f"next for {self.party}", self.next_step)]

    def __repr__(self) -> str:
        return text_table(f"status for {self.party}", HEADINGS, self.table())

    def _repr_mimebundle_(self, **_formats: object) -> dict[str, str]:
        return mimebundle(f"status for {self.party}", HEADINGS, self.table())


def next_step(
    manifest: Manifest,
    party: str,
    missing: tuple[str, ...],
    versions: dict[str, tuple[VersionView, ...]],
    runs: tuple[RunView, ...],
) -> str:
    """What a party does next, in words.

    Args:
        manifest: the party's own.
        party: who asks.
        missing: parties whose approval is missing.
        versions: what the room holds, by dataset.
        runs: of the room, newest first.
    """
    if missing:
        return _to_approve(party, missing)
    made = makers(manifest)
    absent = {
        name: manifest.datasets[name].owner
        for name, held in versions.items()
        if not held and name not in made
    }
    own = sorted(name for name, owner in absent.items() if owner == party)
    if own:
        return f"bring {own[0]!r}: `cleanroom data add {own[0]} FILE`"
    if absent:
        others = ", ".join(f"{owner} to bring {name!r}" for name, owner in sorted(absent.items()))
        return f"wait for {others}"
    return _to_run(manifest, party, runs)


def _to_approve(party: str, missing: tuple[str, ...]) -> str:
    if party in missing:
        return "read `cleanroom plan`, sign with `cleanroom approve`, send with `cleanroom propose`"
    return f"wait for {', '.join(missing)} to approve"


def _to_run(manifest: Manifest, party: str, runs: tuple[RunView, ...]) -> str:
    going = [run.run for run in runs if run.phase not in FINAL]
    if going:
        return f"wait for run {going[0]}"
    for run in runs:
        if any(output.recipient == party for output in run.outputs):
            return f"fetch your result: `cleanroom result get {run.run}`"
    allowed = sorted(
        name for name, each in manifest.computations.items() if party in each.submitters
    )
    if allowed:
        return f"run a computation: `cleanroom run {allowed[0]}`"
    return "wait for a partner to run a computation"
