"""How large what an operator gives may become, told from its inputs and attributes alone.

Nothing is computed. A shape that follows from values which do not stand in the file is bounded by
what it is made of, or refused. See: <https://onnx.ai/onnx/operators/>.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Final

from cleanroom.dataset.models.extents import (
    INT64,
    TEXT,
    Axis,
    Extent,
    Node,
    extent,
    fixed,
)
from cleanroom.errors import ModelRefused

LONGEST_NUMBER: Final = 32
"""Characters of a number that is made a text."""
STRING: Final = 8
"""`TensorProto.DataType.STRING`."""
Given = Sequence[Extent]
"""What a node's inputs are, without those that are left out."""
Made = Extent | tuple[Extent, ...]
"""What all of a node's outputs are at most, or each of them."""
Rule = Callable[[Node, Given], Made]


def _untold(node: Node, why: str) -> ModelRefused:
    return ModelRefused(f"the size of what {node.operator!r} gives cannot be told: {why}")


def _same(_: Node, given: Given) -> Extent:
    return replace(given[0], values=None)


def _normalised(node: Node, given: Given) -> Extent:
    if len(node.outputs) > 1:
        raise _untold(node, "it trains")
    return _same(node, given)


def _cast(node: Node, given: Given) -> Extent:
    source, to = given[0], node.number("to", 0)
    width = max(source.width, TEXT + LONGEST_NUMBER) if to == STRING else source.width
    return replace(source, width=width, values=source.values if to == INT64 else None)


def _kept(_: Node, given: Given) -> Extent:
    return given[0]


def _wider(one: Axis, other: Axis) -> Axis:
    """Of two axes that meet: what is longer, or the one that has more than one place."""
    if one == other or other.single:
        return one
    return other if one.single else Axis(max(one.most, other.most), exact=False)


def _met(shapes: Sequence[tuple[Axis, ...]]) -> list[Axis]:
    """Shapes that are brought to one, aligned at their ends."""
    rank = max(map(len, shapes))
    met = [Axis(1)] * rank
    for shape in shapes:
        padded = (Axis(1),) * (rank - len(shape)) + shape
        met = [_wider(one, other) for one, other in zip(met, padded, strict=True)]
    return met


def _broadcast(_: Node, given: Given) -> Extent:
    most = math.prod(each.count for each in given)
    axes = _met([each.axes for each in given])
    return extent(axes, most=most, width=max(each.width for each in given))


def _product(node: Node, given: Given) -> Extent:
    one, other = given[0].axes, given[1].axes
    if not one or not other:
        raise _untold(node, "an input is a single number")
    outer = _met([one[:-2], other[:-2]]) if len(one) > 2 or len(other) > 2 else []
    left = one[-2:-1] if len(one) > 1 else ()
    right = other[-1:] if len(other) > 1 else ()
    return extent([*outer, *left, *right])


def _gemm(node: Node, given: Given) -> Extent:
    if any(len(each.axes) != 2 for each in given[:2]):
        raise _untold(node, "an input does not have two axes")
    left = given[0].axes[1 if node.number("transA", 0) else 0]
    right = given[1].axes[0 if node.number("transB", 0) else 1]
    return extent([left, right])


def _axis(node: Node, axis: int, rank: int) -> int:
    if not -rank <= axis < rank:
        raise _untold(node, f"axis {axis} is none of {rank}")
    return axis % rank


def _named(node: Node, given: Given, name: str = "axes", place: int = 1) -> list[int] | None:
    """Axes by an attribute, or by an input that stands in the file; None where there is neither."""
    if name in node.numbers:
        return [int(each) for each in node.numbers[name]]
    if len(given) <= place:
        return None
    values = given[place].values
    if values is None or not all(each is not None and not each.rows for each in values):
        raise _untold(node, f"its {name} do not stand in the file")
    return [each.scale for each in values if each is not None]


def _concatenated(node: Node, given: Given) -> Extent:
    ranks = {len(each.axes) for each in given}
    if len(ranks) != 1 or not ranks.isdisjoint({0}):
        raise _untold(node, "its inputs differ in their axes")
    at = _axis(node, node.number("axis", 0), *ranks)
    parts = [each.axes[at] for each in given]
    alike = all(part.exact and part.rows == parts[0].rows for part in parts)
    total = (
        Axis(sum(part.scale for part in parts), parts[0].rows)
        if alike
        else Axis(sum(part.most for part in parts), exact=False)
    )
    axes = _met([each.axes for each in given])
    axes[at] = total
    made = extent(axes, most=None, width=max(each.width for each in given))
    if len(axes) > 1 or any(each.values is None for each in given):
        return made
    return replace(made, values=tuple(one for each in given for one in each.values or ()))


