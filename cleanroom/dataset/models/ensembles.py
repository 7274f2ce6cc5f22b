"""Trees inside of an ONNX graph: native code follows their numbers, so these are judged first.

Only places are checked, not what the trees say.
"""

import math
from collections.abc import Iterable, Mapping, Sequence

from cleanroom.errors import ModelRefused


def require_ensemble(
    attributes: Mapping[str, Sequence[int | float]], width: int
) -> Mapping[str, Sequence[int | float]]:
    """Return an ensemble's attributes, once its lists point to nodes and features that are there.

    Args:
        attributes: numbers of its node, by name.
        width: numbers of each row.

    Raises:
        ModelRefused: they do not, or differ in length.
    """
    nodes = {name: each for name, each in attributes.items() if name.startswith("nodes_") and each}
    lengths = {len(each) for name, each in nodes.items() if name != "nodes_hitrates"}
    count = len(nodes.get("nodes_treeids", ()))
    if not count or len(lengths) != 1:
        raise ModelRefused("the lists of a tree ensemble are not of one length")
    for name in ("nodes_truenodeids", "nodes_falsenodeids", "nodes_nodeids", "nodes_treeids"):
        _below(name, nodes.get(name, ()), count)
    _below("nodes_featureids", nodes.get("nodes_featureids", ()), width)
    for part in ("class", "target"):
        kept = {name: each for name, each in attributes.items() if name.startswith(f"{part}_")}
        if len({len(each) for each in kept.values()}) > 1:
            raise ModelRefused("the lists of leaves of a tree ensemble are not of one length")
        _below(f"{part}_nodeids", kept.get(f"{part}_nodeids", ()), count)
        _below(f"{part}_treeids", kept.get(f"{part}_treeids", ()), count)
        _below(f"{part}_ids", kept.get(f"{part}_ids", ()), 1 << 16)
    for name, each in attributes.items():
        if not math.isfinite(sum(each)):
            raise ModelRefused(f"{name[:40]} of a tree ensemble has a number that is not finite")
    return attributes


def _below(name: str, numbers: Iterable[int | float], end: int) -> None:
    if not all(0 <= each < end for each in numbers):
        raise ModelRefused(f"{name} of a tree ensemble has a value outside of 0 to {end - 1}")
