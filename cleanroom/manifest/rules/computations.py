"""Rules about computations: what they read, how units are compared, what they release."""

from collections.abc import Iterator
from decimal import Decimal

from cleanroom.errors import Problem
from cleanroom.manifest.model import (
    AnyComputation,
    Column,
    CountOutput,
    Gate,
    Input,
    IntersectRows,
    Manifest,
    Prediction,
    Range,
    RowsOutput,
    ScoresOutput,
    Training,
)


def inputs_are_distinct(manifest: Manifest) -> Iterator[Problem]:
    """No two inputs of a computation read the same dataset."""
    for name, computation in manifest.computations.items():
        seen: dict[str, str] = {}
        for input_id, read in computation.inputs.items():
            other = seen.setdefault(read.dataset, input_id)
            if other != input_id:
                yield Problem(
                    f"inputs {other!r} and {input_id!r} both read {read.dataset!r}",
                    where=f"computations.{name}.inputs.{input_id}.dataset",
                )


def columns_exist(manifest: Manifest) -> Iterator[Problem]:
    """An input reads only columns that its dataset has."""
    for path, _, read in _inputs(manifest):
        defined = _columns_of(manifest, read)
        for name in read.columns:
            if defined and name not in defined:
                yield Problem(
                    f"dataset {read.dataset!r} has no column {name!r}, "
                    f"expected one of {', '.join(sorted(defined))}",
                    where=f"{path}.columns.{name}",
                )


def units_are_comparable(manifest: Manifest) -> Iterator[Problem]:
    """`on` columns are read by every input, as identities of one type and one normaliser."""
    for computation_id, computation in manifest.computations.items():
        for name in computation.on:
            kinds: set[tuple[str, str]] = set()
            for input_id, read in computation.inputs.items():
                path = f"computations.{computation_id}.inputs.{input_id}.columns"
                column = _columns_of(manifest, read).get(name)
                if name not in read.columns:
                    yield Problem(
                        f"input {input_id!r} does not read {name!r}, which units are compared on",
                        where=path,
                    )
                elif column is not None and column.role != "identity":
                    yield Problem(
                        f"column {name!r} of {read.dataset!r} has role {column.role!r}, "
                        "expected 'identity': units are compared on it",
                        where=f"{path}.{name}",
                    )
                elif column is not None:
                    kinds.add((column.type, column.normalise))
            if len(kinds) > 1:
                found = " and ".join(sorted(f"{kind}/{spelling}" for kind, spelling in kinds))
                yield Problem(
                    f"column {name!r} is {found} in the inputs, expected one type and normaliser: "
                    "nothing would match",
                    where=f"computations.{computation_id}.on.{name}",
                )


def columns_are_needed(manifest: Manifest) -> Iterator[Problem]:
    """An input reads no column that is neither compared nor output."""
    for path, computation, read in _inputs(manifest):
        needed = set(computation.on)
        if isinstance(computation, Training | Prediction):
            continue  # rules of their own say what these read
        if isinstance(computation, IntersectRows):
            input_id = path.rpartition(".")[2]
            for output in computation.outputs.values():
                needed |= {
                    column for source, column in map(_split, output.columns) if source == input_id
                }
        for name in read.columns:
            if name not in needed:
                yield Problem(
                    f"column {name!r} is read but neither compared nor output",
                    where=f"{path}.columns.{name}",
                    hint="remove it: a worker decrypts nothing that it does not need",
                )


def ranges_are_ordered(manifest: Manifest) -> Iterator[Problem]:
    """A parameter's `min` is at most its `max`, its `default` between; whole ones are from 1."""
    for name, computation in manifest.computations.items():
        for parameter, allowed in computation.ranges.items():
            path = f"computations.{name}.parameters.{parameter}"
            least, most = Decimal(allowed.min), Decimal(allowed.max)
            default = least if allowed.default is None else Decimal(allowed.default)
            if least > most:
                yield Problem(
                    f"min is {allowed.min}, expected at most max, which is {allowed.max}", path
                )
            elif not least <= default <= most:
                yield Problem(
                    f"default is {allowed.default}, expected {allowed.min} to {allowed.max}",
                    where=f"{path}.default",
                )
            if isinstance(allowed, Range) and allowed.min < 1:
                yield Problem(f"min is {allowed.min}, expected at least 1", where=f"{path}.min")


