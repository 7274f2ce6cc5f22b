"""The shape of the manifest: every field, its unit, and its safe default.

A field is here only when some rule enforces it (`tests/architecture` walks the schema). The model
checks one value at a time; rules between fields live in `checks`, signatures in `approval`.

A manifest is written down with exactly the fields its authors set, so a later version that knows
more fields still reads the same bytes. For the same reason a default never changes in `v1`.
"""

from typing import Annotated, Literal
from uuid import UUID

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, PlainSerializer, WithJsonSchema
from pydantic import BeforeValidator as Before

from cleanroom.attestation.policy import AppraisalPolicy
from cleanroom.crypto.signing import VerifyKey
from cleanroom.encoding import Bytes, Instant, Name, Record, content_digest
from cleanroom.errors import ManifestRule

API_VERSION = "cleanroom/v1"
DIGEST_DOMAIN = b"cleanroom/manifest/v1\x00"
MOST_ENTRIES = 1000
"""No map or list in a manifest is longer: people have to read it."""


def _as_set(values: list[str]) -> list[str]:
    if len(set(values)) != len(values):
        twice = sorted({value for value in values if values.count(value) > 1})
        raise ValueError(f"{twice} is listed twice")
    return sorted(values)


def _uuid_from_text(value: object) -> UUID:
    if isinstance(value, UUID):
        return value
    try:
        parsed = UUID(str(value))
    except ValueError:
        raise ValueError("expected a UUID such as 3f0f5a1e-7c3b-4c55-9f1a-0d2f6f6f1e11") from None
    if str(parsed) != value:
        raise ValueError("expected a UUID in lower case with dashes")
    return parsed


def _visible(text: str) -> str:
    if not text.isprintable():
        raise ValueError("expected one line of visible characters: people sign what they read")
    return text


Names = Annotated[list[Name], AfterValidator(_as_set), Field(min_length=1, max_length=MOST_ENTRIES)]
"""A set of names: no duplicates, sorted, at least one."""
Lineage = Annotated[
    UUID,
    Before(_uuid_from_text, json_schema_input_type=str),
    PlainSerializer(str, return_type=str),
    WithJsonSchema({"type": "string", "format": "uuid"}),
]
"""The room's identity over all its manifest versions."""
Title = Annotated[str, AfterValidator(_visible), Field(min_length=1, max_length=200)]
"""Words for people: one line, every character visible."""
Number = Annotated[str, Field(pattern=r"^-?(0|[1-9][0-9]{0,17})(\.[0-9]{1,18})?$")]
"""A decimal number, written as text so that no digit is lost."""


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
    purpose: Annotated[str, AfterValidator(_visible), Field(min_length=1, max_length=2000)]
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


class WorkerRole(Record):
    """A kind of worker that may join."""

    policies: Names
    """Names of entries under `attestation`; one of them must hold as a whole."""
    max_live: int = Field(ge=1, le=1000)
    """At most this many workers of this role hold a lease at a time."""
    lease_s: int = Field(default=600, ge=10, le=86_400)
    """A worker that does not renew within this many seconds is out."""


class Column(Record):
    """One column of a dataset."""

    name: Annotated[str, Field(pattern=r"^[A-Za-z_][A-Za-z0-9_]{0,62}$")]
    """The column's name in the party's file."""
    type: Literal["bool", "int32", "int64", "float64", "string", "date32", "timestamp"]
    """The Arrow type; `timestamp` is microseconds in UTC."""
    role: Literal["identity", "payload", "dimension", "measure", "feature", "label"]
    """`identity` joins and counts only; `payload` may be output where a computation says so."""
    normalise: Literal["exact", "email", "sha256-hex"] = "exact"
    """How values are brought to one spelling before they are compared; identity columns only."""
    nullable: bool = False
    """Whether a value may be missing; a missing identity never matches."""
    bounds: list[Number] | None = Field(default=None, min_length=2, max_length=2)
    """Lowest and highest allowed number, inclusive."""
    values: Annotated[list[Title], AfterValidator(_as_set)] | None = Field(
        default=None, min_length=1, max_length=MOST_ENTRIES
    )
    """The only allowed texts."""


class Rows(Record):
    """How many rows a dataset version may have."""

    min: int = Field(default=1, ge=1)
    """Fewer rows are refused at upload, in rows."""
    max: int = Field(ge=1, le=10_000_000_000)
    """More rows are refused at upload and when decoding, in rows."""


class Allow(Record):
    """The owner's consent: what may read the dataset, and how often."""

    computations: Names
    """Computations that may read it."""
    max_releases: int = Field(ge=1, le=1_000_000)
    """Runs that may be granted its key, over all computations together."""


