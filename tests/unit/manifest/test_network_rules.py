"""A network that is trained is small, in one process, and has nothing that only trees or lines have."""

import pytest

from cleanroom.errors import ManifestRule, ManifestShape, RecordMalformed
from cleanroom.manifest.checks import check
from cleanroom.manifest.model import Manifest
from cleanroom.manifest.plan import plan
from cleanroom.manifest.rules import RULES
from tests.support.joined_trainings import LEFT, beside
from tests.support.learned_networks import NETWORK
from tests.support.manifests import changed
from tests.support.trainings import OUTPUTS

MODEL = "computations__model"
CURVE = {"kind": "curve", "recipients": ["bank"]}
NULLABLE = {
    "name": "a",
    "type": "float64",
    "role": "feature",
    "bounds": ["-9", "9"],
    "nullable": True,
}
EPOCHS = {"min": 1, "max": 3000}


def network_plain(how=NETWORK, **changes):
    return changed(beside({**how, "outputs": {"quality": OUTPUTS["quality"]}}), **changes)


# rule, change, where, words of the message
BROKEN = [
    (
        "networks_are_small",
        {f"{MODEL}__network": {"hidden": [1025]}},
        "network.hidden",
        "1 layers of up to 1025 units, expected at most 8 of 1024",
    ),
    (
        "networks_are_small",
        {f"{MODEL}__network": {"hidden": [8] * 9}},
        "network.hidden",
        "9 layers of up to 8 units",
    ),
    (
        "networks_on_one_worker",
        {f"{MODEL}__workers": {"role": "cpu", "count": 2}},
        "workers.count",
        "count is 2, expected 1: a network learns in one process",
    ),
    (
        "settings_fit",
        {f"{MODEL}__learning_rate": "1.5"},
        "learning_rate",
        "learning_rate is 1.5, expected 0.000001 to 1",
    ),
    ("settings_fit", {f"{MODEL}__l2": "2"}, "l2", "l2 is 2, expected 0 to 1"),
    (
        "curves_have_rounds",
        {f"{MODEL}__parameters__epochs": EPOCHS, f"{MODEL}__outputs__curve": CURVE},
        "outputs.curve.kind",
        "epochs may be 3000, expected at most 2083 epochs",
    ),
    (
        "gaps_are_filled",
        {f"{MODEL}__{field}": value for field, value in LEFT.items()},
        "missing",
        "missing is refuse while join is left",
    ),
    (
        "features_fit",
        {"datasets__customers__columns__1": NULLABLE},
        "inputs.left.columns.a",
        "may be missing",
    ),
    (
        "kept_models_fit",
        {f"{MODEL}__outputs__model": {"kind": "model", "kept_as": "customers"}},
        "outputs.model.kept_as",
        "is no dataset of kind `model`",
    ),
]


@pytest.mark.parametrize(("rule", "change", "where", "words"), BROKEN)
def test_broken_rule_is_reported_where_it_is_broken(rule, change, where, words):
    with pytest.raises(ManifestRule) as refused:
        check(Manifest.from_plain(network_plain(**change)))
    told = [(each.where, each.message) for each in refused.value.problems]
    place = f"computations.model.{where}"
    assert any(found == place and words in message for found, message in told), (rule, told)


def test_every_rule_about_networks_is_broken_by_some_case():
    own = {rule.__name__ for rule in RULES if rule.__module__.endswith(".networks")}
    assert own <= {rule for rule, *_ in BROKEN}


def test_a_network_breaks_no_rule_and_its_plan_says_what_leaves():
    manifest = Manifest.from_plain(network_plain(**{f"{MODEL}__missing": "mean"}))
    assert check(manifest).manifest is manifest
    assert "the quality of at most 5 models" in plan(manifest).to_text()


@pytest.mark.parametrize(
    "change",
    [
        {f"{MODEL}__network": {"hidden": [8], "activation": "exec"}},
        {f"{MODEL}__network": {"hidden": [8], "code": "print()"}},
        {f"{MODEL}__batch": 4},
        {f"{MODEL}__parameters": {}},
    ],
    ids=["activation", "code", "batch", "epochs"],
)
def test_a_network_says_nothing_else(change):
    with pytest.raises((ManifestShape, RecordMalformed)):
        Manifest.from_plain(network_plain(**change))
