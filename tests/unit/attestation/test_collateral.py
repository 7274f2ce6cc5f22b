"""Revocation lists: signed by the root, in their time window, and heeded."""

from datetime import timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.hashes import SHA384
from cryptography.hazmat.primitives.serialization import Encoding

from cleanroom.attestation.collateral import Collateral
from cleanroom.attestation.verifier import verify
from cleanroom.errors import EvidenceRejected
from enclave.attester.issuing import PSS, ROOT_NAME, name_of
from enclave.attester.keeping import load_rsa_key
from tests.support.platform import (
    BINDING,
    NOW,
    development_anchors,
    good_evidence,
    other_platform,
    simulated_platform,
)


def verified_with(*crls, now=NOW, product="Genoa"):
    return verify(
        good_evidence(product),
        binding=BINDING,
        anchors=development_anchors(),
        collateral=Collateral(amd_crls=list(crls)),
        now=now,
    )


def test_list_without_our_intermediate():
    crl = simulated_platform().revocations(("SEV-Milan",), NOW)
    assert verified_with(crl).product == "Genoa"


def test_revoked_intermediate():
    crl = simulated_platform().revocations(("SEV-Milan", "SEV-Genoa"), NOW)
    with pytest.raises(EvidenceRejected, match="SEV-Genoa is revoked by its root"):
        verified_with(crl)


def test_any_of_several_lists_revokes():
    empty = simulated_platform().revocations((), NOW)
    full = simulated_platform().revocations(("SEV-Genoa",), NOW)
    with pytest.raises(EvidenceRejected, match="SEV-Genoa is revoked"):
        verified_with(empty, full)


@pytest.mark.parametrize("days", [-1, 31])
def test_stale_list(days):
    crl = simulated_platform().revocations((), NOW)
    with pytest.raises(EvidenceRejected, match="revocation list is not valid on"):
        verified_with(crl, now=NOW + timedelta(days=days))


def test_list_signed_by_somebody_else():
    crl = other_platform().revocations((), NOW)
    with pytest.raises(EvidenceRejected, match="signature of the revocation list"):
        verified_with(crl)


def test_altered_list():
    crl = simulated_platform().revocations(("SEV-Milan",), NOW)
    with pytest.raises(EvidenceRejected, match="signature of the revocation list"):
        verified_with(crl[:-1] + bytes([crl[-1] ^ 1]))


def test_list_that_is_none():
    with pytest.raises(EvidenceRejected, match="revocation list outer part is tag 0x6a"):
        verified_with(b"junk")


def test_lists_of_other_roots_only(monkeypatch):
    from enclave.attester import issuing

    monkeypatch.setattr(issuing, "ROOT_NAME", "ARK-Other")
    crl = simulated_platform().revocations((), NOW)
    with pytest.raises(EvidenceRejected, match="collateral is without a list of ARK-Simulated"):
        verified_with(crl)


def test_no_prefix_is_a_list():
    crl = simulated_platform().revocations(("SEV-Milan",), NOW)
    for size in range(1, len(crl)):
        with pytest.raises(EvidenceRejected, match="cut after"):
            verified_with(crl[:size])


def test_partial_list_says_so_and_is_no_list_of_everything():
    """A delta list (RFC 5280 §5.2.4) names only what changed; its signature is the root's own."""
    root_key = load_rsa_key(simulated_platform()._kept.ark_key)
    delta = (
        x509.CertificateRevocationListBuilder()
        .issuer_name(name_of(ROOT_NAME))
        .last_update(NOW)
        .next_update(NOW + timedelta(days=1))
        .add_extension(x509.DeltaCRLIndicator(1), critical=True)
        .sign(root_key, SHA384(), rsa_padding=PSS)
    )
    with pytest.raises(EvidenceRejected, match="a revocation list is partial"):
        verified_with(delta.public_bytes(Encoding.DER))
