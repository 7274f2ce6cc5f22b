"""The plan says who learns what at worst, in numbers that the manifest enforces."""

from pathlib import Path

import pytest

from cleanroom.errors import ManifestRule
from cleanroom.manifest.model import Manifest
from cleanroom.manifest.plan import Plan, exposure_in_words, fingerprint, plan
from cleanroom.manifest.text import load
from tests.support.manifests import END, NOW, START, good_manifest, party_block, signer

ROOT = Path(__file__).resolve().parents[3]


def test_plan_names_the_digest_that_will_be_signed():
    manifest = good_manifest()
    told = plan(manifest, NOW)
    assert told.digest == manifest.digest
    assert manifest.digest in told.to_text()


def test_signers_own_exposure_to_counts():
    assert (
        "with this, `shop` learns at most 10 rounded overlap counts of the units in `customers` and "
        "`baskets` of bank and shop with the same `email`, rounded to the nearest 10, withheld below "
        "100 units of any owner"
    ) in exposure_in_words(good_manifest(), "bank")


def test_signers_own_exposure_to_rows():
    (rows,) = [words for words in exposure_in_words(good_manifest(), "shop") if "row" in words]
    assert rows.startswith(
        "with this, `bank` learns in at most 5 runs of at most 100,000 rows each, who is among"
    )
    assert "`email` of `customers` (its own)" in rows
    assert "`spend` of `baskets`" in rows
    assert "visits" not in rows


def test_identity_of_another_owner_is_told_as_a_pseudonym():
    manifest = good_manifest(
        computations__matches__outputs__for_bank__columns=[
            "left.email",
            "left.income",
            "left.segment",
            "right.email",
            "right.favourite",
            "right.spend",
        ]
    )
    (rows,) = [words for words in exposure_in_words(manifest, "shop") if "row" in words]
    assert "a pseudonym instead of `email` of `baskets`" in rows


def test_exact_single_count_is_told_as_such():
    manifest = good_manifest(
        computations__overlap__limits__max_runs=1,
        computations__overlap__outputs__size__gate={"min_group": 100},
    )
    assert "learns at most 1 overlap count of" in exposure_in_words(manifest, "bank")[1]
    assert ", exact, withheld below 100 units" in exposure_in_words(manifest, "bank")[1]


def test_default_gate_is_told_with_its_number():
    manifest = good_manifest(computations__overlap__outputs__size={"recipients": ["bank", "shop"]})
    assert "withheld below 10 units of any owner" in exposure_in_words(manifest, "bank")[1]


def test_fewer_rows_are_told_where_the_output_allows_fewer_than_the_parameter():
    manifest = good_manifest(computations__matches__outputs__for_bank__max_rows=500)
    assert any("at most 500 rows each" in words for words in exposure_in_words(manifest, "shop"))


def test_party_without_data_exposes_nothing():
    manifest = good_manifest(
        parties__regulator={"name": "Regulator", "keys": party_block("regulator", "x")["keys"][:1]}
    )
    assert exposure_in_words(manifest, "regulator") == [
        "with this, nobody learns anything from the data of `regulator`"
    ]


def test_every_recipient_of_every_output_is_told():
    told = {
        (learning.party, learning.computation, learning.output)
        for learning in plan(good_manifest()).learnings
    }
    assert told == {
        ("bank", "overlap", "size"),
        ("shop", "overlap", "size"),
        ("bank", "matches", "for-bank"),
        ("shop", "matches", "for-shop"),
    }


def test_contributions_tell_what_is_read_and_what_is_not():
    (customers,) = [
        given for given in plan(good_manifest()).contributions if given.dataset == "customers"
    ]
    assert customers.party == "bank"
    assert customers.read == {"matches": ["email", "income", "segment"], "overlap": ["email"]}
    assert customers.never_read == ["since"]
    assert (customers.most_rows, customers.most_releases) == (1_000_000, 20)


def test_rights_tell_who_how_often_and_with_which_parameters():
    rights = {right.computation: right for right in plan(good_manifest()).rights}
    assert rights["overlap"].parties == ["bank", "shop"]
    assert rights["overlap"].most_runs == 10
    assert (
        rights["matches"].words == "on 1 `cpu` worker, up to 712 MB of memory, up to 900 s, "
        "`limit` from 1 to 100,000 rows, 100,000 if not named"
    )


