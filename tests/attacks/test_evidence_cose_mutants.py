"""Every step of Nitro and CCA verification is missed by an attack story when it is gone."""

import pytest

from cleanroom.attestation.formats.x509 import read_certificate
from tests.attacks import test_evidence_cca as cca
from tests.attacks import test_evidence_nitro as nitro
from tests.support.breaches import Mutant, assert_gets_through, shown
from tests.support.mutants import hands_back, passes, returns

NITRO = "cleanroom.attestation.platforms.nitro:"
CCA = "cleanroom.attestation.platforms.cca:"
CHAIN = "cleanroom.attestation.formats.chain:"
BINDING = "cleanroom.attestation.verifier:check_binding"


def first_certificate(document, *_):
    """Takes any root."""
    return read_certificate(document.cabundle[0], "ecdsa-p384-sha384")


def last_of(chain, *_):
    """Takes any chain."""
    return chain[-1]


def any_key(evidence, *_):
    """Takes any platform's key."""
    return evidence.endorsements[0]


MUTANTS = [
    Mutant(NITRO + "require_signer", passes, nitro.test_zero_signature),
    Mutant(
        NITRO + "require_signer",
        passes,
        nitro.test_certificate_of_a_genuine_enclave_without_its_key,
    ),
    Mutant(NITRO + "_root", first_certificate, nitro.test_root_of_the_attackers_own),
    Mutant(
        NITRO + "require_chain",
        last_of,
        nitro.test_trusted_root_in_front_of_the_attackers_chain,
    ),
    Mutant(
        CHAIN + "_require_path_length",
        passes,
        nitro.test_one_authority_more_than_aws_allows,
    ),
    Mutant(
        CHAIN + "_require_leaf",
        passes,
        nitro.test_authority_that_signs_a_document_itself,
    ),
    Mutant(
        BINDING,
        hands_back(1),
        nitro.test_document_of_another_enclave_of_the_same_image,
    ),
    Mutant(
        "cleanroom.attestation.rules.nitro:check_debug",
        returns(()),
        nitro.test_enclave_in_debug_mode,
        second="AppraisalFailed",  # its registers are not listed either
    ),
    Mutant(CCA + "_platform_key", any_key, cca.test_platform_of_the_attackers_own),
    Mutant(
        CCA + "require_signer",
        passes,
        cca.test_attackers_platform_with_the_registered_key_sent_along,
    ),
    Mutant(
        CCA + "_require_bound",
        passes,
        cca.test_realm_token_of_the_attackers_own_under_a_genuine_platform_token,
    ),
    Mutant(BINDING, hands_back(1), cca.test_token_replayed_into_another_session),
    Mutant(
        "cleanroom.attestation.rules.cca:check_platform",
        returns(()),
        cca.test_registered_platform_that_calls_itself_another,
    ),
    Mutant(
        "cleanroom.attestation.rules.cca:check_host_data",
        returns(()),
        cca.test_realm_of_another_room,
    ),
    Mutant(
        "cleanroom.attestation.rules.cca:check_software",
        returns(()),
        cca.test_piece_of_firmware_listed_twice,
    ),
    Mutant(
        "cleanroom.attestation.rules.cca:check_lifecycle",
        returns(()),
        cca.test_platform_that_is_debugged,
    ),
]


@pytest.mark.parametrize("mutant", MUTANTS, ids=shown)
def test_attack_gets_through_without_the_check(monkeypatch, mutant):
    assert_gets_through(monkeypatch, mutant)
