"""Whether all that a graph computes between its input and its output fits into a signed bound.

Operators are few and their numbers come from a file of bounded size, yet two of them can make a
small graph take all the memory there is: rows times rows, or a column times a row. The sum over all
nodes is judged, as if the runtime never gave anything back and whatever its order is.
"""

from collections.abc import Iterable, Iterator, Mapping
from typing import Final

from cleanroom.dataset.models.extents import Axis, Extent, Node, extent
from cleanroom.dataset.models.shapes import RULES, TAKES_TWO
from cleanroom.errors import ModelRefused
from cleanroom.manifest.needs import GRAPH_BYTES

MOST_INPUTS: Final = 100_000
"""Inputs and outputs of all nodes together."""


def require_bounded(
    given: str, width: int, tensors: Mapping[str, Extent], nodes: Iterable[Node]
) -> int:
    """Return how many bytes all intermediate results take at most, once that is little enough.

    Args:
        given: the name of the graph's input.
        width: numbers of each row.
        tensors: what stands in the file, by name.
        nodes: in the order of the file, in which each stands behind what it takes.

    Raises:
        ModelRefused: they may take more, or how much cannot be told.
    """
    total = 0
    for place, (node, _, made) in enumerate(results(given, width, tensors, nodes)):
        total += made.count * made.width
        if total > GRAPH_BYTES:
            raise ModelRefused(
                f"result {place} of the graph ({node.operator}) and those before it may take "
                f"{total:,} bytes at once, expected at most {GRAPH_BYTES:,}",
                hint="use narrower layers, and nothing that multiplies rows by rows",
            )
    return total


def results(
    given: str, width: int, tensors: Mapping[str, Extent], nodes: Iterable[Node]
) -> Iterator[tuple[Node, str, Extent]]:
    """Each result with its name and the node that gives it; arguments as of `require_bounded`."""
    known = {**tensors, given: extent((Axis(1, rows=1), Axis(width)))}
    names = 0
    for node in nodes:
        names += len(node.inputs) + len(node.outputs)
        if names > MOST_INPUTS:
            raise ModelRefused(f"the nodes have more than {MOST_INPUTS} inputs and outputs")
        for name, made in _given(node, _taken(node, known)):
            if name in known:
                raise ModelRefused(f"{node.operator!r} gives {name[:40]!r}, which is there already")
            known[name] = made
            yield node, name, made


def _taken(node: Node, known: Mapping[str, Extent]) -> list[Extent]:
    least = 2 if node.operator in TAKES_TWO else 0 if node.operator == "Constant" else 1
    if len(node.inputs) < least or not all(node.inputs[:least]):
        raise ModelRefused(f"{node.operator!r} lacks an input, expected {least} or more")
    missing = [name for name in node.inputs if name and name not in known]
    if missing:
        raise ModelRefused(
            f"{node.operator!r} takes {missing[0][:40]!r}, which nothing before it gives"
        )
    return [known[name] for name in node.inputs if name]


def _given(node: Node, taken: list[Extent]) -> list[tuple[str, Extent]]:
    made = RULES[node.operator](node, taken)
    several = made if isinstance(made, tuple) else (made,) * len(node.outputs)
    if len(several) < len(node.outputs):
        raise ModelRefused(
            f"{node.operator!r} has {len(node.outputs)} outputs, expected {len(several)} at most"
        )
    return [(name, each) for name, each in zip(node.outputs, several, strict=False) if name]
