"""A model that stays in the room is what its dataset says; each rule is broken by one change."""

import pytest

from cleanroom.errors import ManifestRule
from cleanroom.manifest.checks import check
from cleanroom.manifest.keeping import addressees, makers
from cleanroom.manifest.model import Manifest
from cleanroom.manifest.plan import plan
from cleanroom.manifest.rules import RULES
from cleanroom.manifest.words import exposure_in_words
from tests.support.keeping import keeping_plain, staying_plain
from tests.support.manifests import ABSENT, party_block

OUTPUT = "computations__model__outputs__model"
TREES = "datasets__trees"

# rule, change, where, words of the message
BROKEN = [
    (
        "models_are_kept_once",
        {"computations__model__outputs__more": {"kind": "model", "kept_as": "trees"}},
        "computations.model.outputs.more.kept_as",
        "'trees' is made by computations.model.outputs.model already",
    ),
    (
        "kept_models_fit",
        {f"{OUTPUT}__kept_as": "customers"},
        "computations.model.outputs.model.kept_as",
        "'customers' is no dataset of kind `model`",
    ),
    (
        "kept_models_fit",
        {"computations__model__op": "train.linear", "computations__model__parameters": ABSENT},
        "computations.model.outputs.model.kept_as",
        "which is xgboost-ubj for a classification, expected cleanroom for a classification",
    ),
    (
        "kept_models_fit",
        {f"{TREES}__classes": ["no", "yes"]},
        "computations.model.outputs.model.kept_as",
        "which has classes ['no', 'yes'], expected ['false', 'true']",
    ),
    (
        "kept_models_fit",
        {f"{TREES}__features__0__name": "z"},
        "computations.model.outputs.model.kept_as",
        "whose features are not the training's, in its order: a, b, paid",
    ),
    (
        "kept_models_fit",
        {f"{TREES}__format": "onnx"},
        "computations.model.outputs.model.kept_as",
        "which is onnx for a classification",
    ),
    (
        "kept_models_fit",
        {
            "computations__model__op": "train.torch",
            "computations__model__network": {"hidden": [4]},
            "computations__model__parameters": {"epochs": {"min": 1, "max": 9}},
            f"{TREES}__format": "cleanroom",
            f"{TREES}__network": {"hidden": [5]},
        },
        "computations.model.outputs.model.kept_as",
        "whose layers are not the training's",
    ),
    (
        "features_are_told_apart",
        {
            f"{OUTPUT}__kept_as": ABSENT,
            "computations__score__model__dataset": "model.model",
            "datasets__baskets__columns__1__name": "a",
            "computations__model__inputs__right__columns": ["a", "id", "paid"],
        },
        "computations.model.outputs.model",
        "its feature 'a' repeats or looks like 'a' of another input",
    ),
    (
        "nobody_is_the_room",
        {"parties__room": party_block("room", "Room Ltd")},
        "parties.room",
        "a party is named 'room'",
    ),
]


@pytest.mark.parametrize(("rule", "change", "where", "words"), BROKEN)
def test_broken_rule_is_reported_where_it_is_broken(rule, change, where, words):
    with pytest.raises(ManifestRule) as refused:
        check(Manifest.from_plain(keeping_plain(**change)))
    told = [(each.where, each.message) for each in refused.value.problems]
    assert any(place == where and words in message for place, message in told), (rule, told)


def test_every_rule_about_keeping_is_broken_by_some_case():
    own = {rule.__name__ for rule in RULES if rule.__module__.endswith(".keeping")}
    assert own == {rule for rule, *_ in BROKEN}


def test_nobody_brings_a_model_in_the_format_of_those_that_stay():
    plain = keeping_plain(**{f"{TREES}__format": "cleanroom", f"{OUTPUT}__kept_as": ABSENT})
    with pytest.raises(ManifestRule, match=r"datasets\.trees\.format: format is cleanroom"):
        check(Manifest.from_plain(plain))


def test_a_model_without_recipients_stays_as_a_dataset_that_nobody_declares():
    manifest = check(Manifest.from_plain(staying_plain())).manifest
    assert sorted(manifest.declared) == ["baskets", "customers"]
    assert makers(manifest) == {"model.model": ("model", "model")}
    assert addressees(manifest.computations["model"].outputs["model"]) == ["room"]
    dataset = manifest.datasets["model.model"]
    declared = Manifest.from_plain(keeping_plain()).declared["trees"].to_plain()
    told = ("format", "task", "classes", "features", "network")
    assert {name: dataset.to_plain()[name] for name in told} == {n: declared[n] for n in told}
    assert (dataset.owner, dataset.allow.computations) == ("room", ["score"])
    assert dataset.allow.max_releases == manifest.computations["score"].limits.max_runs
    assert Manifest.from_bytes(manifest.to_bytes()) == manifest


def test_what_was_made_of_the_data_counts_as_made_of_it():
    """Scores by a model tell of whom it was trained on: the shop is told of them, too."""
    manifest = Manifest.from_plain(staying_plain())
    manifest.computations["score"].inputs.pop("right")
    words = [each for each in exposure_in_words(manifest, "shop") if "model `model.model`" in each]
    assert len(words) == 1
    assert "with this, `bank` learns `probability.true`" in words[0]


def test_a_model_that_nothing_uses_is_told_before_signing():
    plain = staying_plain(computations__score=ABSENT)
    for name in ("customers", "baskets"):
        plain["datasets"][name]["allow"]["computations"] = ["model"]
    told = plan(Manifest.from_plain(plain))
    (words,) = [each for each in told.unprotected if "the model stays in the room" in each]
    assert words.startswith("computations.model.outputs.model: ")
    assert words.endswith("no computation uses it: it ends with the room")
    told = plan(Manifest.from_plain(staying_plain()))
    assert not [each for each in told.unprotected if "the model stays in the room" in each]


def test_a_model_that_stays_is_no_table():
    plain = staying_plain(computations__score__inputs__left__dataset="model.model")
    with pytest.raises(ManifestRule) as refused:
        check(Manifest.from_plain(plain))
    told = {each.where: each.message for each in refused.value.problems}
    assert "'model.model' is a model, expected" in told["computations.score.inputs.left.dataset"]


def test_a_model_that_does_not_stay_cannot_be_named():
    plain = staying_plain(
        computations__model__outputs__model__recipients=["bank"],
    )
    with pytest.raises(ManifestRule, match=r"dataset 'model\.model' is not defined"):
        check(Manifest.from_plain(plain))


def test_the_plan_tells_what_the_room_keeps():
    told = plan(Manifest.from_plain(staying_plain())).to_text()
    assert (
        "room keeps `model.model`: one model (xgboost-ubj, made in the room by model.model), its "
        "key is granted to at most 5 runs" in told
    )
    assert "score reads model" in told


def test_a_model_that_stays_breaks_no_rule_and_goes_to_nobody():
    manifest = Manifest.from_plain(keeping_plain())
    assert check(manifest).manifest is manifest
    assert makers(manifest) == {"trees": ("model", "model")}
    assert addressees(manifest.computations["model"].outputs["model"]) == ["room"]
    told = plan(manifest)
    assert "made in the room by model.model" in told.to_text()
    assert not [each for each in told.learnings if each.output == "model"]
    assert not [words for words in told.unprotected if "leaves without noise" in words]
