import io
import pickle
import zipfile
from array import array

import numpy as np
import pytest
import xgboost

from cleanroom.dataset.models.check import check_model, open_model
from cleanroom.dataset.models.trees import require_trees
from cleanroom.dataset.models.ubj import DEEPEST, read_ubj
from cleanroom.errors import DataOversized, DataUnreadable, ModelRefused
from tests.support.predictions import bent, booster, model_dataset, ubj, write_ubj

TREE = ("learner", "gradient_booster", "model", "trees", 0)
MODEL = TREE[:3]
LEARNER = ("learner",)


def changed_array(place, value):
    def change(values):
        made = array(values.typecode, values)
        made[place] = value
        return made

    return change


@pytest.mark.parametrize("classes", [0, 2, 3])
def test_a_model_as_xgboost_saves_it_is_accepted(classes):
    facts = require_trees(ubj(classes), model_dataset(classes))
    assert facts["trees"] == (36 if classes == 3 else 12)
    assert facts["nodes"] > facts["trees"]


def test_models_of_other_growers_are_accepted():
    rows = np.random.default_rng(1).normal(size=(500, 5))
    data = xgboost.DMatrix(rows, label=rows[:, 0] > 0, feature_names=list("abcde"))
    for grower in (
        {"tree_method": "exact"},
        {"tree_method": "approx"},
        {"grow_policy": "lossguide", "max_leaves": 40, "max_depth": 0},
        {"num_parallel_tree": 3, "subsample": 0.5},
    ):
        grown = xgboost.train({"objective": "binary:logistic", **grower}, data, 5)
        assert require_trees(bytes(grown.save_raw("ubj")), model_dataset())["trees"] >= 5


def test_what_is_read_is_written_back_to_the_same_bytes():
    assert write_ubj(read_ubj(ubj())).replace(b"L\x00", b"l\x00") != b""
    assert read_ubj(write_ubj(read_ubj(ubj()))) == read_ubj(ubj())