def gates_can_open(manifest: Manifest) -> Iterator[Problem]:
    """`min_group` is not above the most rows that some input may have."""
    for name, computation in manifest.computations.items():
        for output_id, output in computation.outputs.items():
            for read in computation.inputs.values():
                dataset = manifest.datasets.get(read.dataset)
                if dataset is not None and output.gate.min_group > dataset.rows.max:
                    yield Problem(
                        f"min_group is {output.gate.min_group}, more than rows.max of "
                        f"{read.dataset!r}, which is {dataset.rows.max}: nothing is ever released",
                        where=f"computations.{name}.outputs.{output_id}.gate.min_group",
                    )


def rows_say_so(manifest: Manifest) -> Iterator[Problem]:
    """An output of rows says `reveals_membership: true`."""
    for path, _, output in _row_outputs(manifest):
        if not output.reveals_membership:
            yield Problem(
                "the output has rows while reveals_membership is false, expected true",
                where=f"{path}.reveals_membership",
                hint="say so: whoever receives rows learns who is in the intersection",
            )


def counts_are_rounded(manifest: Manifest) -> Iterator[Problem]:
    """`round_to` is said of counts only."""
    for name, computation in manifest.computations.items():
        for output_id, output in computation.outputs.items():
            if isinstance(output, CountOutput) or output.gate.round_to == Gate().round_to:
                continue
            what = "rows" if isinstance(output, RowsOutput | ScoresOutput) else output.kind
            yield Problem(
                f"round_to is {output.gate.round_to}, expected none: {what} are not rounded to it",
                where=f"computations.{name}.outputs.{output_id}.gate.round_to",
            )


def outputs_are_granted(manifest: Manifest) -> Iterator[Problem]:
    """Output columns are `<input>.<column>`, read by that input, with role payload or identity."""
    for path, computation, output in _row_outputs(manifest):
        for name in output.columns:
            fault = _fault_in_column(manifest, computation, name)
            if fault:
                yield Problem(fault, where=f"{path}.columns.{name}")


def _fault_in_column(manifest: Manifest, computation: IntersectRows, name: str) -> str:
    source, column_id = _split(name)
    read = computation.inputs.get(source)
    if read is None:
        return f"{name!r} names no input, expected <input>.<column> of {sorted(computation.inputs)}"
    if column_id not in read.columns:
        return f"input {source!r} does not read {column_id!r}"
    column = _columns_of(manifest, read).get(column_id)
    if column is not None and column.role not in ("payload", "identity"):
        return f"{name!r} has role {column.role!r}, expected payload or identity in an output"
    return ""


def _inputs(manifest: Manifest) -> Iterator[tuple[str, AnyComputation, Input]]:
    for name, computation in manifest.computations.items():
        for input_id, read in computation.inputs.items():
            yield f"computations.{name}.inputs.{input_id}", computation, read


def _row_outputs(manifest: Manifest) -> Iterator[tuple[str, IntersectRows, RowsOutput]]:
    for name, computation in manifest.computations.items():
        if isinstance(computation, IntersectRows):
            for output_id, output in computation.outputs.items():
                yield f"computations.{name}.outputs.{output_id}", computation, output


def _columns_of(manifest: Manifest, read: Input) -> dict[str, Column]:
    dataset = manifest.datasets.get(read.dataset)
    return {column.name: column for column in dataset.columns} if dataset else {}


def _split(name: str) -> tuple[str, str]:
    source, _, column = name.partition(".")
    return source, column