def test_rights_tell_the_memory_that_each_worker_needs_for_the_largest_inputs():
    rights = {right.computation: right for right in plan(good_manifest()).rights}
    assert (rights["matches"].memory_mb, rights["overlap"].memory_mb) == (712, 160)
    assert rights["overlap"].words.startswith("on 2 `cpu` workers, up to 160 MB of memory each, ")
    fewer = good_manifest(datasets__baskets__rows__max=1000, datasets__customers__rows__max=1000)
    assert [right.memory_mb for right in plan(fewer).rights] == [1, 1]


def test_required_parameter_is_told():
    manifest = good_manifest(computations__matches__parameters__limit={"min": 1, "max": 9})
    rights = {right.computation: right for right in plan(manifest).rights}
    assert rights["matches"].words.endswith("`limit` from 1 to 9 rows, required")


def test_trust_tells_measurements_roots_and_what_stays_open():
    trusted = {trust.policy: trust for trust in plan(good_manifest()).trusted}
    assert trusted["worker-snp"].accepted_for == ["workers.cpu"]
    assert trusted["coordinator-snp"].accepted_for == ["coordinator"]
    assert "measurement " + "c0" * 48 in trusted["worker-snp"].words
    assert "simulated root sha256:" + "ab" * 32 in trusted["worker-snp"].words
    assert any("simulated" in words for words in trusted["worker-snp"].left_open)


def test_listed_processors_are_counted():
    manifest = good_manifest(attestation__worker_snp__chip_ids=["1" * 128, "2" * 128])
    trusted = {trust.policy: trust for trust in plan(manifest).trusted}
    assert "processors: 2 listed" in trusted["worker-snp"].words


def test_plan_says_what_is_not_protected():
    text = plan(good_manifest()).to_text()
    unprotected = text.partition("What is NOT protected")[2]
    assert "no witnesses are named: limits and privacy budgets hold over restarts" in unprotected
    assert "min_group alone is no protection against differencing" in unprotected
    assert "machines are simulated" in unprotected


def test_everybody_who_signs_is_told_by_name():
    assert "Who signs\n  bank: Bank plc\n  shop: Shop GmbH\n" in plan(good_manifest()).to_text()


def test_keys_are_told_by_fingerprint():
    told = plan(good_manifest())
    expected = fingerprint(signer("bank").public_key)
    assert told.keys["bank-approve"] == f"ed25519:{expected}"
    assert len(expected.split(" ")) == 8
    assert len(told.keys) == 8


@pytest.mark.parametrize(
    ("now", "standing"),
    [
        (START, "in force"),
        (END, "in force"),
        ("2027-01-09T00:00:00Z", "not yet in force"),
        ("2027-04-01T00:00:00Z", "no longer in force"),
    ],
)
def test_plan_says_whether_the_manifest_is_in_force(now, standing):
    moment = type(NOW).fromisoformat(now)
    told = plan(good_manifest(), moment)
    assert told.standing == standing
    assert f"({standing})" in told.to_text()


def test_plan_without_a_time_says_nothing_about_it():
    assert plan(good_manifest()).standing == ""


def test_plan_of_a_broken_manifest_is_refused():
    with pytest.raises(ManifestRule, match="version 2 names no previous version"):
        plan(good_manifest(metadata__version=2))


def test_plan_is_a_record_that_survives_a_file():
    told = plan(good_manifest(), NOW)
    assert Plan.from_bytes(told.to_bytes()) == told


def test_text_of_the_plan_is_the_same_each_time():
    assert plan(good_manifest(), NOW).to_text() == plan(good_manifest(), NOW).to_text()


# --- trainings ------------------------------------------------------------------------------------


def example():
    text = (ROOT / "manifests/examples/partner/cleanroom.yaml").read_text(encoding="utf-8")
    return load(text, name="cleanroom.yaml")