@pytest.mark.parametrize(
    ("path", "value", "message"),
    [
        ((*TREE, "left_children"), changed_array(0, 7000), "not one tree"),
        ((*TREE, "left_children"), changed_array(0, -2), "not one tree"),
        ((*TREE, "left_children"), changed_array(0, 0), "not one tree"),
        ((*TREE, "right_children"), changed_array(0, 1), "not one tree"),
        ((*TREE, "right_children"), changed_array(0, -1), "not one tree"),
        ((*TREE, "parents"), changed_array(1, 2), "before its parent, or has another"),
        ((*TREE, "parents"), changed_array(0, 1), "not one tree"),
        ((*TREE, "split_indices"), changed_array(0, 5), "split_indices has a value outside"),
        ((*TREE, "split_indices"), changed_array(0, -1), "split_indices has a value outside"),
        ((*TREE, "split_conditions"), changed_array(0, float("nan")), "not finite"),
        ((*TREE, "split_conditions"), changed_array(0, float("inf")), "not finite"),
        ((*TREE, "base_weights"), changed_array(0, float("-inf")), "not finite"),
        ((*TREE, "default_left"), changed_array(0, 2), "default_left has a value outside"),
        ((*TREE, "split_type"), changed_array(0, 1), "split_type has a value outside"),
        ((*TREE, "split_type"), lambda old: old[:-1], "split_type of a tree is not"),
        ((*TREE, "sum_hessian"), lambda old: old[:-1], "sum_hessian of a tree is not"),
        ((*TREE, "left_children"), lambda old: old[:-1], "left_children of a tree is not"),
        ((*TREE, "left_children"), lambda old: array("q", old), "of its type"),
        ((*TREE, "left_children"), list, "of its type"),
        ((*TREE, "split_conditions"), lambda old: array("d", old), "is not"),
        ((*TREE, "categories"), array("i", [1]), "length of categories"),
        ((*TREE, "id"), 3, "tree's number"),
        ((*TREE, "surprise"), 3, "fields of the tree"),
        ((*TREE, "parents"), None, "fields of the tree"),
        ((*TREE, "tree_param", "num_nodes"), "4000000000", "is not 4000000000"),
        ((*TREE, "tree_param", "num_nodes"), "-1", "expected a whole number"),
        ((*TREE, "tree_param", "num_nodes"), "99999999999999", "expected a whole number"),
        ((*TREE, "tree_param", "num_feature"), "6", "features of a tree"),
        ((*TREE, "tree_param", "num_deleted"), "1", "deleted nodes"),
        ((*TREE, "tree_param", "size_leaf_vector"), "2", "size of a tree's leaves"),
        ((*MODEL, "tree_info"), lambda old: [5] * len(old), "tree_info has a value outside"),
        ((*MODEL, "tree_info"), lambda old: old[1:], "entries in tree_info"),
        ((*MODEL, "iteration_indptr"), lambda old: [*old[:-1], 99], "rounds do not end"),
        ((*MODEL, "iteration_indptr"), lambda old: [0, *old[:1], 5, 12], "ends before it begins"),
        ((*MODEL, "iteration_indptr"), [], "rounds do not end"),
        ((*MODEL, "gbtree_model_param", "num_trees"), "11", "number of trees"),
        ((*MODEL, "gbtree_model_param", "num_parallel_tree"), "0", "grown in parallel"),
        ((*MODEL, "cats", "enc"), [1], "has categories"),
        ((*MODEL[:-1], "name"), "dart", "expected 'gbtree'"),
        ((*LEARNER, "learner_model_param", "num_feature"), "6", "number of features"),
        ((*LEARNER, "learner_model_param", "num_class"), "2", "number of classes"),
        ((*LEARNER, "learner_model_param", "num_target"), "2", "number of targets"),
        ((*LEARNER, "learner_model_param", "base_score"), "[nan]", "no finite number"),
        ((*LEARNER, "learner_model_param", "base_score"), "[1.5]", "no probability"),
        ((*LEARNER, "learner_model_param", "base_score"), "[0.5,0.5]", "2 base scores"),
        ((*LEARNER, "learner_model_param", "base_score"), "0x1p-1", "no finite number"),
        ((*LEARNER, "objective", "name"), "rank:pairwise", "expected one of"),
        ((*LEARNER, "objective", "name"), "multi:softprob", "field 'reg_loss_param'"),
        ((*LEARNER, "objective", "name"), "reg:squarederror", "expected 'binary:logistic'"),
        ((*LEARNER, "objective", "reg_loss_param", "scale_pos_weight"), "inf", "no finite number"),
        ((*LEARNER, "feature_names"), ["a"], "number of feature_names"),
        ((*LEARNER, "feature_names"), [1] * 5, "feature_names are not texts"),
        ((*LEARNER, "feature_types"), ["c"] * 5, "categorical"),
        ((*LEARNER, "attributes"), {"best": 1}, "attributes are not texts"),
        (("version",), [1, 0, 0], "version of the format"),
        (("surprise",), {}, "fields of the model"),
    ],
)  # fmt: skip
def test_a_model_with_one_lie_is_refused(path, value, message):
    with pytest.raises(ModelRefused, match=message):
        check_model(bent(ubj(), path, value), model_dataset())


def test_classes_that_the_objective_does_not_divide_by_are_refused():
    lie = bent(ubj(3), ("learner", "objective", "softmax_multiclass_param", "num_class"), "2")
    with pytest.raises(ModelRefused, match="number of classes of the objective"):
        check_model(lie, model_dataset(3))


def test_a_model_of_another_task_is_refused():
    with pytest.raises(ModelRefused, match=r"objective is 'reg:squarederror'"):
        check_model(ubj(0), model_dataset(2))
    with pytest.raises(ModelRefused, match=r"objective is 'multi:softprob'|number of classes"):
        check_model(ubj(3), model_dataset(2))
    with pytest.raises(ModelRefused, match=r"expected 'reg:squarederror'"):
        check_model(ubj(2), model_dataset(0))


def test_a_tree_of_which_two_nodes_are_each_others_parents_is_refused():
    cycle = bent(
        bent(ubj(), (*TREE, "left_children"), changed_array(1, 1)),
        (*TREE, "parents"),
        changed_array(1, 1),
    )
    with pytest.raises(ModelRefused, match="not one tree"):
        check_model(cycle, model_dataset())