def _gathered(node: Node, given: Given) -> Extent:
    source, wanted = given[0], given[1]
    at = _axis(node, node.number("axis", 0), len(source.axes))
    axes = (*source.axes[:at], *wanted.axes, *source.axes[at + 1 :])
    made = extent(axes, width=source.width)
    if source.values is None or wanted.values is None or len(source.axes) != 1:
        return made
    places = [each.scale for each in wanted.values if each is not None and not each.rows]
    known = len(places) == len(wanted.values)
    if not known or not all(-len(source.values) <= each < len(source.values) for each in places):
        return made
    return replace(made, values=tuple(source.values[each] for each in places))


def _at_most(_: Node, given: Given) -> Extent:
    """A part of the input: no axis is longer."""
    axes = (Axis(axis.most, exact=False) for axis in given[0].axes)
    return extent(axes, most=given[0].count, width=given[0].width)


def _flattened(node: Node, given: Given) -> Extent:
    axes, at = given[0].axes, node.number("axis", 1)
    at = at if at == len(axes) else _axis(node, at, len(axes))
    return extent((_all(axes[:at]), _all(axes[at:])), most=given[0].count, width=given[0].width)


def _all(axes: Sequence[Axis]) -> Axis:
    """One axis that goes through all of these."""
    if all(axis.exact for axis in axes):
        return Axis(math.prod(axis.scale for axis in axes), sum(axis.rows for axis in axes))
    return Axis(math.prod(axis.most for axis in axes), exact=False)


def _transposed(node: Node, given: Given) -> Extent:
    axes = given[0].axes
    order = [int(each) for each in node.numbers.get("perm", range(len(axes))[::-1])]
    if sorted(order) != list(range(len(axes))):
        raise _untold(node, "`perm` does not name each axis once")
    return replace(given[0], axes=tuple(axes[each] for each in order), values=None)


def _reshaped(node: Node, given: Given) -> Extent:
    source, wanted = given[0], given[1].values
    if wanted is None or node.number("allowzero", 0):
        raise _untold(node, "the new shape does not stand in the file")
    rest = Axis(source.count, exact=False)
    axes = [_asked(each, at, source, rest) for at, each in enumerate(wanted)]
    open_ = [at for at, each in enumerate(wanted) if each == Axis(-1)]
    whole, others = _all(source.axes), _all([a for at, a in enumerate(axes) if at not in open_])
    if len(open_) == 1 and whole.exact and others.exact and others.scale:
        share, left = divmod(whole.scale, others.scale)
        if not left and whole.rows >= others.rows:
            axes[open_[0]] = Axis(share, whole.rows - others.rows)
    return Extent(tuple(axes), source.count, source.width)


def _asked(wanted: Axis | None, at: int, source: Extent, rest: Axis) -> Axis:
    if wanted is None or wanted.scale < 0:
        return rest
    if wanted.scale == 0:
        return source.axes[at] if at < len(source.axes) else rest
    return wanted


def _squeezed(node: Node, given: Given) -> Extent:
    source, named = given[0], _named(node, given)
    rank = len(source.axes)
    if not named:
        if not all(axis.exact and not axis.rows for axis in source.axes):
            raise _untold(node, "its axes are not named")
        gone = {at for at, axis in enumerate(source.axes) if axis.single}
    else:
        gone = {_axis(node, each, rank) for each in named}
    axes = tuple(axis for at, axis in enumerate(source.axes) if at not in gone)
    return replace(source, axes=axes)


def _unsqueezed(node: Node, given: Given) -> Extent:
    source, named = given[0], _named(node, given)
    rank = len(source.axes) + len(named or ())
    added = {_axis(node, each, rank) for each in named or ()}
    if len(added) != len(named or ()):
        raise _untold(node, "an axis is named twice")
    kept = iter(source.axes)
    return replace(source, axes=tuple(Axis(1) if at in added else next(kept) for at in range(rank)))