def test_the_plan_of_a_training_says_what_each_output_tells():
    words = {
        (each.party, each.output): each.words
        for each in plan(example()).learnings
        if each.computation == "credit_model"
    }
    models = (
        "at most 5 models that tell `defaulted` of `accounts` from 5 features of `accounts` and "
        "5 features of `habits`"
    )
    assert words.keys() == {
        ("bank", "course"),
        ("bank", "curves"),
        ("bank", "importance"),
        ("bank", "model"),
        ("bank", "quality"),
        ("shop", "course"),
        ("shop", "curves"),
        ("shop", "importance"),
        ("shop", "quality"),
    }
    assert all(models in told for told in words.values())
    assert "on 25 % of the units, which they did not learn from" in words["shop", "quality"]
    assert "withheld below 100 units of any owner or 100 test units" in words["shop", "quality"]
    assert "at most 20 points of ROC, lift and calibration" in words["shop", "curves"]
    assert "each about at least 20 test units" in words["shop", "curves"]
    assert "as they grow, before the run is over" in words["shop", "course"]
    assert "they have no noise and may remember rows" in words["bank", "model"]


def test_the_text_of_the_plan_describes_models_once():
    text = plan(example()).to_text()
    assert text.count("models that tell `defaulted`") == 1
    assert "shop, from credit_model.quality: the quality of the same models: measured on" in text


@pytest.mark.parametrize("output", ["quality", "curves"])
def test_the_plan_says_that_each_party_is_told_what_the_other_adds(output):
    told = {each.words for each in plan(example()).learnings if each.output == output}
    (words,) = told
    assert words.endswith(
        "the same of models that learn `defaulted` of `bank` from the features of `bank` or `shop` "
        "alone, so also what each of them adds"
    )


def test_the_plan_of_stacked_rows_says_whose_rows_are_tried_alone_and_when():
    plain = example().to_plain()
    plain["computations"]["credit_model"]["join"] = "concat"
    words = exposure_in_words(Manifest.from_plain(plain), "shop")
    assert any(
        "from the rows of `bank` or `shop` alone, so also what the others' rows add, unless fewer "
        "than 100 units of the owner train it, or fewer than 100 units of the owner, or of all "
        "others, test it" in told
        for told in words
    )


def test_the_shop_is_told_that_the_bank_keeps_the_model():
    told = " ".join(exposure_in_words(example(), "shop"))
    assert "`bank` learns at most 5 models that tell" in told


def test_the_plan_says_what_the_submitter_of_a_training_may_choose():
    rights = {right.computation: right for right in plan(example()).rights}
    assert "`rounds` from 10 to 300, 80 if not named" in rights["credit_model"].words
    assert "`max_depth` from 2 to 8, 4 if not named" in rights["credit_model"].words


def told_of(changes):
    plain = example().to_plain()
    plain["computations"]["credit_model"].update(changes)
    words = exposure_in_words(Manifest.from_plain(plain), "shop")
    return next(each for each in words if "`bank` learns" in each and "models that tell" in each)


def test_the_plan_of_a_left_join_says_that_being_known_is_told_to_the_model():
    told = told_of({"join": "left", "left": "left"})
    assert "trained on all units in `accounts`, with what `habits` know of those" in told
    assert "it may tell how being known to them goes with the label" in told


def test_the_plan_of_stacked_rows_says_whose_rows_count():
    told = told_of({"join": "concat"})
    assert "the units in any of `accounts` and `habits`, one below the other" in told
    assert "of a unit that several have with the same `email`, its first row counts" in told


def test_the_plan_of_a_curve_says_what_it_is_about():
    plain = example().to_plain()
    curve = {"kind": "curve", "recipients": ["shop"], "min_test": 50}
    plain["computations"]["credit_model"]["outputs"]["curve"] = curve
    told = next(
        each.words for each in plan(Manifest.from_plain(plain)).learnings if each.output == "curve"
    )
    assert "the loss of at most 5 models that tell `defaulted`" in told
    assert "round by round" in told
    assert "withheld below 10 units of any owner or 50 test units" in told


def test_the_plan_says_which_decimals_the_submitter_may_choose():
    plain = example().to_plain()
    model = plain["computations"]["credit_model"]
    del model["learning_rate"]
    model["parameters"]["learning_rate"] = {"min": "0.01", "max": "0.5", "default": "0.1"}
    rights = {right.computation: right for right in plan(Manifest.from_plain(plain)).rights}
    assert "`learning_rate` from 0.01 to 0.5, 0.1 if not named" in rights["credit_model"].words
