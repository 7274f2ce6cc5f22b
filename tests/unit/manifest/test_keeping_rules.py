"""A model that stays in the room is what its dataset says; each rule is broken by one change."""

import pytest

from cleanroom.errors import ManifestRule
from cleanroom.manifest.checks import check
from cleanroom.manifest.keeping import addressees, makers
from cleanroom.manifest.model import Manifest
from cleanroom.manifest.plan import plan
from cleanroom.manifest.rules import RULES
from tests.support.keeping import keeping_plain
from tests.support.manifests import ABSENT, party_block

OUTPUT = "computations__model__outputs__model"
TREES = "datasets__trees"

# rule, change, where, words of the message
BROKEN = [
    (
        "models_go_somewhere",
        {f"{OUTPUT}__kept_as": ABSENT},
        "computations.model.outputs.model.recipients",
        "the model has neither recipients nor a dataset",
    ),
    (
        "models_go_somewhere",
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
        "not of `train.gbdt`",
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


def test_a_model_that_stays_breaks_no_rule_and_goes_to_nobody():
    manifest = Manifest.from_plain(keeping_plain())
    assert check(manifest).manifest is manifest
    assert makers(manifest) == {"trees": ("model", "model")}
    assert addressees(manifest.computations["model"].outputs["model"]) == ["room"]
    told = plan(manifest)
    assert "made in the room by model.model" in told.to_text()
    assert not [each for each in told.learnings if each.output == "model"]
    assert not [words for words in told.unprotected if "leaves without noise" in words]