def _reduced(node: Node, given: Given) -> Extent:
    source = given[0]
    named = [node.number("axis", 0)] if node.operator == "ArgMax" else _named(node, given)
    if not named and node.number("noop_with_empty_axes", 0):
        return replace(source, values=None)
    rank, keeps = len(source.axes), node.number("keepdims", 1)
    gone = {_axis(node, each, rank) for each in named} if named else set(range(rank))
    axes = [Axis(1) if at in gone else axis for at, axis in enumerate(source.axes)]
    return extent(
        (axis for at, axis in enumerate(axes) if keeps or at not in gone), most=source.count
    )


def _shape(node: Node, given: Given) -> Extent:
    axes = given[0].axes
    first, last = node.number("start", 0), node.number("end", len(axes))
    told = tuple(axis if axis.exact else None for axis in axes[first:last])
    return replace(fixed([len(told)]), values=told)


def _constant(node: Node, _: Given) -> Extent:
    if node.constant is not None:
        return node.constant
    for name, numbers in node.numbers.items():
        whole = [int(each) for each in numbers] if name.startswith("value_int") else None
        return fixed([len(numbers)] * name.endswith("s"), whole)
    for name, count in node.texts.items():
        return fixed([count] * name.endswith("s"), width=TEXT + node.longest)
    raise _untold(node, "it holds nothing")


def _picked(_: Node, given: Given) -> Extent:
    source, wanted = given[0], Axis(given[1].count, exact=False)
    return extent((*(source.axes[:-1] or (Axis(1),)), wanted), width=source.width)


def _regressed(node: Node, given: Given) -> Extent:
    """A number for each target."""
    targets = node.number("targets" if node.operator == "LinearRegressor" else "n_targets", 1)
    most = max(targets, len(node.numbers.get("intercepts", ())), _ids(node, "target_ids"))
    return extent((_rows(node, given), Axis(most, exact=False)))


def _classified(node: Node, given: Given) -> tuple[Extent, ...]:
    """The likeliest label of each row, and a number for each class."""
    rows, texts = _rows(node, given), node.texts.get("classlabels_strings", 0)
    listed = (node.numbers.get(name, ()) for name in ("classlabels_ints", "classlabels_int64s"))
    intercepts = len(node.numbers.get("intercepts", ()))
    most = max(2, texts, intercepts, _ids(node, "class_ids"), *map(len, listed))
    return extent([rows], width=TEXT + node.longest), extent((rows, Axis(most, exact=False)))


def _rows(node: Node, given: Given) -> Axis:
    if len(given[0].axes) != 2:
        raise _untold(node, "its input does not have two axes")
    return given[0].axes[0]


def _ids(node: Node, name: str) -> int:
    return 1 + int(max(node.numbers.get(name, ()), default=0))


def _alike(rule: Rule, names: str) -> dict[str, Rule]:
    return dict.fromkeys(names.split(), rule)


RULES: Mapping[str, Rule] = {
    **_alike(
        _same,
        "Abs Binarizer Clip Dropout Elu Erf Exp Gelu Imputer LayerNormalization LeakyRelu Log "
        "LogSoftmax Neg Normalizer Not Reciprocal Relu Scaler Selu Sigmoid Softmax Softplus Sqrt "
        "Tanh",
    ),
    **_alike(
        _broadcast,
        "Add And Div Equal Greater GreaterOrEqual Less LessOrEqual Max Min Mul Or Pow Sub Sum "
        "Where",
    ),
    **_alike(_at_most, "Slice Split"),
    **_alike(_reduced, "ArgMax ReduceMax ReduceMean ReduceSum"),
    **_alike(_classified, "LinearClassifier TreeEnsembleClassifier"),
    **_alike(_regressed, "LinearRegressor TreeEnsembleRegressor"),
    "ArrayFeatureExtractor": _picked,
    "BatchNormalization": _normalised,
    "Cast": _cast,
    "Concat": _concatenated,
    "Constant": _constant,
    "Flatten": _flattened,
    "Gather": _gathered,
    "Gemm": _gemm,
    "Identity": _kept,
    "MatMul": _product,
    "Reshape": _reshaped,
    "Shape": _shape,
    "Squeeze": _squeezed,
    "Transpose": _transposed,
    "Unsqueeze": _unsqueezed,
}
"""How each operator that is run shapes what it gives."""
TAKES_TWO: Final = frozenset({"ArrayFeatureExtractor", "Gather", "Gemm", "MatMul", "Reshape"})
"""Operators whose second input shapes what they give."""
