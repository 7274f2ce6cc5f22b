"""Sealed parts become columns, or a model's bytes: only what the run decrypts, and only here.

Used in the computing process alone.
"""

from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa

from cleanroom.dataset.context import DatasetContext
from cleanroom.dataset.models.sealing import unseal_model
from cleanroom.dataset.unseal import read_part
from cleanroom.errors import RunRefused
from cleanroom.manifest.prediction import MODEL
from cleanroom.protocol.dataset import DatasetVersion
from enclave.computations.plan import InputPlan
from enclave.worker.orders import AcceptedOrder


@dataclass(frozen=True, slots=True)
class Source:
    """One input of a run: which version, and what to read of it."""

    planned: InputPlan
    version: DatasetVersion
    accepted: AcceptedOrder

    @classmethod
    def of(cls, accepted: AcceptedOrder, name: str) -> "Source":
        """The input `name` of an accepted order."""
        planned = next(each for each in accepted.plan.inputs if each.name == name)
        return cls(planned, accepted.order.inputs[name].version, accepted)

    def first_row(self, index: int) -> int:
        """The position in the input of a part's first row."""
        return sum(part.rows for part in self.version.parts[:index])

    def read(self, index: int, file: Path, key: memoryview, columns: tuple[str, ...]) -> pa.Table:
        """Decrypt columns of a part that was fetched into `file`.

        Raises:
            SealBroken: the part does not open under this key in this place.
            DataError: it is not what the version and the manifest say.
        """
        version = self.version
        return read_part(
            file,
            version.parts[index],
            context=_context(version),
            key=bytes(key),
            columns=self.accepted.manifest.datasets[self.planned.dataset].columns,
            granted=columns,
        )


def read_model(accepted: AcceptedOrder, file: Path, key: memoryview) -> pa.Table:
    """Decrypt the model that a prediction uses: a table of one row and one column, its bytes.

    Nothing has judged them yet: the operation does.

    Raises:
        SealBroken: it does not open under this key in this place.
        RunRefused: the run uses no model.
    """
    scoring = accepted.plan.scoring
    if scoring is None:
        raise RunRefused("the run uses no model")
    version = accepted.order.inputs[MODEL].version
    content = unseal_model(file, version.parts[0], context=_context(version), key=bytes(key))
    return pa.table({MODEL: pa.array([content], pa.large_binary())})


def _context(version: DatasetVersion) -> DatasetContext:
    return DatasetContext(str(version.lineage), version.dataset, version.owner, version.version)
