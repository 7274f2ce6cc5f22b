"""Each rule is broken by one change to a good manifest, and says what, where and what it expects."""

import pytest

from cleanroom.errors import ManifestRule
from cleanroom.manifest.checks import check
from cleanroom.manifest.plan import plan
from cleanroom.manifest.rules import RULES, WARNINGS
from tests.support.manifests import good_manifest, party_block
from tests.support.private_trainings import NOISY_NETWORK
from tests.support.rule_changes import CUSTOMERS, EVALUATION, MATCHES, REAL, TRAINS, private
from tests.unit.manifest.broken import (
    attestation,
    computations,
    datasets,
    growing,
    joining,
    names,
    parties,
    privacy,
    private_training,
    training,
    warnings,
)

BROKEN = [
    *names.BROKEN,
    *parties.BROKEN,
    *attestation.BROKEN,
    *datasets.BROKEN,
    *computations.BROKEN,
    *training.BROKEN,
    *joining.BROKEN,
    *growing.BROKEN,
    *privacy.BROKEN,
    *private_training.BROKEN,
]
WARNED = [*warnings.WARNED, *privacy.WARNED]


def _identifiers(cases):
    return [f"{rule}-{number}" for number, (rule, *_) in enumerate(cases)]


def test_good_manifest_breaks_no_rule():
    assert check(good_manifest()).manifest == good_manifest()


def test_good_training_with_noise_breaks_no_rule():
    checked = check(good_manifest(**private()))
    assert not any("without noise" in warning.message for warning in checked.warnings)


def test_good_network_with_noise_breaks_no_rule_and_says_so_in_the_plan():
    manifest = good_manifest(**private(**NOISY_NETWORK))
    assert not any("without noise" in warning.message for warning in check(manifest).warnings)
    assert manifest.computations["model"].noisy_rate == "1"
    told = plan(manifest).to_text()
    assert "with noise of ε = 1, δ = 0.000000001 in all outputs of a run together" in told


def test_good_training_breaks_no_rule():
    assert check(good_manifest(**TRAINS)).manifest == good_manifest(**TRAINS)


@pytest.mark.parametrize("op", ["train.linear", "train.gbdt"])
@pytest.mark.parametrize("workers", [1, 2, 4])
def test_weights_folds_and_comparisons_of_rows_are_for_any_number_of_workers(op, workers):
    both = [
        {"name": "email", "type": "string", "role": "identity", "normalise": "email"},
        {"name": "income", "type": "int64", "role": "feature"},
        {"name": "repaid", "type": "bool", "role": "label"},
        {"name": "w", "type": "float64", "role": "weight", "bounds": ["0", "9"]},
    ]
    read = [column["name"] for column in both]
    quality = {"kind": "metrics", "recipients": ["bank"], "compare": "alone"}
    limits = {"min": 1, "max": 9}
    change = {
        **TRAINS,
        f"{CUSTOMERS}__columns": both,
        "datasets__baskets__columns": both,
        f"{MATCHES}__op": op,
        f"{MATCHES}__join": "concat",
        f"{MATCHES}__folds": 5,
        f"{MATCHES}__workers__count": workers,
        f"{MATCHES}__outputs": {"quality": quality},
        f"{MATCHES}__inputs__left__columns": read,
        f"{MATCHES}__inputs__right__columns": read,
    }
    if op == "train.gbdt":
        change[f"{MATCHES}__parameters"] = {"rounds": limits, "max_depth": limits}
    assert check(good_manifest(**change)).manifest == good_manifest(**change)


def test_an_evaluation_of_two_owners_features_may_compare_them():
    change = {**TRAINS, f"{MATCHES}__outputs__model": {**EVALUATION, "compare": "alone"}}
    assert check(good_manifest(**change)).manifest == good_manifest(**change)


@pytest.mark.parametrize(("rule", "change", "where", "words"), BROKEN, ids=_identifiers(BROKEN))
def test_manifest_that_breaks_a_rule_is_refused_at_its_place(rule, change, where, words):
    manifest = good_manifest(**change)
    with pytest.raises(ManifestRule) as refused:
        check(manifest)
    assert refused.value.code == "CR-1003"
    (function,) = [each for each in RULES if each.__name__ == rule]
    told = {problem.where: problem.message for problem in function(manifest)}
    assert words in told[where]
    assert where in {problem.where for problem in refused.value.problems}


@pytest.mark.parametrize(("rule", "change", "where", "words"), WARNED, ids=_identifiers(WARNED))
def test_manifest_that_deserves_a_warning_is_accepted_with_it(rule, change, where, words):
    told = {warning.where: warning.message for warning in check(good_manifest(**change)).warnings}
    assert words in told[where], rule


def test_every_rule_is_broken_by_some_case():
    own = {
        rule.__name__
        for rule in RULES
        if not rule.__module__.endswith((".keeping", ".networks", ".prediction"))
    }
    assert own == {rule for rule, *_ in BROKEN}
    told = {rule.__name__ for rule in WARNINGS} - {"models_can_be_copied"}
    assert told == {rule for rule, *_ in WARNED}


def test_every_rule_says_in_one_sentence_what_it_demands():
    for rule in (*RULES, *WARNINGS):
        assert rule.__doc__ is not None
        assert rule.__doc__.strip().endswith("."), rule


def test_all_broken_rules_are_reported_at_once():
    change = {
        "metadata__version": 2,
        "computations__overlap__workers__count": 9,
        f"{CUSTOMERS}__owner": "x",
    }
    with pytest.raises(ManifestRule, match=r"\(and \d+ more\)") as refused:
        check(good_manifest(**change))
    where = {problem.where for problem in refused.value.problems}
    assert {
        "metadata.previous",
        "computations.overlap.workers.count",
        "datasets.customers.owner",
    } <= where


def test_real_platforms_without_witnesses_still_warn_about_rollback():
    manifest = good_manifest(REAL, metadata__mode="production")
    places = {warning.where for warning in check(manifest).warnings}
    assert "computations.matches.limits.max_runs" in places
    assert not any("development_roots" in place for place in places)


def test_noisy_threshold_warning_is_for_repeated_counts_only():
    once = good_manifest(computations__overlap__limits__max_runs=1)
    assert all("differencing" not in warning.message for warning in check(once).warnings)


def test_unknown_names_never_crash_another_rule():
    manifest = good_manifest(
        computations__overlap__inputs__left__dataset="nothing",
        computations__overlap__workers__role="nothing",
        computations__matches__submitters=["nobody"],
        datasets__customers__owner="nobody",
    )
    with pytest.raises(ManifestRule, match="is not defined"):
        check(manifest)


def test_wrong_name_suggests_the_right_one():
    with pytest.raises(ManifestRule) as refused:
        check(good_manifest(datasets__customers__owner="bnak"))
    assert "did you mean 'bank'?" in {problem.hint for problem in refused.value.problems}


def test_third_party_that_only_approves_is_accepted():
    manifest = good_manifest(
        parties__regulator={"name": "Regulator", "keys": party_block("regulator", "x")["keys"][:1]}
    )
    assert "regulator" in check(manifest).manifest.parties