class Dataset(Record):
    """A table that one party brings, encrypted."""

    owner: Name
    """The party that signs and uploads its versions."""
    columns: list[Column] = Field(min_length=1, max_length=MOST_ENTRIES)
    """Every column of the file, in order."""
    rows: Rows
    """How many rows a version may have."""
    allow: Allow
    """What the owner consents to."""


class Input(Record):
    """The part of one dataset that a computation reads."""

    dataset: Name
    """Which dataset."""
    columns: Annotated[list[str], AfterValidator(_as_set), Field(min_length=1)]
    """The only columns a worker is allowed to decrypt."""


class Gate(Record):
    """The rule that every output passes."""

    min_group: int = Field(default=10, ge=1)
    """With fewer distinct units of any contributing owner the output is withheld; in units."""
    round_to: int = Field(default=1, ge=1, le=1_000_000)
    """Counts are rounded to the nearest multiple; rows are not affected."""


class CountOutput(Record):
    """A released number of units."""

    recipients: Names
    """Parties whose `receive` key the result is sealed to."""
    gate: Gate = Gate()
    """The rule it passes first."""


class RowsOutput(Record):
    """A released table of matching rows."""

    recipients: Names
    """Parties whose `receive` key the result is sealed to."""
    columns: Annotated[list[str], AfterValidator(_as_set), Field(min_length=1)]
    """`<input>.<column>` for each column; an identity goes to its owner, others get pseudonyms."""
    reveals_membership: bool = False
    """Must be true: whoever receives rows learns who is in the intersection."""
    gate: Gate = Gate()
    """The rule it passes first."""
    max_rows: int = Field(ge=1, le=1_000_000_000)
    """A larger result is refused, in rows."""
    max_bytes: int = Field(default=1 << 30, ge=1024, le=1 << 40)
    """A larger sealed file is refused, in bytes."""


class Range(Record):
    """A whole number that the submitter chooses, within signed bounds."""

    min: int = Field(ge=-(1 << 53), le=1 << 53)
    """Lowest accepted value."""
    max: int = Field(ge=-(1 << 53), le=1 << 53)
    """Highest accepted value."""
    default: int | None = Field(default=None, ge=-(1 << 53), le=1 << 53)
    """Used when the submitter names none; without it the parameter is required."""


class Gang(Record):
    """The workers of one run."""

    role: Name
    """An entry under `workers`."""
    count: int = Field(default=1, ge=1, le=100)
    """1 runs in one process; 2 or more form a Ray cluster for this run."""


class Limits(Record):
    """How often and how long."""

    max_runs: int = Field(ge=1, le=1_000_000)
    """Runs of this computation that may be granted keys."""
    timeout_s: int = Field(default=900, ge=1, le=604_800)
    """A run that takes longer is ended, in seconds from its submission."""


class Computation(Record):
    """What every computation says, whatever its operation."""

    on: Annotated[list[str], AfterValidator(_as_set), Field(min_length=1, max_length=8)]
    """Identity columns, present in every input, that together name one unit."""
    inputs: dict[Name, Input] = Field(min_length=2, max_length=32)
    """The datasets it reads, by a name of its own; the order of the names is theirs."""
    submitters: Names
    """Parties that may ask for a run."""
    workers: Gang
    """Where it runs."""
    limits: Limits
    """How often and how long it may run."""


class IntersectCount(Computation):
    """How many units are in every input."""

    op: Literal["intersect.count"]
    """The operation."""
    outputs: dict[Name, CountOutput] = Field(min_length=1, max_length=1)
    """One output: a table of one row with the column `overlap`."""


class RowsParameters(Record):
    """What a submitter may choose for `intersect.rows`."""

    limit: Range | None = None
    """Return at most this many rows, the first in the order of the first input's keys.

    Inputs are ordered by their names."""


class IntersectRows(Computation):
    """The rows of the units that are in every input."""

    op: Literal["intersect.rows"]
    """The operation."""
    duplicates: Literal["first", "all"] = "first"
    """A unit with several rows in an input: its first row counts, or all combinations."""
    parameters: RowsParameters = RowsParameters()
    """What the submitter may choose."""
    outputs: dict[Name, RowsOutput] = Field(min_length=1, max_length=16)
    """Tables of matching rows."""


AnyComputation = Annotated[IntersectCount | IntersectRows, Field(discriminator="op")]
"""A computation of any operation."""


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
    datasets: dict[Name, Dataset] = Field(min_length=1, max_length=MOST_ENTRIES)
    """Which tables the parties bring."""
    computations: dict[Name, AnyComputation] = Field(min_length=1, max_length=MOST_ENTRIES)
    """What may be computed over them."""

    def to_plain(self) -> dict[str, object]:
        """Plain JSON values of exactly the fields that were set."""
        return BaseModel.model_dump(self, mode="json", by_alias=True, exclude_unset=True)

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
