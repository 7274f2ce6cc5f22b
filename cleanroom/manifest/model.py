"""The shape of the manifest: every field, its unit, and its safe default.

A field is here only when some rule enforces it (`tests/architecture` walks the schema). The model
checks one value at a time; rules between fields live in `checks`, signatures in `approval`.

A manifest is written down with exactly the fields its authors set, so a later version that knows
more fields still reads the same bytes. For the same reason a default never changes in `v1`.
"""

from functools import cached_property
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from cleanroom.attestation.policy import AppraisalPolicy
from cleanroom.crypto.signing import VerifyKey
from cleanroom.encoding import Bytes, Instant, Name, Record, content_digest
from cleanroom.errors import ManifestRule
from cleanroom.manifest.choices import AnyRange, Choice, DecimalRange, Range
from cleanroom.manifest.computation import (
    Computation,
    CountOutput,
    Gang,
    Gate,
    Input,
    IntersectCount,
    IntersectRows,
    Limits,
    RowsOutput,
    RowsParameters,
)
from cleanroom.manifest.curve import CurveOutput, EarlyStopping
from cleanroom.manifest.dataset import (
    Allow,
    AnyDataset,
    Column,
    Dataset,
    ModelDataset,
    ModelFeature,
    Network,
    Rows,
)
from cleanroom.manifest.evaluation import EvaluationOutput
from cleanroom.manifest.fields import MOST_ENTRIES, Lineage, Names, Number, Title, Visible
from cleanroom.manifest.made import made
from cleanroom.manifest.networks import TrainTorch
from cleanroom.manifest.prediction import (
    Evaluate,
    ModelSource,
    Predict,
    Prediction,
    PredictionLimits,
    ScoresOutput,
)
from cleanroom.manifest.privacy import CountNoise, Privacy, TrainingNoise
from cleanroom.manifest.training import (
    ImportanceOutput,
    Join,
    MetricsOutput,
    ModelOutput,
    PrivateTraining,
    Split,
    TrainGbdt,
    Training,
    TrainingOutput,
    TrainLinear,
)

__all__ = [
    "API_VERSION",
    "DIGEST_DOMAIN",
    "MOST_ENTRIES",
    "Allow",
    "AnyComputation",
    "AnyDataset",
    "AnyOutput",
    "AnyRange",
    "AnyTraining",
    "Choice",
    "Column",
    "Computation",
    "CoordinatorRule",
    "CountNoise",
    "CountOutput",
    "CurveOutput",
    "Dataset",
    "DecimalRange",
    "EarlyStopping",
    "Evaluate",
    "EvaluationOutput",
    "Gang",
    "Gate",
    "ImportanceOutput",
    "Input",
    "IntersectCount",
    "IntersectRows",
    "Join",
    "Limits",
    "Lineage",
    "Manifest",
    "Metadata",
    "MetricsOutput",
    "ModelDataset",
    "ModelFeature",
    "ModelOutput",
    "ModelSource",
    "Names",
    "Network",
    "Number",
    "Party",
    "PartyKey",
    "Predict",
    "Prediction",
    "PredictionLimits",
    "Privacy",
    "PrivateTraining",
    "Range",
    "Rows",
    "RowsOutput",
    "RowsParameters",
    "ScoresOutput",
    "Split",
    "Title",
    "TrainGbdt",
    "TrainLinear",
    "TrainTorch",
    "Training",
    "TrainingNoise",
    "TrainingOutput",
    "WorkerRole",
]

API_VERSION = "cleanroom/v1"
DIGEST_DOMAIN = b"cleanroom/manifest/v1\x00"


class Metadata(Record):
    """What this manifest is, what for, and when it holds."""

    name: Name
    """The room's name, for people and for `connect`."""
    lineage: Lineage
    """Made once by `coordinator init`; constant over all versions."""
    version: int = Field(ge=1, le=1_000_000)
    """1, then one more with each version."""
    previous: str | None = Field(pattern=r"^sha256:[0-9a-f]{64}$")
    """Digest of the version before; null for version 1."""
    purpose: Annotated[str, Visible, Field(min_length=1, max_length=2000)]
    """What the parties may use the results for, in words."""
    not_before: Instant
    """No statement, upload or run before this moment."""
    not_after: Instant
    """No statement, upload or run after this moment."""
    mode: Literal["production", "development"]
    """`development` may trust simulated platforms; `production` never does."""


