"""The plan of a manifest: what will happen if everybody signs it, for people to read first.

Who contributes what, who learns what at worst, who may run what how often, what is trusted and
what stays open. Plain records; a terminal or notebook may render them more richly.
"""

import hashlib
from collections.abc import Iterator, Sequence
from datetime import datetime

from cleanroom.attestation.explain import left_open
from cleanroom.attestation.told import ToldEntry, tell
from cleanroom.crypto.envelope import Envelope
from cleanroom.encoding import Digest, Instant, Record, instant_text
from cleanroom.ledger.loss import Loss
from cleanroom.manifest.budgets import budgets, costs_of
from cleanroom.manifest.checks import check
from cleanroom.manifest.keeping import ROOM, makers
from cleanroom.manifest.model import Dataset, Manifest, Training
from cleanroom.manifest.rights import Right, right_to
from cleanroom.manifest.words import (
    exposure_in_words,
    learned,
    listed,
    models_of,
    permitted_loss,
    plural,
)

__all__ = [
    "Allowance",
    "Contribution",
    "Learning",
    "Plan",
    "Right",
    "Trust",
    "exposure_in_words",
    "plan",
]


class Contribution(Record):
    """A dataset and what reads it."""

    party: str
    """Who brings it."""
    dataset: str
    """Its name."""
    kind: str
    """What it is: `table`, or `model` and its format."""
    most_rows: int
    """A version has at most this many rows."""
    most_releases: int
    """Runs that may be granted its key, over all computations together."""
    read: dict[str, list[str]]
    """The columns that each computation decrypts, by computation."""
    never_read: list[str]
    """Columns that no computation decrypts."""


class Learning(Record):
    """What one party learns from one output, at worst."""

    party: str
    """Who learns."""
    computation: str
    """From which computation."""
    output: str
    """From which of its outputs."""
    words: str
    """What, at most, over all runs."""


class Allowance(Record):
    """What may become known about one unit of a dataset, over all runs, and what uses it up."""

    party: str
    """Whose dataset it is."""
    dataset: str
    """Its name."""
    unit: list[str]
    """The columns that name one unit."""
    limit: Loss
    """The whole budget, for the life of the lineage."""
    costs: dict[str, Loss]
    """What one run costs, by computation."""
    words: str
    """What that means, and how many runs fit."""


class Trust(Record):
    """A policy, what it accepts, and what it leaves open."""

    policy: str
    """Its name."""
    accepted_for: list[str]
    """`coordinator`, or `workers.<role>`."""
    words: list[str]
    """What it accepts."""
    left_open: list[str]
    """What it does not close."""


class Plan(Record):
    """What a manifest will do."""

    name: str
    """The room's name."""
    digest: Digest
    """What a party signs when it approves."""
    version: int
    """Of the manifest."""
    mode: str
    """`production` or `development`."""
    not_before: Instant
    """It holds from this moment."""
    not_after: Instant
    """It holds until this moment."""
    standing: str
    """Whether it is in force at the time of asking, in words; empty if no time was given."""
    purpose: str
    """What the parties may use results for."""
    parties: dict[str, str]
    """Who signs: the organisation's name, by the party's."""
    keys: dict[str, str]
    """Fingerprint of every party's key, by its name: compare it over another channel."""
    contributions: list[Contribution]
    """Who brings what."""
    models: dict[str, str]
    """What the models of each training are, in words, by its name."""
    learnings: list[Learning]
    """Who learns what."""
    allowances: list[Allowance]
    """Which datasets have a privacy budget; others have no bound of this kind."""
    rights: list[Right]
    """Who may run what."""
    trusted: list[Trust]
    """Which machines are trusted."""
    unprotected: list[str]
    """What is not protected."""

    def to_text(self) -> str:
        """All of it, in sections, for a terminal without colour."""
        return "\n".join(_lines(self)) + "\n"


def plan(
    manifest: Manifest, now: datetime | None = None, reference_values: Sequence[Envelope] = ()
) -> Plan:
    """Tell what `manifest` will do.

    Args:
        manifest: its rules are checked first.
        now: says whether it is in force, and what builders signed; aware.
        reference_values: what builders signed about the images that the manifest names; judged
            at the manifest's start where no `now` is given.

    Raises:
        ManifestRule: the manifest breaks a rule.
    """
    checked = check(manifest)
    metadata = manifest.metadata
    return Plan(
        name=metadata.name,
        digest=manifest.digest,
        version=metadata.version,
        mode=metadata.mode,
        not_before=metadata.not_before,
        not_after=metadata.not_after,
        standing="" if now is None else _standing(manifest, now),
        purpose=metadata.purpose,
        parties={name: party.name for name, party in manifest.parties.items()},
        keys={
            key.kid: f"{key.alg}:{fingerprint(key.public)}"
            for party in manifest.parties.values()
            for key in party.keys
        },
        contributions=list(_contributions(manifest)),
        models={
            name: models_of(manifest, computation)
            for name, computation in manifest.computations.items()
            if isinstance(computation, Training)
        },
        learnings=list(_learnings(manifest)),
        allowances=list(_allowances(manifest)),
        rights=[right_to(manifest, name) for name in manifest.computations],
        trusted=list(_trusted(manifest, reference_values, now)),
        unprotected=[f"{warning.where}: {warning.message}" for warning in checked.warnings],
    )


def fingerprint(public: bytes) -> str:
    """SHA-256 of a raw public key, its first 16 bytes as 8 groups of 4 hex digits."""
    digits = hashlib.sha256(public).hexdigest()[:32]
    return " ".join(digits[start : start + 4] for start in range(0, 32, 4))


