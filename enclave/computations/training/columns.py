"""One column over all rows of a training, whichever way the parties' rows were put together.

A column of one input is taken at the lines of the join, and is null where the input lacks the
unit. A column of every input is the inputs' own, one below the other.
"""

from collections.abc import Iterator, Mapping

import pyarrow as pa

from cleanroom.dataset.features import Feature
from enclave.computations.matches import place
from enclave.computations.plan import Lesson, Plan, Told

Payload = Mapping[str, pa.Table]
"""Columns of each input, all rows in order."""


def feature_of(lesson: Lesson, told: Told) -> Feature:
    """A column as a model's description names it."""
    source, column = told
    owner = None if source is None else lesson.owners[source]
    return Feature(input=source, column=column.name, owner=owner, values=column.values)


def whole(payload: Payload, told: Told) -> Iterator[pa.ChunkedArray]:
    """The column in each input that has it, all rows."""
    source, column = told
    for name in sorted(payload) if source is None else [source]:
        yield payload[name].column(column.name)


def joined(plan: Plan, found: pa.Table, payload: Payload, told: Told) -> pa.ChunkedArray:
    """The column at the lines of the join, in their order.

    Args:
        plan: the run's plan.
        found: the lines of the join.
        payload: columns of each input, all rows in order.
        told: which column.
    """
    source, column = told
    taken = []
    for number, planned in enumerate(plan.inputs):
        rows = found.column(place(number)).combine_chunks()
        if source is None:
            # stacked lines are in the order of the inputs
            taken.append(payload[planned.name].column(column.name).take(rows.drop_null()))
        elif source == planned.name:
            return payload[source].column(column.name).take(rows)
    chunks = [chunk.cast(taken[0].type) for each in taken for chunk in each.chunks]
    return pa.chunked_array(chunks, taken[0].type)