class PartyKey(Record):
    """One public key of a party, for one use."""

    kid: Name
    """`<party>-<use>`."""
    use: Literal["approve", "submit", "provide", "receive"]
    """Sign manifests, ask for runs, sign dataset versions, or open results."""
    alg: Literal["ed25519", "mlkem768-x25519"]
    """Ed25519 for signing; ML-KEM-768 with X25519 for `receive`."""
    public: Bytes
    """The raw public key: 32 bytes (ed25519) or 1216 bytes (mlkem768-x25519)."""


class Party(Record):
    """An organisation that signs this manifest."""

    name: Title
    """The organisation's name."""
    keys: list[PartyKey] = Field(min_length=1, max_length=8)
    """At most one key for each use."""


class CoordinatorRule(Record):
    """What the coordinator must prove to be."""

    policies: Names
    """Names of entries under `attestation`; one of them must hold as a whole."""
    max_evidence_age_s: int | None = Field(default=None, ge=10, le=604_800)
    """A party whose last statement is older asks for a new one before its next call, in seconds;
    null is after each break only."""


class WorkerRole(Record):
    """A kind of worker that may join."""

    policies: Names
    """Names of entries under `attestation`; one of them must hold as a whole."""
    max_live: int = Field(ge=1, le=1000)
    """At most this many workers of this role hold a lease at a time."""
    lease_s: int = Field(default=600, ge=10, le=86_400)
    """A worker that does not renew within this many seconds is out."""
    reattest_s: int | None = Field(default=None, ge=10, le=604_800)
    """A worker is asked for fresh evidence when its newest is this old, in seconds; null is at its
    join only."""
    max_evidence_age_s: int | None = Field(default=None, ge=10, le=604_800)
    """No run starts and no lease goes on with a worker whose newest evidence is older, in seconds;
    null is no limit."""


AnyTraining = TrainLinear | TrainGbdt | TrainTorch
"""A training of any model."""
AnyComputation = Annotated[
    IntersectCount | IntersectRows | TrainLinear | TrainGbdt | TrainTorch | Predict | Evaluate,
    Field(discriminator="op"),
]
"""A computation of any operation."""
AnyOutput = CountOutput | RowsOutput | TrainingOutput | ScoresOutput
"""An output of any operation."""


class Manifest(Record):
    """One document that says everything the parties agreed to."""

    model_config = ConfigDict(populate_by_name=False)

    api_version: Literal["cleanroom/v1"] = Field(alias="apiVersion")
    """The version of this format."""
    metadata: Metadata
    """What this manifest is, what for, and when it holds."""
    parties: dict[Name, Party] = Field(min_length=2, max_length=MOST_ENTRIES)
    """Who signs; at least two."""
    attestation: dict[Name, AppraisalPolicy] = Field(min_length=1, max_length=MOST_ENTRIES)
    """Accepted platforms; all fields of one entry must hold together."""
    coordinator: CoordinatorRule
    """What the coordinator must prove to be."""
    workers: dict[Name, WorkerRole] = Field(min_length=1, max_length=MOST_ENTRIES)
    """Which workers may join, by role."""
    declared: dict[Name, AnyDataset] = Field(
        alias="datasets", min_length=1, max_length=MOST_ENTRIES
    )
    """Which tables and models the parties bring."""
    computations: dict[Name, AnyComputation] = Field(min_length=1, max_length=MOST_ENTRIES)
    """What may be computed over them."""

    def to_plain(self) -> dict[str, object]:
        """Plain JSON values of exactly the fields that were set."""
        return BaseModel.model_dump(self, mode="json", by_alias=True, exclude_unset=True)

    @cached_property
    def datasets(self) -> dict[str, AnyDataset]:
        """All that computations read: what is declared, and models that trainings leave here."""
        return {**self.declared, **made(self.computations, self.declared)}

    @property
    def digest(self) -> str:
        """`sha256:` of the domain `cleanroom/manifest/v1`, a zero byte and the canonical bytes."""
        return content_digest(DIGEST_DOMAIN + self.to_bytes())

    def key_of(self, party: str, use: str) -> PartyKey:
        """The key of `party` for `use`.

        Raises:
            ManifestRule: the party is unknown or has no such key.
        """
        for key in self.parties[party].keys if party in self.parties else ():
            if key.use == use:
                return key
        raise ManifestRule(f"party {party!r} has no key for use {use!r} in this manifest")

    def verify_keys(self, party: str, use: str) -> dict[str, VerifyKey]:
        """The Ed25519 key of `party` for `use`, by its name, as `open_envelope` takes it."""
        key = self.key_of(party, use)
        return {key.kid: VerifyKey(key.public)}
