"""An entry that names an image: what it may say, and what it accepts once the name resolves."""

from datetime import timedelta

import pytest

from cleanroom.attestation.appraisal import appraise
from cleanroom.attestation.closing import gaps
from cleanroom.attestation.explain import described, left_open
from cleanroom.attestation.policy import SevSnpPolicy, TdxPolicy
from cleanroom.attestation.resolving import envelopes_digest, needed, resolve, verify_named
from cleanroom.attestation.told import tell
from cleanroom.encoding import instant_text
from cleanroom.errors import AppraisalFailed, RecordMalformed, ReferenceValuesRefused
from tests.support.platform import (
    GENESIS,
    MEASUREMENT,
    NOW,
    good_evidence,
    good_policy,
    good_tdx_evidence,
    good_tdx_policy,
    verified,
    verified_tdx,
)
from tests.support.signed_values import (
    image_statement,
    name_of,
    naming,
    signed_values,
    snp_launch,
    tdx_launch,
)


def naming_policy(**name):
    return SevSnpPolicy.from_plain(naming(good_policy().to_plain(), **name))


def test_a_machine_of_the_named_image_is_accepted():
    policies = resolve({"worker": naming_policy()}, signed_values(), now=NOW)
    result = appraise(verified(good_evidence()), policies, genesis=GENESIS, now=NOW)
    assert result.policy == "worker"
    assert policies["worker"].measurements == [MEASUREMENT.hex(), "aa" * 48]


def test_a_resolved_entry_is_the_entry_that_lists_the_measurements():
    resolved = resolve({"worker": naming_policy()}, signed_values(), now=NOW)["worker"]
    listed = good_policy(measurements=[MEASUREMENT.hex(), "aa" * 48])
    assert resolved.to_bytes() == listed.to_bytes()


def test_a_tdx_machine_of_the_named_image_is_accepted():
    listed = good_tdx_policy()
    (image,) = listed.measurements
    what = image_statement(launches=[{"platform": "tdx", "image": image.to_plain()}])
    policy = TdxPolicy.from_plain(naming(listed.to_plain(), what=what))
    resolved = resolve({"worker": policy}, signed_values(what=what), now=NOW)
    claims = verified_tdx(good_tdx_evidence())
    assert appraise(claims, resolved, genesis=GENESIS, now=NOW).policy == "worker"
    assert resolved["worker"].to_bytes() == listed.to_bytes()


def test_one_statement_may_serve_both_platforms():
    what = image_statement(launches=[snp_launch(), tdx_launch()])
    policies = {
        "snp": naming_policy(what=what),
        "tdx": TdxPolicy.from_plain(naming(good_tdx_policy().to_plain(), what=what)),
    }
    resolved = resolve(policies, signed_values(what=what), now=NOW)
    assert resolved["snp"].measurements == [MEASUREMENT.hex()]
    assert [image.mrtd for image in resolved["tdx"].measurements] == [MEASUREMENT.hex()]


@pytest.mark.parametrize(
    ("evidence", "policy"),
    [
        (lambda: verified(good_evidence()), naming_policy),
        (
            lambda: verified_tdx(good_tdx_evidence()),
            lambda: TdxPolicy.from_plain(naming(good_tdx_policy().to_plain())),
        ),
    ],
    ids=["sev-snp", "tdx"],
)
def test_a_name_that_nobody_resolved_accepts_nothing(evidence, policy):
    with pytest.raises(AppraisalFailed, match="expected what the named reference values say"):
        appraise(evidence(), {"worker": policy()}, genesis=GENESIS, now=NOW)


@pytest.mark.parametrize("platform", [good_policy, good_tdx_policy], ids=["sev-snp", "tdx"])
def test_an_entry_says_exactly_once_what_may_run(platform):
    listed = platform()
    both = listed.to_plain() | {"reference_values": name_of()}
    with pytest.raises(RecordMalformed, match="both are given, expected exactly one of them"):
        type(listed).from_plain(both)
    neither = {key: value for key, value in listed.to_plain().items() if key != "measurements"}
    with pytest.raises(RecordMalformed, match="neither is given, expected exactly one of them"):
        type(listed).from_plain(neither)
    with pytest.raises(RecordMalformed, match="at least 1 item"):
        type(listed).from_plain(neither | {"measurements": []})