@pytest.mark.parametrize("cut", [1, 2, 9, 60, 400, -2, -1])
def test_a_truncated_model_is_refused(cut):
    with pytest.raises(ModelRefused, match=r"truncated|looks like"):
        check_model(ubj()[:cut], model_dataset())


@pytest.mark.parametrize(
    ("raw", "message"),
    [
        (ubj() + b"}", "1 bytes follow"),
        (b"{" + b"L\0\0\0\0\0\0\0\1a" + b"[#L\0\0\0\0\0\0\0\1" * (DEEPEST + 1), "deeper than"),
        (b"{" + b"L\0\0\0\0\0\0\0\1a" + b"[#L\x7f" + b"\xff" * 7, "beyond the end"),
        (b"{" + b"L\0\0\0\0\0\0\0\1a" + b"[$d#L\x7f" + b"\xff" * 7, "beyond the end"),
        (b"{" + b"L\0\0\0\0\0\0\0\1a" + b"[$Z#L" + bytes(8), "does not write"),
        (b"{" + b"L\0\0\0\0\0\0\0\1a" + b"[]}", "does not say how long"),
        (b"{" + b"L\0\0\0\0\0\0\0\1a" + b"N}", "begins no value"),
        (b"{" + b"L\0\0\0\0\0\0\0\1a" + b"SL\0\0\0\0\0\0\0\1\xff}", "not UTF-8"),
        (b"{" + b"i\1a" + b"i\1}", "length is not of 64 bits"),
        (b"{" + 2 * b"L\0\0\0\0\0\0\0\1ai\1" + b"}", "is there twice"),
    ],
)
def test_ubj_that_xgboost_does_not_write_is_refused(raw, message):
    with pytest.raises(ModelRefused, match=message):
        read_ubj(raw)


def pickled(protocol):
    return pickle.dumps({"model": booster()}, protocol)


def archive():
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as made:
        made.writestr("archive/data.pkl", pickled(2))
    return file.getvalue()


@pytest.mark.parametrize(
    ("raw", "looks"),
    [
        *((pickled(protocol), "a pickle") for protocol in (0, 2, 4, 5)),
        (b"cos\nsystem\n(S'true'\ntR.", "a pickle of protocol 0"),
        (archive(), "a zip archive"),
        (bytes(booster().save_raw("json")), "JSON; XGBoost writes UBJ"),
        (b"\x08\x08\x12\x04skl2", "ONNX"),
        (b'\x10\0\0\0\0\0\0\0{"a":1}         ', "safetensors"),
        (b"tree\nversion=v4\n", "a LightGBM text model"),
        (b"\x89HDF\r\n\x1a\n", "HDF5"),
        (b"\x1f\x8b\x08", "gzip"),
        (b"\x7fELF", "a program"),
        (b"", "an empty file"),
        (b"hello", "no format of a model"),
    ],
)  # fmt: skip
def test_another_format_is_named_and_refused(raw, looks):
    with pytest.raises(ModelRefused, match=f"looks like {looks}.*expected UBJ") as refused:
        check_model(raw, model_dataset())
    assert refused.value.code == "CR-4006"


def test_a_model_is_brought_as_one_file(tmp_path):
    file = tmp_path / "model.ubj"
    file.write_bytes(ubj())
    for given in (str(file), file, [file]):
        report = open_model(given, model_dataset()).report("scorer")
        assert report.bytes == len(ubj())
        assert "12 trees" in report.require().to_text()


@pytest.mark.parametrize(
    ("given", "message"),
    [([], "a list"), (["a", "b"], "a list"), (booster, "path of one file"), ("none", "no file")],
)
def test_what_is_no_one_file_is_refused(given, message):
    with pytest.raises(DataUnreadable, match=message):
        open_model(given, model_dataset())


def test_a_model_that_is_too_long_is_refused_before_it_is_read(tmp_path):
    file = tmp_path / "model.ubj"
    file.write_bytes(ubj())
    with pytest.raises(DataOversized, match="expected at most 2048"):
        open_model(file, model_dataset(max_bytes=2048))
