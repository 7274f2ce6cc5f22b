"""ONNX: a plain graph of listed operators, with its numbers inside of the file.

Refused are operators that are not in the list (among them all that hold further graphs: `If`,
`Loop`, `Scan`), custom domains, functions, training, sparse or external tensors, and whatever the
format has beside what this reader knows. The graph has one input: rows by numbers, 32-bit floats.
See: <https://github.com/onnx/onnx/blob/main/onnx/onnx.proto>.
"""

import math
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

from cleanroom.dataset.models.protobuf import BYTES, FIXED32, VARINT, Reader, packed
from cleanroom.errors import ModelRefused
from cleanroom.manifest.model import ModelDataset

MOST_NODES = 10_000
"""Operators of a graph."""
DOMAINS = MappingProxyType({"": (13, 26), "ai.onnx": (13, 26), "ai.onnx.ml": (1, 5)})
"""Accepted operator sets, with the lowest and highest version of each."""
OPERATORS: Mapping[str, frozenset[str]] = MappingProxyType(
    {
        "": frozenset(
            [
                "Abs",
                "Add",
                "And",
                "ArgMax",
                "BatchNormalization",
                "Cast",
                "Clip",
                "Concat",
                "Constant",
                "Div",
                "Dropout",
                "Elu",
                "Equal",
                "Erf",
                "Exp",
                "Flatten",
                "Gather",
                "Gelu",
                "Gemm",
                "Greater",
                "GreaterOrEqual",
                "Identity",
                "LayerNormalization",
                "LeakyRelu",
                "Less",
                "LessOrEqual",
                "Log",
                "LogSoftmax",
                "MatMul",
                "Max",
                "Min",
                "Mul",
                "Neg",
                "Not",
                "Or",
                "Pow",
                "Reciprocal",
                "ReduceMax",
                "ReduceMean",
                "ReduceSum",
                "Relu",
                "Reshape",
                "Selu",
                "Shape",
                "Sigmoid",
                "Slice",
                "Softmax",
                "Softplus",
                "Split",
                "Sqrt",
                "Squeeze",
                "Sub",
                "Sum",
                "Tanh",
                "Transpose",
                "Unsqueeze",
                "Where",
            ]
        ),
        "ai.onnx.ml": frozenset(
            [
                "ArrayFeatureExtractor",
                "Binarizer",
                "Imputer",
                "LinearClassifier",
                "LinearRegressor",
                "Normalizer",
                "Scaler",
                "TreeEnsembleClassifier",
                "TreeEnsembleRegressor",
            ]
        ),
    }
)
"""Operators that compute with numbers of about the size of their inputs; by domain."""
_MODEL = {1, 2, 3, 4, 5, 6, 7, 8, 14}
_GRAPH = {1, 2, 5, 10, 11, 12, 13, 16}
_NODE = {1, 2, 3, 4, 5, 6, 7, 9}
_ATTRIBUTE = {1, 2, 3, 4, 5, 7, 8, 9, 13, 20}
_TENSOR = {1, 2, 4, 5, 6, 7, 8, 9, 10, 11, 12}
"""Fields of each message; no graph in an attribute (6), no external data of a tensor (13)."""
FLOAT = 1
"""`TensorProto.DataType.FLOAT`."""


@dataclass(slots=True)
class _Seen:
    """What a file has shown so far."""

    reader: Reader
    width: int
    nodes: int = 0
    numbers: int = 0
    domains: set[str] = field(default_factory=set)


def require_graph(raw: bytes, model: ModelDataset) -> dict[str, int]:
    """Return how large the graph is, once it is a plain one over the declared features.

    Raises:
        ModelRefused: it is not.
    """
    seen = _Seen(Reader(), model.width)
    fields = list(_fields(seen, raw, _MODEL, "model"))
    graphs = [_bytes(value) for number, value in fields if number == 7]
    for number, value in fields:
        if number == 8:
            seen.domains.add(_operator_set(seen, _bytes(value)))
    if len(graphs) != 1 or not seen.domains:
        raise ModelRefused("the file does not hold one graph and its operator sets")
    _graph(seen, graphs[0])
    return {"operators": seen.nodes, "numbers": seen.numbers}


def _operator_set(seen: _Seen, raw: bytes) -> str:
    fields = _single(seen, raw, {1, 2}, "operator set")
    domain, version = _text(fields.get(1, b"")), fields.get(2, 0)
    if domain not in DOMAINS:
        raise ModelRefused(f"the operator set {domain[:40]!r} is custom, expected {list(DOMAINS)}")
    low, high = DOMAINS[domain]
    if not isinstance(version, int) or not low <= version <= high:
        raise ModelRefused(f"the version of {domain!r} is not within {low} to {high}")
    return domain or "ai.onnx"


def _graph(seen: _Seen, raw: bytes) -> None:
    fields = list(_fields(seen, raw, _GRAPH, "graph"))
    initialised = {_tensor(seen, _bytes(value)) for number, value in fields if number == 5}
    inputs = [_bytes(value) for number, value in fields if number == 11]
    fed = [each for one in inputs if (each := _input(seen, one))[0] not in initialised]
    if len(fed) != 1:
        raise ModelRefused(f"the graph has {len(fed)} inputs, expected one")
    for number, value in fields:
        if number == 1:
            _node(seen, _bytes(value))
    ((_, kind, shape),) = fed
    if kind != FLOAT or len(shape) != 2 or shape[1] != seen.width:
        raise ModelRefused(
            f"the graph's input has the type {kind} and shape {shape}, expected 32-bit floats, "
            f"rows by {seen.width}"
        )
    if not seen.nodes:
        raise ModelRefused("the graph computes nothing")


