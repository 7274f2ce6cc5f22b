"""What a party brings for a dataset, a table or a model, opened and ready to be sealed.

Nothing is uploaded or signed here.
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from cleanroom.dataset.check import check, conforming
from cleanroom.dataset.models.check import CheckedModel, ModelReport, open_model
from cleanroom.dataset.models.sealing import SealedModel, seal_model
from cleanroom.dataset.read import Source, open_source
from cleanroom.dataset.report import Report
from cleanroom.dataset.seal import SealedDataset, SealedPart, seal
from cleanroom.errors import DataMismatch
from cleanroom.manifest.model import Dataset, ModelDataset

OnPart = Callable[[SealedPart], None]
"""Called for each sealed part, in order."""
Sealed = SealedDataset | SealedModel
"""A version whose parts are all sealed."""


@dataclass(frozen=True, slots=True)
class Home:
    """Where a version belongs."""

    lineage: str
    """The room's lineage."""
    dataset: str
    """The dataset's name in the manifest."""
    owner: str
    """The party that owns it."""


class Brought(Protocol):
    """Something that a dataset's version can be made of."""

    def seal(self, home: Home, directory: Path, on_part: OnPart) -> Sealed:
        """Seal it as a new version; ciphertext goes into `directory`."""
        ...


@dataclass(frozen=True, slots=True)
class BroughtTable:
    """Rows."""

    source: Source
    dataset: Dataset

    def seal(self, home: Home, directory: Path, on_part: OnPart) -> SealedDataset:
        """See `Brought.seal`.

        Raises:
            DataMismatch: some value breaks a rule; where rows can be read again, all that do.
        """
        try:
            return seal(
                conforming(self.source, self.dataset),
                lineage=home.lineage,
                dataset=home.dataset,
                owner=home.owner,
                directory=directory,
                on_part=on_part,
            )
        except DataMismatch:
            # NOTE: sealing stops at the first fault; the owner wants all of them
            if self.source.replayable:
                check(self.source, home.dataset, self.dataset).require()
            raise


@dataclass(frozen=True, slots=True)
class BroughtModel:
    """A model, which was checked as a whole when it was opened."""

    model: CheckedModel

    def seal(self, home: Home, directory: Path, on_part: OnPart) -> SealedModel:
        """See `Brought.seal`."""
        return seal_model(
            self.model,
            lineage=home.lineage,
            dataset=home.dataset,
            owner=home.owner,
            directory=directory,
            on_part=on_part,
        )


def brought(given: Any, dataset: Dataset | ModelDataset) -> Brought:  # noqa: ANN401 - many kinds
    """Open what a party gave for a dataset.

    Raises:
        DataError: it cannot be read, or is no model of the declared kind.
    """
    if isinstance(dataset, ModelDataset):
        return BroughtModel(open_model(given, dataset))
    return BroughtTable(open_source(given, dataset.columns), dataset)


def report_on(
    given: Any,  # noqa: ANN401 - many kinds
    name: str,
    dataset: Dataset | ModelDataset,
) -> Report | ModelReport:
    """Read everything that was given, and say what does not fit; nothing leaves this machine."""
    if isinstance(dataset, ModelDataset):
        return open_model(given, dataset).report(name)
    return check(open_source(given, dataset.columns), name, dataset)