def _standing(manifest: Manifest, now: datetime) -> str:
    if now < manifest.metadata.not_before:
        return "not yet in force"
    return "no longer in force" if now > manifest.metadata.not_after else "in force"


def _contributions(manifest: Manifest) -> Iterator[Contribution]:
    for dataset_id, dataset in manifest.datasets.items():
        read = {
            name: source.columns
            for name, computation in manifest.computations.items()
            for source in computation.reads.values()
            if source.dataset == dataset_id
        }
        used = {column for columns in read.values() for column in columns}
        yield Contribution(
            party=dataset.owner,
            dataset=dataset_id,
            kind=_kind(manifest, dataset_id),
            most_rows=dataset.rows.max,
            most_releases=dataset.allow.max_releases,
            read=read,
            never_read=[column.name for column in dataset.columns if column.name not in used],
        )


def _kind(manifest: Manifest, name: str) -> str:
    dataset, made = manifest.datasets[name], makers(manifest).get(name)
    if isinstance(dataset, Dataset):
        return dataset.kind
    origin = f", made in the room by {'.'.join(made)}" if made else ""
    return f"model ({dataset.format}{origin})"


def _learnings(manifest: Manifest) -> Iterator[Learning]:
    for party in manifest.parties:
        for name, computation in manifest.computations.items():
            for output_id, output in computation.outputs.items():
                if party in output.recipients:
                    words = learned(manifest, name, output_id, party)
                    yield Learning(party=party, computation=name, output=output_id, words=words)


def _allowances(manifest: Manifest) -> Iterator[Allowance]:
    for dataset, privacy in budgets(manifest):
        costs = costs_of(manifest, dataset)
        yield Allowance(
            party=manifest.datasets[dataset].owner,
            dataset=dataset,
            unit=privacy.unit,
            limit=privacy.limit,
            costs=costs,
            words=permitted_loss(privacy, costs),
        )


def _trusted(
    manifest: Manifest, reference_values: Sequence[Envelope], now: datetime | None
) -> Iterator[Trust]:
    entries = tell(manifest.attestation, reference_values, now or manifest.metadata.not_before)
    for name, entry in entries.items():
        roles = [role for role, worker in manifest.workers.items() if name in worker.policies]
        used = ["coordinator"] if name in manifest.coordinator.policies else []
        yield Trust(
            policy=name,
            accepted_for=[*used, *(f"workers.{role}" for role in roles)],
            words=[*entry.words, *_ending(entry, manifest)],
            left_open=left_open(entry.policy),
        )


def _ending(entry: ToldEntry, manifest: Manifest) -> list[str]:
    if entry.until is None or entry.until >= manifest.metadata.not_after:
        return []
    end = instant_text(entry.until)
    return [f"which ends before the manifest does: nothing is in force after {end}"]


def _lines(told: Plan) -> Iterator[str]:
    start, end = instant_text(told.not_before), instant_text(told.not_after)
    yield f"{told.name}, version {told.version} ({told.mode})"
    yield f"  digest   {told.digest}"
    yield f"  holds    {start} to {end}{f' ({told.standing})' if told.standing else ''}"
    yield f"  purpose  {told.purpose}"
    yield "\nWho signs"
    yield from (f"  {party}: {title}" for party, title in told.parties.items())
    yield "\nWho contributes"
    for given in told.contributions:
        rows = (
            f"at most {plural(given.most_rows, 'row')}"
            if given.kind == "table"
            else f"one {given.kind}"
        )
        verb = "keeps" if given.party == ROOM else "brings"
        yield (
            f"  {given.party} {verb} `{given.dataset}`: {rows}, "
            f"its key is granted to at most {plural(given.most_releases, 'run')}"
        )
        for computation, columns in given.read.items():
            yield f"    {computation} reads {', '.join(columns)}"
        if given.never_read:
            yield f"    never read: {', '.join(given.never_read)}"
    yield "\nWho learns what, at worst"
    yield from _lines_of_learnings(told)
    if told.allowances:
        yield "\nWhat all runs together may tell about one unit"
    for allowance in told.allowances:
        yield f"  {allowance.party}, of `{allowance.dataset}`: {allowance.words}"
    yield "\nWho may run what"
    for right in told.rights:
        who, runs = listed(right.parties), plural(right.most_runs, "time")
        yield f"  {right.computation}: {who}, at most {runs}; {right.words}"
    yield from _lines_of_trust(told)


def _lines_of_learnings(told: Plan) -> Iterator[str]:
    """What each party learns; models that were described once are "the same models" after that."""
    described = set[str]()
    for learning in told.learnings:
        words, models = learning.words, told.models.get(learning.computation, "")
        if models and learning.computation in described:
            words = words.replace(models, "the same models")
        described.add(learning.computation)
        yield f"  {learning.party}, from {learning.computation}.{learning.output}: {words}"


def _lines_of_trust(told: Plan) -> Iterator[str]:
    yield "\nWhich keys and machines are trusted"
    for kid, print_ in told.keys.items():
        yield f"  {kid}  {print_}"
    first: dict[tuple[str, ...], str] = {}
    for trust in told.trusted:
        same = first.setdefault(tuple(trust.left_open), trust.policy)
        left = trust.left_open if same == trust.policy else [f"the same as for {same}"]
        yield f"  {trust.policy}, for {listed(trust.accepted_for)}"
        yield from (f"    {words}" for words in trust.words)
        yield from (f"    open: {words}" for words in left)
    yield "\nWhat is NOT protected"
    yield from (f"  {sentence}" for sentence in told.unprotected)
