"""Sealed parts become columns: only those that the run decrypts, only in the computing process."""

from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa

from cleanroom.dataset.context import DatasetContext
from cleanroom.dataset.unseal import read_part
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
            context=DatasetContext(
                str(version.lineage), version.dataset, version.owner, version.version
            ),
            key=bytes(key),
            columns=self.accepted.manifest.datasets[self.planned.dataset].columns,
            granted=columns,
        )