def _node(seen: _Seen, raw: bytes) -> None:
    seen.nodes += 1
    fields = list(_fields(seen, raw, _NODE, "node"))
    names = dict(fields)
    operator, domain = _text(names.get(4, b"")), _text(names.get(7, b""))
    domain = "" if domain == "ai.onnx" else domain
    if operator not in OPERATORS.get(domain, frozenset()):
        raise ModelRefused(
            f"the operator {operator[:40]!r} of {domain[:40]!r} is not among those that are run"
        )
    if (domain or "ai.onnx") not in seen.domains or seen.nodes > MOST_NODES:
        raise ModelRefused(f"an operator set is missing, or there are more than {MOST_NODES} nodes")
    attributes = dict(_attribute(seen, _bytes(value)) for number, value in fields if number == 5)
    if operator.startswith("TreeEnsemble"):
        _trees(attributes, seen.width)


def _attribute(seen: _Seen, raw: bytes) -> tuple[str, list[int | float]]:
    """The name of an attribute, and its whole numbers or floats; texts are read, not returned."""
    name = ""
    numbers: list[int | float] = []
    for number, wire, value in seen.reader.fields(raw):
        _known(number, _ATTRIBUTE, "attribute")
        if number == 1:
            name = _text(value)
        elif number == 5:
            _tensor(seen, _bytes(value))
        elif number == 8:
            numbers += packed(value) if isinstance(value, bytes) else [value]
        elif number == 7:
            raws = _bytes(value)
            if wire not in (BYTES, FIXED32) or len(raws) % 4:
                raise ModelRefused("a list of floats is not one")
            numbers += memoryview(raws).cast("f").tolist()
    if len(name) > 64:
        raise ModelRefused("the name of an attribute is too long")
    return name, numbers


def _trees(attributes: Mapping[str, list[int | float]], width: int) -> None:
    """Lists of nodes are of one length, and point to nodes and features that are there.

    ONNX Runtime follows these numbers in native code.
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


def _below(name: str, numbers: Iterable[int | float], end: int) -> None:
    if not all(0 <= each < end for each in numbers):
        raise ModelRefused(f"{name} of a tree ensemble has a value outside of 0 to {end - 1}")


def _tensor(seen: _Seen, raw: bytes) -> str:
    """Count a tensor's numbers; its name."""
    dims: list[int] = []
    name = ""
    for number, _, value in seen.reader.fields(raw):
        _known(number, _TENSOR, "tensor")
        if number == 1:
            dims += packed(value) if isinstance(value, bytes) else [value]
        elif number == 8:
            name = _text(value)
    count = math.prod(dims)
    if len(dims) > 8 or count > len(raw) or any(size > len(raw) for size in dims):
        raise ModelRefused(
            f"a tensor has the shape {dims[:8]}, more than its {len(raw)} bytes hold"
        )
    seen.numbers += count
    return name


def _input(seen: _Seen, raw: bytes) -> tuple[str, int, list[int]]:
    """Name, element type and shape of an input; 0 where a dimension is not given."""
    fields = _single(seen, raw, {1, 2, 3, 4}, "input")
    kind = _single(seen, _bytes(fields.get(2, b"")), {1, 6}, "type")
    tensor = _single(seen, _bytes(kind.get(1, b"")), {1, 2}, "tensor type")
    shape = []
    for _, dimension in _fields(seen, _bytes(tensor.get(2, b"")), {1}, "shape"):
        size = _single(seen, _bytes(dimension), {1, 2, 3}, "dimension").get(1, 0)
        shape.append(size if isinstance(size, int) else 0)
    element = tensor.get(1, 0)
    return _text(fields.get(1, b"")), element if isinstance(element, int) else 0, shape


def _fields(
    seen: _Seen, raw: bytes, known: set[int], what: str
) -> Iterator[tuple[int, bytes | int]]:
    for number, wire, value in seen.reader.fields(raw):
        _known(number, known, what)
        if wire not in (VARINT, BYTES):
            raise ModelRefused(f"field {number} of the {what} is neither a number nor bytes")
        yield number, value


def _single(seen: _Seen, raw: bytes, known: set[int], what: str) -> dict[int, bytes | int]:
    """Fields that stand once each: readers differ about which of two counts."""
    fields = list(_fields(seen, raw, known, what))
    found = dict(fields)
    if len(found) != len(fields):
        raise ModelRefused(f"the {what} has a field twice")
    return found


def _known(number: int, known: set[int], what: str) -> None:
    if number not in known:
        raise ModelRefused(f"the {what} has field {number}, which is not accepted in a plain graph")


def _bytes(value: bytes | int) -> bytes:
    if isinstance(value, int):
        raise ModelRefused("a number stands where bytes are expected")
    return value


def _text(value: bytes | int) -> str:
    try:
        return _bytes(value).decode()
    except UnicodeDecodeError:
        raise ModelRefused("a name is not UTF-8") from None
