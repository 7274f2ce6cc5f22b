"""What parties bring: tables with their columns, and models with what they expect.

A table's rows and a model's numbers are both encrypted by their owner, and read only by what that
owner allows. Shapes of single entries only: rules between fields live in `rules`.
"""

from typing import Annotated, Literal

from pydantic import AfterValidator, Discriminator, Field, Tag

from cleanroom.encoding import Name, Record
from cleanroom.manifest.fields import MOST_ENTRIES, Names, Number, Title, as_set
from cleanroom.manifest.privacy import Privacy


class Column(Record):
    """One column of a dataset."""

    name: Annotated[str, Field(pattern=r"^[A-Za-z_][A-Za-z0-9_]{0,62}$")]
    """The column's name in the party's file."""
    type: Literal["bool", "int32", "int64", "float64", "string", "date32", "timestamp"]
    """The Arrow type; `timestamp` is microseconds in UTC."""
    role: Literal["identity", "payload", "dimension", "measure", "feature", "label", "weight"]
    """`identity` joins and counts only; `payload` may be output where a computation says so."""
    normalise: Literal["exact", "email", "sha256-hex"] = "exact"
    """How values are brought to one spelling before they are compared; identity columns only."""
    nullable: bool = False
    """Whether a value may be missing; a missing identity never matches."""
    bounds: list[Number] | None = Field(default=None, min_length=2, max_length=2)
    """Lowest and highest allowed number, inclusive."""
    values: Annotated[list[Title], AfterValidator(as_set)] | None = Field(
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

    kind: Literal["table"] = "table"
    """What it is; a dataset that does not say it is a table."""
    owner: Name
    """The party that signs and uploads its versions."""
    columns: list[Column] = Field(min_length=1, max_length=MOST_ENTRIES)
    """Every column of the file, in order."""
    rows: Rows
    """How many rows a version may have."""
    allow: Allow
    """What the owner consents to."""
    privacy: Privacy | None = None
    """What may become known about one unit; without it no ε bounds it."""


class ModelFeature(Record):
    """One value that a model expects of every row."""

    name: Annotated[str, Field(pattern=r"^[A-Za-z_][A-Za-z0-9_]{0,62}$")]
    """The name of the column that holds it, in whichever table is brought."""
    type: Literal["bool", "int32", "int64", "float64", "string"]
    """The column's type; a text becomes a number for each of its values: 1 for its own, else 0."""
    values: Annotated[list[Title], AfterValidator(as_set)] | None = Field(
        default=None, min_length=1, max_length=MOST_ENTRIES
    )
    """The texts that the model knows."""
    nullable: bool = False
    """Whether the model takes rows without it; trees do."""

    @property
    def width(self) -> int:
        """How many numbers it becomes."""
        return 1 if self.values is None else len(self.values)


class Network(Record):
    """The layers of a safetensors model; `docs/spec/dataset-v1.md` fixes the tensors' names."""

    hidden: list[Annotated[int, Field(ge=1, le=4096)]] = Field(max_length=16)
    """Units of each hidden layer, in order; none for a linear model."""
    activation: Literal["relu", "tanh", "sigmoid"] = "relu"
    """Applied after each hidden layer."""


class ModelDataset(Record):
    """A trained model that one party brings, encrypted; `predict` and `evaluate` use it."""

    kind: Literal["model"]
    """What it is."""
    owner: Name
    """The party that signs and uploads its versions."""
    format: Literal["xgboost-ubj", "onnx", "safetensors", "cleanroom"]
    """How the file is written; none of the formats can hold code, and pickles are refused.
    `cleanroom` is how linear models and networks that were trained here stay; nobody brings it."""
    task: Literal["classification", "regression"]
    """Whether it tells probabilities of classes, or a number."""
    classes: list[Title] = Field(default=[], max_length=MOST_ENTRIES)
    """The classes in the model's order; none for a regression."""
    features: list[ModelFeature] = Field(min_length=1, max_length=MOST_ENTRIES)
    """What it expects, in the model's order."""
    network: Network | None = None
    """The layers; of a safetensors model, and of a network that stays."""
    max_bytes: int = Field(default=1 << 26, ge=1024, le=1 << 30)
    """A larger file is refused, in bytes."""
    allow: Allow
    """What the owner consents to."""

    @property
    def columns(self) -> list[Column]:
        """None: a model is no table."""
        return []

    @property
    def rows(self) -> Rows:
        """A version is one model."""
        return Rows(min=1, max=1)

    @property
    def privacy(self) -> None:
        """None: a model is about no unit that it names."""
        return

    @property
    def width(self) -> int:
        """How many numbers a row becomes."""
        return sum(feature.width for feature in self.features)

    @property
    def scores(self) -> int:
        """How many numbers it says of a row: one for each class, or the number."""
        return max(len(self.classes), 1)


def kind(given: object) -> object:
    """Which kind of dataset some plain values, or a record, are: tables need not say so."""
    return given.get("kind", "table") if isinstance(given, dict) else getattr(given, "kind", None)


AnyDataset = Annotated[
    Annotated[Dataset, Tag("table")] | Annotated[ModelDataset, Tag("model")], Discriminator(kind)
]
"""A dataset of any kind."""
