"""Rules about datasets: columns, bounds, and the owner's consent."""

from collections.abc import Iterator
from decimal import Decimal

from cleanroom.errors import Problem
from cleanroom.manifest.model import AnyComputation, Column, Manifest
from cleanroom.manifest.rules.names import outline

INTEGER_RANGES = {
    "int32": (Decimal(-(2**31)), Decimal(2**31 - 1)),
    "int64": (Decimal(-(2**63)), Decimal(2**63 - 1)),
}
"""Lowest and highest value of the integer types."""
NUMBERS = ("int32", "int64", "float64")
"""Types that may have bounds."""


def columns_are_distinct(manifest: Manifest) -> Iterator[Problem]:
    """No two columns of a dataset have the same name, or names that look alike."""
    for dataset_id, dataset in manifest.datasets.items():
        seen: dict[str, str] = {}
        for index, column in enumerate(dataset.columns):
            seen_as = outline(column.name)
            if seen_as in seen:
                yield Problem(
                    f"column {column.name!r} repeats or looks like {seen[seen_as]!r}",
                    where=f"datasets.{dataset_id}.columns.{index}.name",
                )
            seen.setdefault(seen_as, column.name)


def rows_are_ordered(manifest: Manifest) -> Iterator[Problem]:
    """`rows.min` is not above `rows.max`."""
    for name, dataset in manifest.datasets.items():
        if dataset.rows.min > dataset.rows.max:
            yield Problem(
                f"rows.min is {dataset.rows.min}, expected at most rows.max, "
                f"which is {dataset.rows.max}",
                where=f"datasets.{name}.rows.min",
            )


def bounds_fit(manifest: Manifest) -> Iterator[Problem]:
    """`bounds` are on numbers only, lowest first, and values of the column's type."""
    for path, column in _columns(manifest):
        if column.bounds is None:
            continue
        fault = _fault_in_bounds(column, [Decimal(bound) for bound in column.bounds])
        if fault:
            yield Problem(fault, where=f"{path}.bounds")


def values_fit(manifest: Manifest) -> Iterator[Problem]:
    """`values` are on strings only."""
    for path, column in _columns(manifest):
        if column.values is not None and column.type != "string":
            yield Problem(
                f"column {column.name!r} is {column.type}, expected string where values are listed",
                where=f"{path}.values",
            )


def identities_fit(manifest: Manifest) -> Iterator[Problem]:
    """Identities are texts, whole numbers or dates; only identity strings are normalised."""
    for path, column in _columns(manifest):
        if column.role == "identity" and column.type in ("float64", "bool"):
            yield Problem(
                f"identity column {column.name!r} is {column.type}, which names no unit",
                where=f"{path}.type",
                hint="use string, int32, int64, date32 or timestamp",
            )
        if column.normalise != "exact" and (column.role, column.type) != ("identity", "string"):
            yield Problem(
                f"normalise is {column.normalise!r} on column {column.name!r} "
                f"({column.role}, {column.type}), expected an identity string",
                where=f"{path}.normalise",
            )


def consent_is_mutual(manifest: Manifest) -> Iterator[Problem]:
    """An owner allows exactly the computations that read the dataset."""
    for computation_id, computation in manifest.computations.items():
        for input_id, read in computation.reads.items():
            dataset = manifest.datasets.get(read.dataset)
            if dataset is not None and computation_id not in dataset.allow.computations:
                yield Problem(
                    f"{dataset.owner!r} does not allow {computation_id!r} to read {read.dataset!r}",
                    where=_place_of(computation_id, computation, input_id),
                    hint=f"its owner may add it to datasets.{read.dataset}.allow.computations",
                )
    for dataset_id, dataset in manifest.declared.items():
        for name in dataset.allow.computations:
            if name in manifest.computations and dataset_id not in _read_by(manifest, name):
                yield Problem(
                    f"computation {name!r} is allowed but does not read {dataset_id!r}",
                    where=f"datasets.{dataset_id}.allow.computations.{name}",
                )


def datasets_are_read(manifest: Manifest) -> Iterator[Problem]:
    """Every dataset that is declared is read by a computation."""
    read = {
        name for computation in manifest.computations for name in _read_by(manifest, computation)
    }
    for name in manifest.declared:
        if name not in read:
            yield Problem(f"dataset {name!r} is read by no computation", where=f"datasets.{name}")


def _read_by(manifest: Manifest, computation: str) -> set[str]:
    return {read.dataset for read in manifest.computations[computation].reads.values()}


def _place_of(name: str, computation: AnyComputation, read: str) -> str:
    if read in computation.inputs:
        return f"computations.{name}.inputs.{read}.dataset"
    return f"computations.{name}.{read}.dataset"


def _columns(manifest: Manifest) -> Iterator[tuple[str, Column]]:
    for name, dataset in manifest.datasets.items():
        for index, column in enumerate(dataset.columns):
            yield f"datasets.{name}.columns.{index}", column


def _fault_in_bounds(column: Column, bounds: list[Decimal]) -> str:
    low, high = bounds
    if column.type not in NUMBERS:
        return f"column {column.name!r} is {column.type}, expected a number where bounds are given"
    if low > high:
        return f"bounds are {low} to {high}, expected the lowest first"
    if column.type in INTEGER_RANGES:
        lowest, highest = INTEGER_RANGES[column.type]
        if any(bound != bound.to_integral_value() for bound in bounds):
            return f"bounds of {column.type} column {column.name!r} are not whole numbers"
        if low < lowest or high > highest:
            return f"bounds of column {column.name!r} are outside of {column.type}"
    return ""
