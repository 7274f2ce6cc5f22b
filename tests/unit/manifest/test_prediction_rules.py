"""Each rule about models and prediction is broken by one change, and says what and where."""

import pytest

from cleanroom.errors import CleanroomError, ManifestRule
from cleanroom.manifest.checks import check
from cleanroom.manifest.model import Manifest
from cleanroom.manifest.plan import plan
from cleanroom.manifest.rules import RULES
from tests.support.manifests import ABSENT
from tests.support.predictions import evaluation_plain, prediction_plain

SCORE = "computations__score"
SCORES = f"{SCORE}__outputs__scores"
MODEL = "datasets__scorer"
ROWS = "datasets__patients__columns"

# rule, change, where, words of the message
BROKEN = [
    (
        "models_are_described",
        {f"{MODEL}__classes": ["yes"]},
        "datasets.scorer.classes",
        "1 classes are listed for a classification, expected two or more",
    ),
    (
        "models_are_described",
        {f"{MODEL}__classes": ["yes", "yes"]},
        "datasets.scorer.classes",
        "a class is listed twice",
    ),
    (
        "models_are_described",
        {f"{MODEL}__task": "regression"},
        "datasets.scorer.classes",
        "2 classes are listed for a regression, expected none",
    ),
    (
        "models_are_described",
        {f"{MODEL}__features__1__name": "Age"},
        "datasets.scorer.features.1",
        "feature 'Age' repeats or looks like 'age'",
    ),
    (
        "models_are_described",
        {f"{MODEL}__features__2__values": ABSENT},
        "datasets.scorer.features.2.values",
        "feature 'ward' is string and values are missing",
    ),
    (
        "models_are_described",
        {f"{MODEL}__format": "safetensors"},
        "datasets.scorer.network",
        "network is missing while the format is safetensors",
    ),
    (
        "models_are_described",
        {f"{MODEL}__network": {"hidden": [8]}},
        "datasets.scorer.network",
        "network is given while the format is xgboost-ubj",
    ),
    (
        "models_are_described",
        {f"{MODEL}__format": "safetensors", f"{MODEL}__network": {"hidden": [4096, 4096, 4096, 8]}},
        "datasets.scorer.network.hidden",
        "weights, expected at most 16777216",
    ),
    (
        "models_are_described",
        {f"{MODEL}__format": "onnx"},
        "datasets.scorer.features.1.nullable",
        "feature 'dose' may be missing, which onnx cannot take",
    ),
    (
        "models_are_models",
        {f"{SCORE}__inputs__rows__dataset": "scorer"},
        "computations.score.inputs.rows.dataset",
        "dataset 'scorer' is a model, expected a table",
    ),
    (
        "models_are_models",
        {f"{SCORE}__model__dataset": "patients"},
        "computations.score.model.dataset",
        "dataset 'patients' is a table, expected one of kind `model`",
    ),
    (
        "models_are_models",
        {
            f"{SCORE}__inputs__model": {"dataset": "patients", "columns": ["id"]},
        },
        "computations.score.inputs.model",
        "an input is named 'model'",
    ),
    (
        "features_are_brought",
        {f"{SCORE}__inputs__rows__columns": ["id", "dose", "ward"]},
        "computations.score.inputs",
        "0 inputs read a feature 'age'",
    ),
    (
        "features_are_brought",
        {f"{ROWS}__1__type": "int32"},
        "computations.score.inputs.rows.columns.age",
        "feature 'age' is int32 with values None, the model expects int64",
    ),
    (
        "features_are_brought",
        {f"{ROWS}__3__values": ["east", "north"]},
        "computations.score.inputs.rows.columns.ward",
        "the model expects string with ['east', 'north', 'west']",
    ),
    (
        "features_are_brought",
        {f"{ROWS}__1__nullable": True},
        "computations.score.inputs.rows.columns.age",
        "feature 'age' may be missing, which the model does not take",
    ),
    (
        "features_are_brought",
        {f"{ROWS}__2__bounds": ABSENT},
        "computations.score.inputs.rows.columns.dose",
        "expected bounds within 1e30",
    ),
    (
        "features_are_brought",
        {f"{MODEL}__features": [{"name": "age", "type": "int64"}]},
        "computations.score.inputs.rows.columns.ward",
        "column 'ward' is read, but the model does not expect it",
    ),
    (
        "predictions_read_what_they_need",
        {f"{ROWS}__3__role": "label"},
        "computations.score.inputs",
        "1 columns of role label are read, expected 0",
    ),
    (
        "predictions_read_what_they_need",
        {f"{ROWS}__3__role": "payload"},
        "computations.score.inputs.rows.columns.ward",
        "column 'ward' has role 'payload', expected feature",
    ),
    (
        "scores_go_to_the_rows_owner",
        {f"{SCORES}__recipients": ["shop"]},
        "computations.score.outputs.scores.recipients",
        "recipients are ['shop'], expected ['bank']",
    ),
    (
        "scores_go_to_the_rows_owner",
        {f"{SCORE}__rows": "others"},
        "computations.score.rows",
        "rows is 'others', expected one of rows",
    ),
    (
        "scores_are_scores",
        {f"{SCORES}__columns": ["rows.id", "value"]},
        "computations.score.outputs.scores.columns.value",
        "'value' is not one of class, probability.no, probability.yes, rows.id",
    ),
    (
        "scores_are_scores",
        {f"{SCORES}__columns": ["class", "rows.age"]},
        "computations.score.outputs.scores.columns.rows.age",
        "'rows.age' is not one of",
    ),
    (
        "scores_are_scores",
        {f"{SCORES}__columns": ["class", "model.model"]},
        "computations.score.outputs.scores.columns.model.model",
        "'model.model' is not one of",
    ),
    (
        "scores_are_scores",
        {f"{SCORES}__columns": ["rows.id"]},
        "computations.score.outputs.scores.columns",
        "no column tells what the model says",
    ),
    (
        "predicts_on_one_worker",
        {f"{SCORE}__workers__count": 2},
        "computations.score.workers.count",
        "count is 2, expected 1",
    ),
]


