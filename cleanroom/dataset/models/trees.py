"""XGBoost's trees in UBJ: every number that its native reader relies on, checked beforehand.

XGBoost 3.2 trusts what it reads: child indices, lengths and counts that do not fit each other make
its predictor read beyond its memory. So the schema here is closed, and every tree is a tree. More
than plain trees over numbers (dart, gblinear, categories, several targets) is refused.
See: XGBoost, `doc/model.schema` and `src/tree/tree_model.cc`.
"""

import math
import operator
from array import array
from collections.abc import Sequence
from itertools import chain, islice

from cleanroom.dataset.models.ubj import read_ubj
from cleanroom.errors import ModelRefused
from cleanroom.manifest.model import ModelDataset

MOST_TREES = 100_000
"""More trees than anybody scores with."""
ROOT_PARENT = 2**31 - 1
"""How XGBoost marks the parent of a root."""
OBJECTIVES = {
    "binary:logistic": "reg_loss_param",
    "multi:softprob": "softmax_multiclass_param",
    "reg:squarederror": "reg_loss_param",
}
"""What a model may have been trained for, and where its parameters stand."""
_EMPTY = ("categories", "categories_nodes", "categories_segments", "categories_sizes")
_INTEGERS = {
    "left_children": "i",
    "right_children": "i",
    "parents": "i",
    "split_indices": "i",
    "default_left": "B",
    "split_type": "B",
}
"""Whole numbers of each node, and their type in `array`."""
_FLOATS = ("split_conditions", "base_weights", "loss_changes", "sum_hessian")
_TREE = {*_EMPTY, *_INTEGERS, *_FLOATS, "id", "tree_param"}


def require_trees(raw: bytes, model: ModelDataset) -> dict[str, int]:
    """Return how large the model is, once it is whole and what the manifest says of it.

    Raises:
        ModelRefused: it is not.
    """
    whole = _object(read_ubj(raw), "model", {"learner", "version"})
    _version(_list(whole, "version"))
    learner = _object(
        whole["learner"],
        "learner",
        {"attributes", "feature_names", "feature_types", "gradient_booster", "learner_model_param",
         "objective"},
    )  # fmt: skip
    _texts(_mapping(learner, "attributes").values(), "attributes")
    classes = _shape(learner, model)
    booster = _object(learner["gradient_booster"], "gradient_booster", {"model", "name"})
    _same("booster", booster["name"], "gbtree")
    trees = _forest(_mapping(booster, "model"), classes)
    nodes = [_tree(tree, place, model.width) for place, tree in enumerate(trees)]
    return {"trees": len(trees), "nodes": sum(nodes)}


def _shape(learner: dict[str, object], model: ModelDataset) -> int:
    """Numbers of features and classes, and the objective; how many groups of trees there are."""
    param = _mapping(learner, "learner_model_param")
    known = {"base_score", "boost_from_average", "num_class", "num_feature", "num_target"}
    _known("learner_model_param", param, known)
    _same("number of features", _count(param, "num_feature"), model.width)
    _same("number of targets", _count(param, "num_target", 1), 1)
    classes = _count(param, "num_class", 0)
    objective = _objective(_mapping(learner, "objective"), classes)
    wanted = {"regression": "reg:squarederror"}.get(
        model.task, "binary:logistic" if len(model.classes) == 2 else "multi:softprob"
    )
    if objective == "multi:softprob" and model.task == "classification":
        _same("number of classes", classes, len(model.classes))
    else:
        _same("objective", objective, wanted)
        _same("number of classes", classes in (0, 1), True)
    _base_score(_text(param, "base_score"), objective, max(classes, 1))
    for names in ("feature_names", "feature_types"):
        listed = _list(learner, names)
        _texts(listed, names)
        if listed:
            _same(f"number of {names}", len(listed), model.width)
    if not set(_list(learner, "feature_types")) <= {"float", "int", "i", "q"}:
        raise ModelRefused("a feature is categorical, expected numbers: one column for each value")
    return max(classes, 1)


