"""Each check of what builders signed is taken away: an image that nobody signed for is let in."""

import pytest

from cleanroom.attestation.reference_values import verify_reference_values
from cleanroom.attestation.rules.comparing import finding
from tests.attacks import test_images_named_by_builders as images
from tests.support.breaches import Mutant, assert_gets_through, shown
from tests.support.mutants import passes, returns
from tests.support.platform import good_evidence, good_policy, verified
from tests.support.signed_values import name_of
from tests.unit.attestation import test_named_reference_values as naming

RESOLVING = "cleanroom.attestation.resolving"
SIGNED = "cleanroom.attestation.reference_values"
STATEMENT = "cleanroom.protocol.statement"


def whatever_it_says(envelope, _payload_type, _keys):
    """An envelope is opened without looking at its signature."""
    return envelope.payload, envelope.signatures[0].keyid


def one_is_enough(envelopes, builders, _threshold, *, now):
    """The threshold is not asked for."""
    return verify_reference_values(envelopes, builders, 1, now=now)


def anything_goes(code, check, found):
    """An entry whose name nobody resolved has no objection."""
    return finding(code, check, found, "any", passed=True)


MUTANTS = [
    Mutant(
        f"{RESOLVING}:verify_reference_values",
        one_is_enough,
        images.test_too_few_builders_signed,
    ),
    Mutant(
        f"{RESOLVING}:verify_reference_values",
        one_is_enough,
        images.test_one_builder_signs_twice,
    ),
    Mutant(
        f"{SIGNED}:open_envelope",
        whatever_it_says,
        images.test_one_builder_signs_under_the_name_of_another,
    ),
    Mutant(
        f"{SIGNED}:open_envelope",
        whatever_it_says,
        images.test_the_coordinator_exchanges_an_envelope_for_one_of_its_own,
    ),
    Mutant(f"{SIGNED}:open_envelope", whatever_it_says, images.test_a_stranger_makes_up_the_number),
    Mutant(
        f"{SIGNED}:_require_in_force",
        passes,
        images.test_an_old_image_with_known_faults_goes_on,
    ),
    Mutant(f"{SIGNED}:_require_in_force", passes, images.test_an_image_that_is_not_released_yet),
    Mutant(
        f"{RESOLVING}:content_digest",
        returns(name_of()["digest"]),
        images.test_enough_builders_sign_another_image_than_the_parties_named,
    ),
    Mutant(
        f"{RESOLVING}:content_digest",
        returns(name_of()["digest"]),
        images.test_the_coordinator_exchanges_a_measurement_in_an_envelope,
        second="ReferenceValuesRefused",  # the signatures are of other bytes
    ),
    Mutant(
        f"{STATEMENT}:envelopes_digest",
        returns(name_of()["digest"]),
        images.test_envelopes_exchanged_behind_true_evidence,
    ),
    Mutant(
        f"{STATEMENT}:verify_named",
        returns({}),
        images.test_the_room_withholds_what_builders_signed,
        second="AppraisalFailed",  # an entry that nobody resolved accepts nothing
    ),
    Mutant(
        "cleanroom.attestation.rules.snp:unresolved",
        anything_goes,
        naming.test_a_name_that_nobody_resolved_accepts_nothing,
        {"evidence": lambda: verified(good_evidence()), "policy": naming.naming_policy},
    ),
    Mutant(
        "cleanroom.attestation.policy.reference:NamesImage.require_one_image",
        passes,
        naming.test_an_entry_says_exactly_once_what_may_run,
        {"platform": good_policy},
    ),
]


@pytest.mark.parametrize("mutant", MUTANTS, ids=shown)
def test_an_image_is_let_in_without_its_check(monkeypatch, mutant):
    assert_gets_through(monkeypatch, mutant)
