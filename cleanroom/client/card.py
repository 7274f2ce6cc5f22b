"""A model card: what a training was, in one record that people and programs read.

It proves nothing by itself: it says what was agreed, what the receipt proves and how to verify
that, and what nobody vouches for. `carding` fills it, `card_page` shows it.
"""

import os
from importlib import import_module
from pathlib import Path
from typing import Final, Literal

from pydantic import Field

from cleanroom.attestation.claims import Assurance
from cleanroom.client.display import mimebundle
from cleanroom.client.files import PRIVATE_FILE, write_new
from cleanroom.encoding import Digest, Instant, Name, Record
from cleanroom.errors import Usage
from cleanroom.ledger.entry import RunId
from cleanroom.manifest.choices import Choice
from cleanroom.protocol.predicate import BudgetPart

SCHEMA: Final = "https://cleanroom.dev/model-card/v1"


class CardColumn(Record):
    """One column that the training read."""

    input: Name
    dataset: Name
    owner: Name
    column: str
    role: str
    """`feature`, `label`, or `identity` for what units were joined on."""
    type: str
    values: list[str] | None
    """A text's declared values."""
    bounds: list[str] | None
    """A number's declared bounds."""


class CardInput(Record):
    """One input, in the version that was read."""

    dataset: Name
    owner: Name
    version: Digest
    """Of what the owner signed; it names ciphertext, and the number of rows."""


class CardOutput(Record):
    """One output, for each of its recipients."""

    output: Name
    kind: str
    recipient: Name
    digest: Digest
    """Of its sealed bytes, as in the receipt."""
    withheld: bool
    """Whether the gate let nothing through."""
    terms: dict[str, str]
    """What the manifest says of it: gate, rounding, limits."""
    words: str
    """What it tells at worst, over all runs."""


class CardMetric(Record):
    """One number on the test units."""

    owners: str
    """Whose features, or rows; empty where only the joint model was told."""
    metric: str
    value: float | None


class CardPoint(Record):
    """One point of an evaluation; see the specification of manifests."""

    owners: str
    class_: str = Field(alias="class")
    share: float
    tpr: float | None
    fpr: float | None
    said: float
    found: float


class CardShare(Record):
    """How much one column matters to the model."""

    owner: str
    """One party, or several with commas between them where each brought the column."""
    column: str
    share: float


class CardModel(Record):
    """The model that the party received, by what it holds."""

    description: Digest
    """Of its description, canonical JSON."""
    booster: Digest | None
    """Of its trees, UBJ, or of its layers, safetensors."""


class CardReceipt(Record):
    """What proves it."""

    payload: Digest
    """Of the receipt's signed payload, as in the room's log."""
    approvals: Digest
    engine: Literal["process", "ray"]
    assurance: Assurance
    workers: int
    runs_used: int
    runs_allowed: int
    submitted_at: Instant
    released_at: Instant
    verify: str
    """How to verify it without any network."""


class ModelCard(Record):
    """What a training was."""

    schema_: Literal["https://cleanroom.dev/model-card/v1"] = Field(default=SCHEMA, alias="schema")
    room: str
    purpose: str
    lineage: str
    manifest: Digest
    version: int
    """Of the manifest."""
    mode: str
    parties: dict[Name, str]
    """Titles by name."""
    run: RunId
    computation: Name
    operation: str
    submitter: Name
    told_to: Name
    """The party whose results this card shows."""
    parameters: dict[Name, Choice]
    """What the submitter chose."""
    settings: dict[str, str]
    """What all parties signed: task, split, weights of the loss, limits."""
    on: list[str]
    """Identity columns that units were joined on."""
    inputs: dict[Name, CardInput]
    columns: list[CardColumn]
    outputs: list[CardOutput]
    metrics: list[CardMetric]
    points: list[CardPoint]
    importance: list[CardShare]
    model: CardModel | None
    """None where the party received none."""
    budgets: dict[Name, BudgetPart]
    """What the run spent, of each dataset's privacy budget; empty where it drew no noise."""
    unprotected: list[str]
    """What the manifest leaves open, in words."""
    not_proven: list[str]
    receipt: CardReceipt

    def save(self, path: str | os.PathLike[str]) -> Path:
        """Write the card to a new file that only you can read; `.json` or `.html`.

        Raises:
            Usage: the suffix is another one, or the file exists.
        """
        target = Path(path)
        if target.suffix == ".json":
            return write_new(target, self.to_bytes(), PRIVATE_FILE)
        if target.suffix == ".html":
            page: str = import_module("cleanroom.client.card_page").page(self)  # it shows this
            return write_new(target, page.encode(), PRIVATE_FILE)
        raise Usage(f"the file is {target.name!r}, expected a name in .json or .html")

    def __repr__(self) -> str:
        return f"ModelCard({self.run} of {self.computation!r}, {self.receipt.assurance})"

    __str__ = __repr__

    def _repr_mimebundle_(self, **_formats: object) -> dict[str, str]:
        told = [(f"{one.owners} {one.metric}".strip(), f"{one.value}") for one in self.metrics]
        rows = [
            ("purpose", self.purpose),
            ("operation", self.operation),
            ("inputs", ", ".join(f"{one.dataset} of {one.owner}" for one in self.inputs.values())),
            *told,
            ("manifest", self.manifest),
            ("receipt", self.receipt.payload),
        ]
        return mimebundle(repr(self), ("what", "value"), rows)