def _objective(objective: dict[str, object], classes: int) -> str:
    name = _text(objective, "name")
    if name not in OBJECTIVES:
        raise ModelRefused(f"the objective is {name[:40]!r}, expected one of {sorted(OBJECTIVES)}")
    place = OBJECTIVES[name]
    _known("objective", objective, {"name", place})
    param = _mapping(objective, place)
    if name == "multi:softprob":
        # XGBoost divides its predictions by this number, not by the learner's
        _known(place, param, {"num_class"})
        _same("number of classes of the objective", _count(param, "num_class"), classes)
    else:
        _known(place, param, {"scale_pos_weight"})
        _number(_text(param, "scale_pos_weight"))
    return name


def _base_score(text: str, objective: str, groups: int) -> None:
    inner = text[1:-1] if text[:1] == "[" and text[-1:] == "]" else text
    scores = [_number(each) for each in inner.split(",")]
    if len(scores) not in (1, groups):
        raise ModelRefused(f"there are {len(scores)} base scores, expected 1 or {groups}")
    if objective == "binary:logistic" and not all(0 < score < 1 for score in scores):
        raise ModelRefused("the base score is no probability between 0 and 1")


def _forest(model: dict[str, object], groups: int) -> list[object]:
    _known(
        "model",
        model,
        {"cats", "gbtree_model_param", "iteration_indptr", "tree_info", "trees"},
    )
    cats = _mapping(model, "cats") if "cats" in model else {}
    _known("cats", cats, {"enc", "feature_segments", "sorted_idx"})
    if any(len(_sequence(cats, name)) for name in cats):
        raise ModelRefused("the model has categories, expected plain numbers")
    trees, param = _list(model, "trees"), _mapping(model, "gbtree_model_param")
    _known("gbtree_model_param", param, {"num_parallel_tree", "num_trees", "size_leaf_vector"})
    _same("number of trees", _count(param, "num_trees"), len(trees))
    if not 1 <= len(trees) <= MOST_TREES:
        raise ModelRefused(f"there are {len(trees)} trees, expected 1 to {MOST_TREES}")
    _same("size of leaves", _count(param, "size_leaf_vector", 0) in (0, 1), True)
    _same("trees grown in parallel", 1 <= _count(param, "num_parallel_tree", 1) <= MOST_TREES, True)
    _rounds(_whole(model, "iteration_indptr"), len(trees))
    groups_of_trees = _whole(model, "tree_info")
    _same("number of entries in tree_info", len(groups_of_trees), len(trees))
    _within("tree_info", groups_of_trees, 0, groups)
    return trees


def _rounds(ends: Sequence[int], trees: int) -> None:
    if len(ends) < 2 or ends[0] != 0 or ends[-1] != trees:
        raise ModelRefused(f"the rounds do not end with the last of {trees} trees")
    if not all(map(operator.lt, ends, islice(ends, 1, None))):
        raise ModelRefused("a round ends before it begins")


def _tree(given: object, place: int, width: int) -> int:
    """Check one tree; its number of nodes."""
    tree = _object(given, "tree", _TREE)
    param = _mapping(tree, "tree_param")
    _known("tree_param", param, {"num_deleted", "num_feature", "num_nodes", "size_leaf_vector"})
    nodes = _count(param, "num_nodes")
    _same("tree's number", tree["id"], place)
    _same("number of features of a tree", _count(param, "num_feature"), width)
    _same("number of deleted nodes", _count(param, "num_deleted", 0), 0)
    _same("size of a tree's leaves", _count(param, "size_leaf_vector", 0) in (0, 1), True)
    for name in _EMPTY:
        _same(f"length of {name}", len(_sequence(tree, name)), 0)
    whole = {name: _integers(tree, name, nodes) for name in _INTEGERS}
    for name in _FLOATS:
        _finite(name, tree, nodes)
    for name, end in (("split_type", 1), ("split_indices", width), ("default_left", 2)):
        _within(name, whole[name], 0, end)
    _grown(whole["left_children"], whole["right_children"], whole["parents"], nodes)
    return nodes


def _grown(left: Sequence[int], right: Sequence[int], parents: Sequence[int], nodes: int) -> None:
    """Every node but the root is the child of exactly one node before it: so there is no cycle."""
    inner = [node for node, child in enumerate(left) if child != -1]
    children = sorted(chain((left[node] for node in inner), (right[node] for node in inner)))
    leaves = sum(child == -1 for child in right)
    if (
        nodes < 1
        or children != list(range(1, nodes))
        or leaves != nodes - len(inner)
        or parents[0] != ROOT_PARENT
    ):
        raise ModelRefused("the nodes of a tree are not one tree: each has one parent but the root")
    for node in inner:
        for child in (left[node], right[node]):
            if child <= node or parents[child] != node:
                raise ModelRefused("a node of a tree comes before its parent, or has another one")


