"""Each check of evidence is taken away once: the attack that it is there for then succeeds."""

import pytest

from cleanroom.errors import AppraisalFailed
from tests.attacks import test_evidence_forged as forged
from tests.attacks import test_evidence_unwanted as unwanted
from tests.support.breaches import Mutant, assert_gets_through, shown
from tests.support.mutants import passes, returns
from tests.support.platform import good_evidence, verified

SILICON = "cleanroom.attestation.silicon.sev_snp"
X509 = "cleanroom.attestation.formats.x509"
RULES = "cleanroom.attestation.rules"
AT_MEASUREMENT = forged.SIGNED_FIELDS["measurement"]
NO_FINDING = returns(())


def firmware_below_the_floor_that_was_signed():
    """No public break is known, but the parties asked for newer microcode."""
    floors = {"Genoa": {"bl": 0, "tee": 0, "snp": 0, "ucode": 255}}
    with pytest.raises(AppraisalFailed, match=r"reported TCB is .* ucode 255"):
        unwanted.appraised(verified(good_evidence()), min_tcb=floors)


MUTANTS = [
    Mutant(
        "cleanroom.attestation.verifier:check_binding",
        passes,
        forged.test_evidence_replayed_into_another_session,
    ),
    Mutant(
        "cleanroom.attestation.verifier:check_binding",
        passes,
        forged.test_evidence_made_for_another_role,
    ),
    Mutant(
        "cleanroom.attestation.verifier:check_binding",
        passes,
        forged.test_short_report_data_padded_with_zeros,
    ),
    Mutant(
        f"{SILICON}:require_report_signature",
        passes,
        forged.test_field_altered_after_signing,
        {"at": AT_MEASUREMENT},
    ),
    Mutant(f"{SILICON}:is_anchor", returns(True), forged.test_root_of_the_attackers_own),
    Mutant(
        f"{SILICON}:is_anchor",
        returns(True),
        forged.test_simulated_evidence_under_production_anchors,
        second="KeyError",  # a root of no vendor is of no product
    ),
    Mutant(
        f"{X509}:require_issued",
        passes,
        forged.test_own_root_sent_along_with_the_trusted_one,
    ),
    Mutant(f"{X509}:require_valid", passes, forged.test_expired_certificate),
    Mutant(
        f"{SILICON}:require_certified_tcb",
        passes,
        forged.test_reported_tcb_raised_above_the_certificate,
        second="EvidenceRejected",  # the signature covers it
    ),
    Mutant(
        f"{SILICON}:require_certified_identity",
        returns(""),
        forged.test_hidden_chip_under_a_chip_key,
    ),
    Mutant(f"{RULES}.snp:check_measurement", NO_FINDING, unwanted.test_image_that_was_patched),
    Mutant(
        f"{RULES}.snp:check_guest_policy",
        NO_FINDING,
        unwanted.test_debug_guest_whose_memory_the_host_reads,
    ),
    Mutant(
        f"{RULES}.sev_snp:check_host_data",
        NO_FINDING,
        unwanted.test_right_image_of_another_room,
    ),
    Mutant(
        f"{RULES}.snp:check_tcb",
        NO_FINDING,
        unwanted.test_firmware_rolled_back,
        second="AppraisalFailed",  # reported is above committed: the versions contradict each other
    ),
    Mutant(f"{RULES}.snp:check_tcb", NO_FINDING, firmware_below_the_floor_that_was_signed),
    Mutant(
        f"{RULES}.snp:check_safe_tcb",
        NO_FINDING,
        unwanted.test_firmware_with_public_breaks_and_a_manifest_without_floors,
    ),
    Mutant(
        f"{RULES}.snp:check_platform_info",
        NO_FINDING,
        unwanted.test_aliased_memory_is_not_ruled_out,
    ),
    Mutant(
        f"{RULES}.snp:check_chip_id",
        NO_FINDING,
        unwanted.test_processor_outside_the_list_behind_an_interposer,
    ),
    Mutant(
        f"{RULES}.sev_snp:check_signing_key",
        NO_FINDING,
        unwanted.test_lent_key_where_only_chips_own_keys_count,
    ),
    Mutant(
        f"{RULES}.snp:check_assurance",
        NO_FINDING,
        forged.test_simulated_evidence_under_a_production_policy,
    ),
]


@pytest.mark.parametrize("mutant", MUTANTS, ids=shown)
def test_evidence_gets_through_without_its_check(monkeypatch, mutant):
    assert_gets_through(monkeypatch, mutant)
