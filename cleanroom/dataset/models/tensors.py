"""A small network in safetensors: a strict header, the declared layers, and finite numbers.

The file is a length (u64, little-endian), JSON with a place for each tensor, and their bytes.
Here it holds `layers.<n>.weight` (outputs by inputs) and `layers.<n>.bias` for n from 0, as F32,
one after the other without a gap to the last byte, and nothing else.
See: <https://github.com/huggingface/safetensors#format>.
"""

import math
import sys
from array import array
from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise

from cleanroom.encoding import parse_json
from cleanroom.errors import CleanroomError, ModelRefused
from cleanroom.manifest.model import ModelDataset

LONGEST_HEADER = 1 << 16
"""The header is no longer, in bytes; a layer takes about 200."""
FLOAT_BYTES = 4
"""Of one F32 number."""
Shape = tuple[int, ...]


def layers_of(model: ModelDataset) -> dict[str, Shape]:
    """The tensors of the declared network, by name, with their shapes.

    Raises:
        ModelRefused: the manifest declares no network.
    """
    if model.network is None:
        raise ModelRefused("the manifest declares no layers for this model")
    return shapes_of([model.width, *model.network.hidden, model.scores])


def shapes_of(sizes: Sequence[int]) -> dict[str, Shape]:
    """The tensors of layers, by name, with their shapes.

    Args:
        sizes: how many numbers go into the first layer, and how many come out of each.
    """
    shapes: dict[str, Shape] = {}
    for place, (inputs, outputs) in enumerate(pairwise(sizes)):
        shapes[f"layers.{place}.weight"] = (outputs, inputs)
        shapes[f"layers.{place}.bias"] = (outputs,)
    return shapes


def require_tensors(raw: bytes, model: ModelDataset) -> dict[str, int]:
    """Return how large the network is, once it is whole and what the manifest says of it.

    Raises:
        ModelRefused: it is not.
    """
    tensors = read_tensors(raw, layers_of(model))
    return {"layers": len(tensors) // 2, "weights": sum(map(len, tensors.values()))}


def read_tensors(raw: bytes, shapes: Mapping[str, Shape]) -> dict[str, "array[float]"]:
    """The numbers of each tensor, row by row, of a file that holds exactly these, all finite.

    Raises:
        ModelRefused: it does not.
    """
    header, content = _parts(raw)
    places = dict(_places(header))
    if set(places) != set(shapes):
        found = min(set(places) ^ set(shapes))[:40]
        raise ModelRefused(f"the tensors are not {sorted(shapes)}: see {found!r}")
    for name, (shape, _) in places.items():
        if shape != shapes[name]:
            raise ModelRefused(f"{name} has the shape {shape}, expected {shapes[name]}")
    _without_gaps({name: place for name, (_, place) in places.items()}, shapes, len(content))
    numbers = array("f")
    numbers.frombytes(content)
    if sys.byteorder == "big":
        numbers.byteswap()
    if not math.isfinite(sum(numbers)):
        raise ModelRefused("a weight or bias is not finite")
    return {
        name: numbers[begin // FLOAT_BYTES : end // FLOAT_BYTES]
        for name, (_, (begin, end)) in places.items()
    }


def _parts(raw: bytes) -> tuple[Mapping[str, object], bytes]:
    length = int.from_bytes(raw[:8], "little")
    if len(raw) < 8 or length > min(LONGEST_HEADER, len(raw) - 8):
        raise ModelRefused(f"the header has {length} bytes: the file is truncated, or no network")
    try:
        header = parse_json(raw[8 : 8 + length], "header")
    except CleanroomError as malformed:
        raise ModelRefused(f"the header of the file does not read: {malformed}") from None
    if not isinstance(header, dict):
        raise ModelRefused("the header of the file is no object")
    metadata = header.pop("__metadata__", {})
    if not isinstance(metadata, dict) or not all(isinstance(one, str) for one in metadata.values()):
        raise ModelRefused("the metadata of the file are not texts")
    return header, raw[8 + length :]


def _places(header: Mapping[str, object]) -> Iterator[tuple[str, tuple[Shape, tuple[int, int]]]]:
    """Shape and place of each tensor."""
    for name, entry in header.items():
        if not isinstance(entry, dict) or set(entry) != {"dtype", "shape", "data_offsets"}:
            raise ModelRefused(f"the entry of tensor {name[:40]!r} does not have its three fields")
        if entry["dtype"] != "F32":
            raise ModelRefused(f"a tensor is {str(entry['dtype'])[:16]!r}, expected 'F32'")
        yield name, (_whole_numbers(entry["shape"]), _pair(entry["data_offsets"]))


def _pair(found: object) -> tuple[int, int]:
    numbers = _whole_numbers(found)
    if len(numbers) != 2:
        raise ModelRefused("the place of a tensor is not where it begins and where it ends")
    return numbers[0], numbers[1]


def _whole_numbers(found: object) -> tuple[int, ...]:
    if not isinstance(found, list) or not 1 <= len(found) <= 2:
        raise ModelRefused("a shape or a place of a tensor is no list of one or two")
    if not all(type(one) is int and 0 <= one < 1 << 40 for one in found):
        raise ModelRefused("a shape or a place of a tensor has something else than whole numbers")
    return tuple(found)


def _without_gaps(
    places: Mapping[str, tuple[int, int]], shapes: Mapping[str, Shape], size: int
) -> None:
    at = 0
    for name, (begin, end) in sorted(places.items(), key=lambda each: each[1]):
        if begin != at or end - begin != FLOAT_BYTES * math.prod(shapes[name]):
            raise ModelRefused(
                f"{name} does not follow the tensor before it, or is not of its size"
            )
        at = end
    if at != size:
        raise ModelRefused(f"the tensors have {at} bytes, the file has {size} for them")
