"""Genuine evidence of the wrong machine: it verifies, and is still not what the parties signed."""

import pytest

from cleanroom.attestation.appraisal import appraise
from cleanroom.errors import AppraisalFailed
from tests.support.platform import (
    BINDING,
    GENESIS,
    MEASUREMENT,
    NOW,
    good_evidence,
    good_policy,
    simulated_platform,
    verified,
)


def appraised(claims, genesis=GENESIS, **changed):
    return appraise(claims, {"worker": good_policy(**changed)}, genesis=genesis, now=NOW)


def test_image_that_was_patched():
    claims = verified(good_evidence(scenario="wrong-measurement"))
    with pytest.raises(AppraisalFailed, match=r"measurement is .*, expected"):
        appraised(claims)


def test_debug_guest_whose_memory_the_host_reads():
    with pytest.raises(AppraisalFailed, match="guest policy debug is set, expected clear"):
        appraised(verified(good_evidence(scenario="debug")))


def test_right_image_of_another_room():
    """Same code, set up with a first manifest of the operator's own: host data gives it away."""
    other_room = simulated_platform().attester(MEASUREMENT, b"\x66" * 32).collect(BINDING)
    with pytest.raises(AppraisalFailed, match="host data is 6666"):
        appraised(verified(other_room))


def test_firmware_rolled_back():
    with pytest.raises(AppraisalFailed, match="committed TCB is"):
        appraised(verified(good_evidence(scenario="rollback")))


def test_firmware_with_public_breaks_and_a_manifest_without_floors():
    lax = {"Genoa": {"bl": 0, "tee": 0, "snp": 0, "ucode": 0}}
    with pytest.raises(AppraisalFailed, match="snp 1, ucode 84, expected at least snp 23"):
        appraised(verified(good_evidence(scenario="old-tcb")), min_tcb=lax)


def test_aliased_memory_is_not_ruled_out():
    with pytest.raises(AppraisalFailed, match="alias_check_complete is clear, expected set"):
        appraised(verified(good_evidence(scenario="no-alias-check")))


def test_lent_key_where_only_chips_own_keys_count():
    with pytest.raises(AppraisalFailed, match="signing key is vlek, expected vcek"):
        appraised(verified(good_evidence(scenario="vlek")))


def test_lent_key_of_another_cloud():
    vlek = {"signing_keys": ["vlek"], "csp_ids": ["CN=our-cloud"]}
    with pytest.raises(AppraisalFailed, match="cloud of the VLEK is CN=simulated-cloud"):
        appraised(verified(good_evidence(scenario="vlek")), **vlek)


def test_lent_key_cannot_stand_for_a_listed_chip():
    vlek = {
        "signing_keys": ["vlek"],
        "csp_ids": ["CN=simulated-cloud"],
        "chip_ids": [simulated_platform().chip_id("Genoa").hex()],
    }
    with pytest.raises(AppraisalFailed, match="chip id is 0000"):
        appraised(verified(good_evidence(scenario="vlek")), **vlek)


def test_processor_outside_the_list_behind_an_interposer():
    with pytest.raises(AppraisalFailed, match=r"chip id is .*, expected 1111"):
        appraised(verified(good_evidence()), chip_ids=["11" * 64])


def test_report_too_old_to_name_its_processor():
    with pytest.raises(AppraisalFailed, match="report version is 2, expected 3 or newer"):
        appraised(verified(good_evidence(scenario="report-v2")))
