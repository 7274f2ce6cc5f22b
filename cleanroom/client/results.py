"""A result in its recipient's hands: rows, metrics or a model, to look at, draw and save.

It was opened and read by `opening` before; nothing here meets bytes of the room.
"""

import os
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet as pq

from cleanroom.client.budget import Budgets
from cleanroom.client.display import counted, mimebundle
from cleanroom.client.files import PRIVATE_FILE, write_new
from cleanroom.client.kept import KeptModel, kept_models
from cleanroom.client.receipts import Receipt
from cleanroom.errors import GroupTooSmall, MachineUnfit, Usage
from cleanroom.manifest.model import Manifest
from cleanroom.protocol.run import Delivery

if TYPE_CHECKING:
    import pandas as pd  # type: ignore[import-untyped]
    from matplotlib.figure import Figure

    from cleanroom.client.card import ModelCard
    from cleanroom.client.models import Model

MODEL_COLUMNS = ["description", "booster"]
"""Columns of a model; one row."""
MODEL_SUFFIXES = (".ubj", ".safetensors", ".json")
"""What a model is saved as."""
SHOWN = 10
"""Rows that a notebook shows."""


class Result:
    """A released result, opened and checked.

    Args:
        table: its rows.
        delivery: how it came.
        receipt: of its run; verified when the result was fetched.
    """

    def __init__(self, table: pa.Table, delivery: Delivery, receipt: Receipt) -> None:
        self.table = table
        """The rows, as Arrow."""
        self.receipt = receipt
        """The run's receipt."""
        self.run = delivery.run
        """The run's identifier."""
        self.output = delivery.output.output
        """Which of the computation's outputs it is."""
        self.recipient = delivery.output.recipient
        """The party that it was sealed to."""
        self.suppressed = delivery.output.suppressed
        """Whether the gate withheld the rows: too few units to be shown."""

    def require(self) -> Self:
        """Return this result, unless the gate withheld it.

        Raises:
            GroupTooSmall: it holds nothing, because some owner has too few units in it.
        """
        if self.suppressed:
            raise GroupTooSmall(
                f"output {self.output!r} of run {self.run} is withheld: some owner has fewer "
                "distinct units in it than the manifest's min_group, or there is too little to "
                "train or test a model"
            )
        return self

    @property
    def budget(self) -> Budgets:
        """The privacy budgets that the run spent from, and how many more such runs they bear."""
        return Budgets.of_run(self.receipt.claimed)

    @property
    def model(self) -> "Model | KeptModel":
        """The exported model, ready to predict; or a handle on the one that the run left behind.

        Raises:
            GroupTooSmall: the gate withheld it.
            Usage: the output is no model, and none, or several, stay in the room.
            DataMismatch: it is not the model that a worker writes.
            MachineUnfit: numpy, or XGBoost for trees, is not installed.
        """
        if not self._is_model and len(kept := self._kept()) == 1:
            return kept[0]
        return self._exported()

    def _kept(self) -> tuple[KeptModel, ...]:
        """Models that stay in the room, as the receipt proves."""
        claimed = self.receipt.claimed
        manifest = Manifest.from_bytes(self.receipt.record.statement.manifest or b"")
        return kept_models(manifest, claimed.computation, claimed.run, claimed.outputs)

    def _exported(self) -> "Model":
        table = self._with(*MODEL_COLUMNS)
        try:
            return import_module("cleanroom.client.models").model_of(table)  # type: ignore[no-any-return]
        except ImportError:
            raise MachineUnfit(
                "numpy or XGBoost is not installed",
                hint="pip install 'attested-cleanroom[enclave]'",
            ) from None

    @property
    def model_card(self) -> "ModelCard":
        """What the training was, with the numbers of this output; `Run.model_card` has all.

        Raises:
            Usage: the run was no training.
        """
        card: ModelCard = import_module("cleanroom.client.carding").model_card([self])
        return card

    @property
    def metrics(self) -> dict[str, float | None]:
        """How well the model did on its test rows, by metric; None where they do not define it.

        Raises:
            GroupTooSmall: the gate withheld them.
            Usage: the output has no metrics.
        """
        return next(iter(self.comparison.values()), {})

    @property
    def comparison(self) -> dict[str, dict[str, float | None]]:
        """The metrics of the joint model, then of each owner's features or rows alone, if told.

        Of a model of too few rows of one owner, or one that they cannot teach, all are None.

        Raises:
            GroupTooSmall: the gate withheld them.
            Usage: the output has no metrics.
        """
        found: dict[str, dict[str, float | None]] = {}
        for line in self._with("metric", "value", besides="owners").to_pylist():
            found.setdefault(line.get("owners", ""), {})[line["metric"]] = line["value"]
        return found

    def _with(self, *columns: str, besides: str = "") -> pa.Table:
        table = self.require().table
        if table.column_names not in (list(columns), [besides, *columns]):
            raise Usage(
                f"output {self.output!r} has columns {table.column_names}, expected {list(columns)}"
            )
        return table

    @property
    def shown(self) -> pa.Table:
        """What people look at: the rows; of a model only what it was learned from."""
        if not self._is_model or self.suppressed:
            return self.table
        features = self._exported().description.features
        owners, names = [each.owner for each in features], [each.name for each in features]
        return pa.table({"owner": owners, "feature": names})

    @property
    def _is_model(self) -> bool:
        return bool(self.table.column_names == MODEL_COLUMNS)

    def to_pandas(self) -> "pd.DataFrame":
        """The rows as a data frame.

        Raises:
            MachineUnfit: pandas is not installed.
        """
        try:
            frame: pd.DataFrame = self.table.to_pandas()
        except ImportError:
            raise MachineUnfit(
                "pandas is not installed", hint="pip install 'attested-cleanroom[notebook]'"
            ) from None
        return frame

    def plot(self, kind: str | None = None) -> "Figure":
        """A picture of the result.

        Args:
            kind: of an evaluation `roc`, `lift` or `calibration`; by default all of it.

        Raises:
            MachineUnfit: matplotlib is not installed.
            Usage: there is no such picture of it.
        """
        figure: Figure = _drawing("plot_result")(self, kind)
        return figure

    def save_plot(self, path: str | os.PathLike[str], kind: str | None = None) -> Path:
        """Write a picture of the result to a file; `.svg`, `.png` or `.pdf`.

        Raises:
            MachineUnfit: matplotlib is not installed.
            Usage: the suffix is another one, or there is no such picture of it.
        """
        saved: Path = _drawing("save")(self.plot(kind), path)
        return saved

    def save(self, path: str | os.PathLike[str]) -> Path:
        """Write the rows to a new file that only you can read; `.parquet` or `.csv`.

        A model goes to `.ubj` (trees), `.safetensors` (a network) or `.json`: see `Model.save`.

        Raises:
            Usage: the suffix is another one, or the file exists.
        """
        target, sink = Path(path), pa.BufferOutputStream()
        if target.suffix in MODEL_SUFFIXES:
            return self._exported().save(target)
        if target.suffix == ".parquet":
            pq.write_table(self.table, sink)
        elif target.suffix == ".csv" and not self._is_model:
            pa.csv.write_csv(self.table, sink)
        else:
            raise Usage(f"the file is {target.name!r}, expected a name in .parquet or .csv")
        return write_new(target, memoryview(sink.getvalue()), PRIVATE_FILE)

    def to_json(self) -> dict[str, object]:
        """What it is, without its rows."""
        return {
            "run": self.run,
            "output": self.output,
            "suppressed": self.suppressed,
            "rows": self.table.num_rows,
            "columns": self.table.column_names,
        }

    def __repr__(self) -> str:
        shown = "withheld by the gate" if self.suppressed else counted(self.table.num_rows, "row")
        return f"Result({self.output!r} of {self.run}: {shown})"

    def _repr_mimebundle_(self, **_formats: object) -> dict[str, str]:
        shown = self.shown.slice(0, SHOWN)
        cells = [[str(value) for value in row.values()] for row in shown.to_pylist()]
        return mimebundle(repr(self), shown.column_names, cells)


def _drawing(name: str) -> Callable[..., Any]:
    """A function of `cleanroom.notebook`: one floor up and heavy, so met only when asked for."""
    try:
        found: Callable[..., Any] = getattr(import_module("cleanroom.notebook"), name)
    except ImportError:
        raise MachineUnfit(
            "matplotlib is not installed", hint="pip install 'attested-cleanroom[notebook]'"
        ) from None
    return found
