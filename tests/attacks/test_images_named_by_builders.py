"""Somebody wants an image to run that the parties did not sign for, where the manifest names one."""

from datetime import timedelta

import pytest

from cleanroom.attestation.collateral import Collateral
from cleanroom.attestation.reference_values import sign_reference_values
from cleanroom.attestation.resolving import resolve
from cleanroom.crypto.signing import Ed25519Signer
from cleanroom.errors import AppraisalFailed, BindingMismatch, ReferenceValuesRefused
from cleanroom.manifest.genesis import Genesis
from cleanroom.protocol.receipt import verify_receipt
from cleanroom.protocol.statement import verify_for_party, verify_for_worker
from tests.support.manifests import NOW, approvals, good_manifest
from tests.support.platform import simulated_platform
from tests.support.receipts import naming_draft, naming_manifest, replaced, written_policy
from tests.support.signed_values import (
    BUILDERS,
    builder,
    image_statement,
    name_of,
    naming,
    signed_values,
    snp_launch,
)

EVIL = b"\xee" * 48
"""The launch digest of the attacker's image."""
ENDED = "the reference values of worker are not valid on"


def statement(**changes):
    return naming_draft(**changes).receipt().statement


def met_by_a_worker(shown, now=NOW):
    genesis = Genesis.of(naming_manifest())
    return verify_for_worker(shown, genesis, nonce=shown.nonce, collateral=Collateral(), now=now)


def met_by_a_party(shown, own=None, now=NOW, files=()):
    return verify_for_party(
        shown,
        own or naming_manifest(),
        nonce=shown.nonce,
        remembered=None,
        consistency=(),
        allow_simulated=True,
        collateral=Collateral(),
        now=now,
        reference_values=files,
    )


def everybody_refuses(shown, match, *, now=NOW):
    """A worker, a party, and a party that has the envelopes itself."""
    for meet in (met_by_a_worker, met_by_a_party):
        with pytest.raises(ReferenceValuesRefused, match=match):
            meet(shown, now=now)
    with pytest.raises(ReferenceValuesRefused, match=match):
        met_by_a_party(shown, now=now, files=signed_values())


def evil_machine():
    return simulated_platform().attester(EVIL, Genesis.of(naming_manifest()).digest)


# --- the room as it should be ---------------------------------------------------------------------


def test_the_named_image_is_taken_by_worker_and_party():
    for meet in (met_by_a_worker, met_by_a_party):
        room = meet(statement())
        assert room.images["worker-snp"].statement.predicate.version == "1.4.0"


def test_a_receipt_verifies_with_what_travels_in_it():
    receipt = naming_draft().receipt()
    assert verify_receipt(
        receipt, naming_manifest(), allow_simulated=True, collateral=Collateral()
    ).workers


def test_a_room_without_a_manifest_is_met_with_the_partys_own_envelopes():
    waiting = statement(
        change_statement=replaced(phase="waiting", manifest=None, approvals=[], reference_values=[])
    )
    assert met_by_a_party(waiting, files=signed_values()).phase == "waiting"
    with pytest.raises(ReferenceValuesRefused, match="are missing"):
        met_by_a_party(waiting)


# --- the attacks ----------------------------------------------------------------------------------


def test_too_few_builders_signed():
    everybody_refuses(
        statement(reference_values=signed_values("ann-provide")), "1 builders signed.*expected 2"
    )


def test_one_builder_signs_twice():
    twice = signed_values("ann-provide", "ann-provide")
    everybody_refuses(statement(reference_values=twice), "1 builders signed.*expected 2")


def test_one_builder_signs_under_the_name_of_another():
    ann = builder("ann-provide")
    posing = Ed25519Signer("bob-provide", ann.private_bytes())
    envelopes = [*signed_values("ann-provide"), sign_reference_values(image_statement(), posing)]
    everybody_refuses(statement(reference_values=envelopes), "does not verify")


def test_a_stranger_makes_up_the_number():
    stranger = sign_reference_values(image_statement(), Ed25519Signer.generate("eve-provide"))
    envelopes = [*signed_values("ann-provide"), stranger]
    everybody_refuses(statement(reference_values=envelopes), "'eve-provide' may not sign")


def test_enough_builders_sign_another_image_than_the_parties_named():
    """All three builders together cannot bring an image that the manifest does not name."""
    other = image_statement(version="1.5.0", launches=[snp_launch(EVIL)])
    shown = statement(
        reference_values=signed_values(*BUILDERS, what=other), attester=evil_machine()
    )
    everybody_refuses(shown, "are missing, expected a signed statement")