def problems(plain):
    with pytest.raises(ManifestRule) as refused:
        check(Manifest.from_plain(plain))
    return [(each.where, each.message) for each in refused.value.problems]


@pytest.mark.parametrize(("rule", "change", "where", "words"), BROKEN)
def test_broken_rule_is_reported_where_it_is_broken(rule, change, where, words):
    told = problems(prediction_plain(**change))
    assert any(place == where and words in message for place, message in told), (rule, told)


def test_scores_of_joined_tables_say_that_they_reveal_membership():
    silent = prediction_plain(
        joined=True, computations__score__outputs__scores__reveals_membership=False
    )
    where = "computations.score.outputs.scores.reveals_membership"
    assert where in dict(problems(silent))


def test_an_evaluation_trains_nothing_to_compare_with():
    comparing = evaluation_plain(computations__score__outputs__quality__compare="alone")
    assert "computations.score.outputs.quality.compare" in dict(problems(comparing))


def test_every_rule_about_prediction_is_broken_by_some_case():
    own = {rule.__name__ for rule in RULES if rule.__module__.endswith(".prediction")}
    assert own - {"scores_say_so", "evaluations_compare_nothing"} == {rule for rule, *_ in BROKEN}


@pytest.mark.parametrize("classes", [0, 2, 3])
def test_good_predictions_break_no_rule(classes):
    for plain in (
        prediction_plain(classes),
        prediction_plain(classes, joined=True),
        evaluation_plain(classes),
    ):
        manifest = Manifest.from_plain(plain)
        assert check(manifest).manifest is manifest


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"type": "bool", "values": ABSENT}, "has values ['false', 'true'], the model tells"),
        (
            {"values": ["maybe", "yes"]},
            "has values ['maybe', 'yes'], the model tells ['no', 'yes']",
        ),
        ({"nullable": True}, "expected a column that is not nullable"),
    ],
)
def test_a_label_has_the_classes_of_the_model(change, words):
    changes = {f"{ROWS}__4__{field}": value for field, value in change.items()}
    told = problems(
        evaluation_plain(**{k: v for k, v in changes.items() if v is not ABSENT or "values" in k})
    )
    assert any(words in message for _, message in told)


def test_owner_of_a_model_consents_like_any_other():
    plain = prediction_plain()
    plain["datasets"]["scorer"]["allow"]["computations"] = ["other"]
    assert (
        "computations.score.model.dataset",
        "'shop' does not allow 'score' to read 'scorer'",
    ) in problems(plain)


def test_a_model_that_is_not_defined_is_named():
    told = dict(problems(prediction_plain(computations__score__model__dataset="scorers")))
    assert "dataset 'scorers' is not defined" in told["computations.score.model.dataset"]


def test_an_unknown_kind_of_dataset_is_refused():
    with pytest.raises(CleanroomError, match=r"datasets\.scorer"):
        Manifest.from_plain(prediction_plain(datasets__scorer__kind="modle"))


def test_signers_read_what_a_prediction_tells_and_what_a_budget_does_not():
    told = plan(
        Manifest.from_plain(
            prediction_plain(computations__score__limits__max_rows_per_submitter=1234)
        )
    ).to_text()
    assert "shop brings `scorer`: one model (xgboost-ubj)" in told
    assert "for each submitter at most 1,234 rows in at most 10 runs" in told
    assert "`probability.no` and `probability.yes` of the model `scorer`" in told
    assert "a model can be copied from enough of its answers" in told
    told = plan(Manifest.from_plain(evaluation_plain())).to_text()
    assert "the quality of the model `scorer`, at most 10 times" in told
