"""ONNX: a plain graph of listed operators, with its numbers inside of the file.

Refused are operators that are not in the list (among them all that hold further graphs: `If`,
`Loop`, `Scan`), custom domains, functions, training, sparse or external tensors, and whatever the
format has beside what this reader knows. The graph has one input: rows by numbers, 32-bit floats.
What it computes in between is bounded by `intermediates`.
See: <https://github.com/onnx/onnx/blob/main/onnx/onnx.proto>.
"""

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

from cleanroom.dataset.models.ensembles import require_ensemble
from cleanroom.dataset.models.extents import INT64, NUMBER, TEXT, Extent, Node, fixed
from cleanroom.dataset.models.intermediates import require_bounded
from cleanroom.dataset.models.protobuf import BYTES, FIXED32, VARINT, Reader, packed, signed
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
MOST_AXES = 64
"""Longer lists of whole numbers name no axes."""


@dataclass(slots=True)
class _Seen:
    """What a file has shown so far."""

    reader: Reader
    width: int
    nodes: list[Node] = field(default_factory=list)
    numbers: int = 0
    domains: set[str] = field(default_factory=set)
    tensors: dict[str, Extent] = field(default_factory=dict)


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
    return {"operators": len(seen.nodes), "numbers": seen.numbers}


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
    for tensor in (_bytes(value) for number, value in fields if number == 5):
        name, held = _tensor(seen, tensor)
        if seen.tensors.setdefault(name, held) is not held:
            raise ModelRefused(f"the graph has {name[:40]!r} twice")
    inputs = [_bytes(value) for number, value in fields if number == 11]
    fed = [each for one in inputs if (each := _input(seen, one))[0] not in seen.tensors]
    if len(fed) != 1:
        raise ModelRefused(f"the graph has {len(fed)} inputs, expected one")
    for number, value in fields:
        if number == 1:
            _node(seen, _bytes(value))
    ((given, kind, shape),) = fed
    if kind != FLOAT or len(shape) != 2 or shape[1] != seen.width:
        raise ModelRefused(
            f"the graph's input has the type {kind} and shape {shape}, expected 32-bit floats, "
            f"rows by {seen.width}"
        )
    if not seen.nodes:
        raise ModelRefused("the graph computes nothing")
    require_bounded(given, seen.width, seen.tensors, seen.nodes)


def _node(seen: _Seen, raw: bytes) -> None:
    fields = list(_fields(seen, raw, _NODE, "node"))
    names = dict(fields)
    operator, domain = _text(names.get(4, b"")), _text(names.get(7, b""))
    domain = "" if domain == "ai.onnx" else domain
    if operator not in OPERATORS.get(domain, frozenset()):
        raise ModelRefused(
            f"the operator {operator[:40]!r} of {domain[:40]!r} is not among those that are run"
        )
    if (domain or "ai.onnx") not in seen.domains or len(seen.nodes) >= MOST_NODES:
        raise ModelRefused(f"an operator set is missing, or there are more than {MOST_NODES} nodes")
    attributes = [_attribute(seen, _bytes(value)) for number, value in fields if number == 5]
    numbers = {each.name: each.numbers for each in attributes if each.numbers}
    if operator.startswith("TreeEnsemble"):
        require_ensemble(numbers, seen.width)
    held = [each.tensor for each in attributes if each.tensor is not None]
    seen.nodes.append(
        Node(
            operator,
            inputs=tuple(_text(value) for number, value in fields if number == 1),
            outputs=tuple(_text(value) for number, value in fields if number == 2),
            numbers=numbers,
            texts={each.name: each.texts for each in attributes if each.texts},
            longest=max((each.longest for each in attributes), default=0),
            constant=held[0] if held else None,
        )
    )


@dataclass(slots=True)
class _Attribute:
    """An attribute of a node; its texts are counted, not kept."""

    name: str = ""
    numbers: list[int | float] = field(default_factory=list)
    texts: int = 0
    longest: int = 0
    tensor: Extent | None = None


def _attribute(seen: _Seen, raw: bytes) -> _Attribute:
    read = _Attribute()
    for number, wire, value in seen.reader.fields(raw):
        _known(number, _ATTRIBUTE, "attribute")
        if number == 1:
            read.name = _text(value)
        elif number == 5:
            _, read.tensor = _tensor(seen, _bytes(value))
        elif number in (3, 8):
            read.numbers += map(signed, packed(value) if isinstance(value, bytes) else [value])
        elif number in (2, 7):
            raws = _bytes(value)
            if wire not in (BYTES, FIXED32) or len(raws) % 4:
                raise ModelRefused("a list of floats is not one")
            read.numbers += memoryview(raws).cast("f").tolist()
        elif number in (4, 9):
            read.texts += 1
            read.longest = max(read.longest, len(_bytes(value)))
    if len(read.name) > 64:
        raise ModelRefused("the name of an attribute is too long")
    return read


def _tensor(seen: _Seen, raw: bytes) -> tuple[str, Extent]:
    """Count a tensor's numbers; its name and how large it is."""
    dims: list[int] = []
    name, longest, kind = "", 0, 0
    kept: dict[int, bytes] = {}
    for number, _, value in seen.reader.fields(raw):
        _known(number, _TENSOR, "tensor")
        if number == 1:
            dims += packed(value) if isinstance(value, bytes) else [value]
        elif number == 2 and isinstance(value, int):
            kind = value
        elif number == 8:
            name = _text(value)
        elif number == 6:
            longest = max(longest, len(_bytes(value)))
        elif number in (7, 9) and isinstance(value, bytes):
            kept[number] = value
    count = math.prod(dims)
    if len(dims) > 8 or count > len(raw) or any(size > len(raw) for size in dims):
        raise ModelRefused(
            f"a tensor has the shape {dims[:8]}, more than its {len(raw)} bytes hold"
        )
    seen.numbers += count
    short = kind == INT64 and len(dims) < 2 and count <= MOST_AXES
    whole = _whole(kept) if short else None
    shown = whole if whole is not None and len(whole) == count else None
    return name, fixed(dims, shown, TEXT + longest if longest else NUMBER)


def _whole(kept: Mapping[int, bytes]) -> list[int] | None:
    """The 64-bit whole numbers of a short tensor, where it has them in one place."""
    if len(kept) != 1:
        return None
    ((place, raw),) = kept.items()
    if place == 9:
        return memoryview(raw).cast("q").tolist() if not len(raw) % 8 else None
    return [signed(each) for each in packed(raw)]


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