def test_the_room_shows_the_named_statement_and_another_one():
    other = image_statement(launches=[snp_launch(EVIL)])
    both = [*signed_values(), *signed_values(*BUILDERS, what=other)]
    shown = statement(reference_values=both, attester=evil_machine())
    for meet in (met_by_a_worker, met_by_a_party):
        with pytest.raises(AppraisalFailed, match="measurement is ee"):
            meet(shown)


def test_a_machine_of_another_image():
    for meet in (met_by_a_worker, met_by_a_party):
        with pytest.raises(AppraisalFailed, match="measurement is ee"):
            meet(statement(attester=evil_machine()))


def test_a_worker_of_another_image_in_a_receipt():
    receipt = naming_draft(worker_attester=evil_machine()).receipt()
    with pytest.raises(AppraisalFailed, match="measurement is ee"):
        verify_receipt(receipt, naming_manifest(), allow_simulated=True, collateral=Collateral())


def test_the_coordinator_exchanges_a_measurement_in_an_envelope():
    first, second = signed_values()
    payload = first.payload.replace(b"aa" * 48, EVIL.hex().encode())
    forged = [one.model_copy(update={"payload": payload}) for one in (first, second)]
    everybody_refuses(statement(reference_values=forged, attester=evil_machine()), "are missing")


def test_the_coordinator_exchanges_an_envelope_for_one_of_its_own():
    own = Ed25519Signer("bob-provide", b"\x05" * 32)
    envelopes = [*signed_values("ann-provide"), sign_reference_values(image_statement(), own)]
    everybody_refuses(statement(reference_values=envelopes), "does not verify")


def test_envelopes_exchanged_behind_true_evidence():
    """Other envelopes than those that the evidence is bound to, even if they hold as well."""
    shown = statement().model_copy(
        update={"reference_values": signed_values("bob-provide", "cy-provide")}
    )
    for meet in (met_by_a_worker, met_by_a_party):
        with pytest.raises(BindingMismatch):
            meet(shown)


def test_the_room_withholds_what_builders_signed():
    everybody_refuses(statement(reference_values=[]), "are missing")


def test_a_receipt_without_what_builders_signed():
    receipt = naming_draft(reference_values=[]).receipt()
    with pytest.raises(ReferenceValuesRefused, match="are missing"):
        verify_receipt(receipt, naming_manifest(), allow_simulated=True, collateral=Collateral())


def test_an_old_image_with_known_faults_goes_on():
    later = NOW + timedelta(days=21)
    everybody_refuses(statement(), ENDED, now=later)


def test_an_image_that_is_not_released_yet():
    early = image_statement(now=NOW + timedelta(days=31))
    manifest = good_manifest(naming(written_policy(), what=early))
    shown = naming_draft(manifest=manifest, reference_values=signed_values(what=early)).receipt()
    with pytest.raises(ReferenceValuesRefused, match=ENDED):
        met_by_a_party(shown.statement, manifest)


def test_a_room_whose_manifest_asks_for_fewer_builders():
    lax = good_manifest(naming(written_policy(), threshold=1))
    shown = naming_draft(manifest=lax, reference_values=signed_values("ann-provide")).receipt()
    assert met_by_a_party(shown.statement, lax).images
    with pytest.raises(Exception, match="the room's manifest is"):
        met_by_a_party(shown.statement, naming_manifest())


def test_nothing_that_is_brought_turns_a_no_into_a_yes():
    """Every set of envelopes that lacks one of the two needed is refused, whatever is added."""
    policies = naming_manifest().attestation
    other = image_statement(version="9.9.9")
    extra = [*signed_values(*BUILDERS, what=other), *signed_values("ann-provide")]
    for kept in ([], extra[:3], extra, [extra[-1]] * 5):
        with pytest.raises(ReferenceValuesRefused):
            resolve(policies, kept, now=NOW)


def test_approvals_of_the_bare_entry_do_not_approve_the_named_one():
    bare = good_manifest(written_policy())
    assert bare.digest != naming_manifest().digest
    shown = statement(approvals=approvals(bare))
    with pytest.raises(Exception, match="approval"):
        met_by_a_party(shown)


def test_the_name_holds_the_digest_that_was_signed():
    assert (
        name_of()["digest"] == naming_manifest().attestation["worker-snp"].reference_values.digest
    )