@pytest.mark.parametrize(
    ("changed", "match"),
    [
        ({"threshold": 0}, "greater than or equal to 1"),
        ({"threshold": 4}, "threshold is 4, expected at most 3"),
        ({"builders": {}}, "at least 1 item"),
        ({"digest": "ab" * 32}, "should match pattern"),
        ({"builders": {"ann-provide": "YQ=="}}, "at least 32"),
        (
            {
                "builders": dict.fromkeys(
                    ("ann-provide", "bob-provide"), name_of()["builders"]["ann-provide"]
                )
            },
            "one key under two names",
        ),
    ],
    ids=["nobody", "more than all", "no builder", "bare hex", "short key", "one key twice"],
)
def test_a_name_that_means_nothing_is_refused(changed, match):
    plain = good_policy().to_plain()
    del plain["measurements"]
    with pytest.raises(RecordMalformed, match=match):
        SevSnpPolicy.from_plain(plain | {"reference_values": name_of() | changed})


def test_entries_without_a_name_stay_as_they_are():
    policies = {"worker": good_policy(), "other": good_tdx_policy()}
    assert resolve(policies, [], now=NOW) == policies
    assert resolve(policies, signed_values(), now=NOW) == policies


def test_one_name_that_does_not_resolve_refuses_all():
    policies = {"worker": good_policy(), "next": naming_policy()}
    with pytest.raises(ReferenceValuesRefused, match="of 'next' are missing"):
        resolve(policies, [], now=NOW)


@pytest.mark.parametrize(("days", "match"), [(-31, "not valid on"), (21, "not valid on")])
def test_outside_its_time_a_name_stands_for_nothing(days, match):
    with pytest.raises(ReferenceValuesRefused, match=match):
        resolve({"worker": naming_policy()}, signed_values(), now=NOW + timedelta(days=days))


def test_an_image_without_a_launch_on_the_entrys_platform_is_refused():
    what = image_statement(launches=[tdx_launch()])
    with pytest.raises(ReferenceValuesRefused, match="worker, which has no launch on sev-snp"):
        resolve({"worker": naming_policy(what=what)}, signed_values(what=what), now=NOW)


def test_envelopes_of_other_statements_are_left_aside():
    policies = {"worker": naming_policy()}
    older = signed_values(what=image_statement(version="1.3.0"))
    mixed = [*older, *signed_values(), *signed_values()]
    kept = needed(policies, mixed)
    assert sorted(one.to_bytes() for one in kept) == sorted(
        one.to_bytes() for one in signed_values()
    )
    assert verify_named(policies, mixed, now=NOW)["worker"].builders == (
        "ann-provide",
        "bob-provide",
    )


def test_a_set_of_envelopes_has_one_name():
    first, second = signed_values()
    assert envelopes_digest([first, second]) == envelopes_digest([second, first, first])
    assert envelopes_digest([first]) != envelopes_digest([second])


def test_an_entry_is_told_with_its_image_its_builders_and_its_end():
    (told,) = tell({"worker": naming_policy()}, signed_values(), NOW).values()
    digest, end = name_of()["digest"], instant_text(NOW + timedelta(days=20))
    asked = "2 of ann-provide, bob-provide, cy-provide"
    assert f"measurement {MEASUREMENT.hex()}" in told.words
    assert f"the image of reference values {digest}, signed by {asked}" in told.words
    assert (
        f"which is image worker 1.4.0, signed by ann-provide, bob-provide (2 had to), until {end}"
    ) in told.words
    assert left_open(told.policy) == left_open(good_policy())


def test_an_entry_whose_image_cannot_be_seen_says_so():
    (told,) = tell({"worker": naming_policy()}, [], NOW).values()
    assert told.words[:-1] == described(naming_policy())
    assert told.words[-1].startswith("NOT KNOWN HERE: the reference values of 'worker' are missing")


def test_what_an_unseen_tdx_image_leaves_open_is_not_known():
    policy = TdxPolicy.from_plain(naming(good_tdx_policy().to_plain()))
    assert any("what the named image leaves free is not known" in one.open for one in gaps(policy))