def _finite(name: str, tree: dict[str, object], nodes: int) -> None:
    found = tree.get(name)
    if not isinstance(found, array) or found.typecode != "f" or len(found) != nodes:
        raise ModelRefused(f"{name} of a tree is not {nodes} numbers")
    if not math.isfinite(sum(found)):
        raise ModelRefused(f"{name} of a tree has a number that is not finite")


def _within(name: str, found: Sequence[int], low: int, end: int) -> None:
    if found and not (low <= min(found) and max(found) < end):
        raise ModelRefused(f"{name} has a value outside of {low} to {end - 1}")


def _version(found: list[object]) -> None:
    if len(found) != 3 or not all(isinstance(each, int) for each in found) or found < [1, 6, 0]:
        raise ModelRefused(f"the version of the format is {found}, expected [1, 6, 0] or later")


# --- values of a type -----------------------------------------------------------------------------


def _object(found: object, what: str, fields: set[str]) -> dict[str, object]:
    if not isinstance(found, dict) or set(found) != fields:
        names = sorted(map(str, found))[:20] if isinstance(found, dict) else "none"
        raise ModelRefused(f"the fields of the {what} are {names}, expected {sorted(fields)}")
    return found


def _known(what: str, found: dict[str, object], fields: set[str]) -> None:
    strange = sorted(set(found) - fields)
    if strange:
        raise ModelRefused(f"the {what} has a field {strange[0][:40]!r}, expected {sorted(fields)}")


def _mapping(parent: dict[str, object], name: str) -> dict[str, object]:
    found = parent.get(name)
    if not isinstance(found, dict):
        raise ModelRefused(f"{name} is missing or no object")
    return found


def _list(parent: dict[str, object], name: str) -> list[object]:
    found = parent.get(name)
    if isinstance(found, array):
        return list(found)
    if not isinstance(found, list):
        raise ModelRefused(f"{name} is missing or no list")
    return found


def _sequence(parent: dict[str, object], name: str) -> Sequence[object]:
    found = parent.get(name)
    if not isinstance(found, list | array):
        raise ModelRefused(f"{name} is missing or no list")
    return found


def _integers(tree: dict[str, object], name: str, length: int) -> Sequence[int]:
    found = tree.get(name)
    if not isinstance(found, array) or found.typecode != _INTEGERS[name] or len(found) != length:
        raise ModelRefused(f"{name} of a tree is not {length} whole numbers of its type")
    return found


def _whole(parent: dict[str, object], name: str) -> list[int]:
    found = _list(parent, name)
    numbers = [each for each in found if isinstance(each, int)]
    if len(numbers) != len(found):
        raise ModelRefused(f"{name} holds something else than whole numbers")
    return numbers


def _texts(found: object, what: str) -> None:
    if not isinstance(found, list | type({}.values())) or not all(
        isinstance(each, str) for each in found
    ):
        raise ModelRefused(f"{what} are not texts")


def _text(parent: dict[str, object], name: str) -> str:
    found = parent.get(name)
    if not isinstance(found, str):
        raise ModelRefused(f"{name} is missing or no text")
    return found


def _count(parent: dict[str, object], name: str, absent: int | None = None) -> int:
    if absent is not None and name not in parent:
        return absent
    text = _text(parent, name)
    if not (text.isascii() and text.isdigit() and len(text) <= 10):
        raise ModelRefused(f"{name} is {text[:20]!r}, expected a whole number")
    return int(text)


def _number(text: str) -> float:
    try:
        found = float(text) if len(text) <= 40 and "_" not in text else math.nan
    except ValueError:
        found = math.nan
    if not math.isfinite(found):
        raise ModelRefused("a parameter is no finite number")
    return found


def _same(what: str, found: object, expected: object) -> None:
    if type(found) is not type(expected) or found != expected:
        raise ModelRefused(f"the {what} is {str(found)[:40]!r}, expected {expected!r}")
