"""Each check of a TPM's and of Azure's evidence is taken away once: its attack then succeeds."""

import pytest

from tests.attacks import test_evidence_azure as azure
from tests.attacks import test_evidence_tpm as tpm
from tests.support.breaches import Mutant, assert_gets_through, shown
from tests.support.mutants import passes, returns
from tests.support.tpm import good_tpm

SILICON = "cleanroom.attestation.silicon"
RULES = "cleanroom.attestation.rules"
NO_FINDING = returns(())

MUTANTS = [
    Mutant(
        f"{SILICON}.tpm:require_signed",
        passes,
        tpm.test_registered_key_beside_the_quote_of_another,
    ),
    Mutant(
        f"{SILICON}.tpm:require_signed",
        passes,
        azure.test_quote_of_another_vtpm,
    ),
    Mutant(
        f"{SILICON}.tpm:require_quoted",
        passes,
        tpm.test_values_of_a_good_boot_beside_the_quote_of_another,
    ),
    Mutant(
        f"{SILICON}.tpm:require_quoted",
        passes,
        azure.test_values_of_a_good_boot_beside_the_quote_of_another,
    ),
    Mutant(
        "cleanroom.attestation.verifier:check_binding",
        passes,
        tpm.test_quote_replayed_from_another_conversation,
    ),
    Mutant(
        "cleanroom.attestation.verifier:check_binding",
        passes,
        tpm.test_extra_data_that_is_short_or_long,
        {"size": 31},
    ),
    Mutant(
        "cleanroom.attestation.verifier:check_binding",
        passes,
        azure.test_quote_replayed_from_another_conversation,
    ),
    Mutant(
        "cleanroom.attestation.anchors:Anchors.registered_keys",
        lambda _self: {good_tpm("operator").key_name},
        tpm.test_quote_of_a_key_of_the_operators_own,
    ),
    Mutant(
        "cleanroom.attestation.formats.x509:require_issued",
        passes,
        tpm.test_operators_google_beside_the_trusted_root,
    ),
    Mutant(
        "cleanroom.attestation.formats.hcl:require_zero",
        passes,
        azure.test_report_of_another_form,
        {"at": -1, "message": "after its end is not zero"},
    ),
    Mutant(
        f"{SILICON}.paravisor:require_said",
        passes,
        azure.test_words_that_name_the_operators_key,
    ),
    Mutant(
        f"{RULES}.azure:check_fresh_report", NO_FINDING, azure.test_older_report_under_a_fresh_quote
    ),
    Mutant(
        f"{RULES}.azure_snp:check_paravisor",
        NO_FINDING,
        azure.test_paravisor_signed_with_another_key,
    ),
    Mutant(
        f"{RULES}.snp:check_measurement",
        NO_FINDING,
        azure.test_image_of_the_operators_own_instead_of_the_paravisor,
    ),
    Mutant(
        f"{RULES}.azure_snp:check_own_report",
        NO_FINDING,
        azure.test_report_that_the_guest_asked_for_below_the_paravisor,
    ),
    Mutant(f"{RULES}.azure:check_boot", NO_FINDING, azure.test_another_kernel),
    Mutant(f"{RULES}.azure:check_guest", NO_FINDING, azure.test_secure_boot_that_is_off),
    Mutant(
        f"{RULES}.tpm:check_boot", NO_FINDING, tpm.test_another_boot_is_authentic_and_not_wanted
    ),
    Mutant(
        f"{RULES}.tpm:check_assurance",
        NO_FINDING,
        tpm.test_key_in_a_development_manifest_is_not_hardware,
    ),
]


@pytest.mark.parametrize("mutant", MUTANTS, ids=shown)
def test_evidence_gets_through_without_its_check(monkeypatch, mutant):
    assert_gets_through(monkeypatch, mutant)
