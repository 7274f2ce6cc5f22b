"""Revocation lists: signed by the root, in their time window, and heeded."""

from datetime import timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.hashes import SHA384
from cryptography.hazmat.primitives.serialization import Encoding

from cleanroom.attestation.appraisal import appraise
from cleanroom.attestation.collateral import Collateral
from cleanroom.attestation.verifier import verify
from cleanroom.errors import AppraisalFailed, EvidenceRejected
from enclave.attester.issuing import PSS, ROOT_NAME, name_of
from enclave.attester.keeping import load_rsa_key
from tests.support.platform import (
    BINDING,
    GENESIS,
    NOW,
    development_anchors,
    good_evidence,
    good_policy,
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


def test_claims_tell_the_newest_list():
    lists = [simulated_platform().revocations((), NOW - timedelta(days=ago)) for ago in (9, 2, 5)]
    seen = verified_with(*lists).revocation
    assert seen.issuer == "ARK-Simulated"
    assert (seen.issued_at, seen.until) == (NOW - timedelta(days=2), NOW + timedelta(days=28))


def test_without_a_list_claims_say_nothing_of_one():
    claims = verified_with()
    assert claims.revocation is None
    assert "revocation" not in claims.to_plain()


def test_list_of_the_future_is_not_heeded():
    """What is judged at an earlier moment is judged by what was known then."""
    crl = simulated_platform().revocations(("SEV-Genoa",), NOW + timedelta(days=1))
    assert verified_with(crl).revocation is None


def test_list_past_its_end_revokes_still():
    crl = simulated_platform().revocations(("SEV-Genoa",), NOW - timedelta(days=60))
    with pytest.raises(EvidenceRejected, match="SEV-Genoa is revoked by its root"):
        verified_with(crl)


def appraised(*crls, now=NOW, **asked):
    claims = verified_with(*crls, now=now)
    return appraise(claims, {"worker-snp": good_policy(**asked)}, genesis=GENESIS, now=now)


def test_list_past_its_end_clears_nobody():
    crl = simulated_platform().revocations((), NOW)
    assert appraised(crl, now=NOW + timedelta(days=30))
    with pytest.raises(AppraisalFailed, match="revocation list is of 2027-01-15, the next due"):
        appraised(crl, now=NOW + timedelta(days=30, seconds=1))


def test_grace_is_as_long_as_the_entry_says():
    crl = simulated_platform().revocations((), NOW)
    assert appraised(crl, now=NOW + timedelta(days=37), crl_grace_d=7)
    with pytest.raises(AppraisalFailed, match="or 7 days past"):
        appraised(crl, now=NOW + timedelta(days=37, seconds=1), crl_grace_d=7)


def test_list_may_be_asked_to_be_younger_than_its_end_says():
    crl = simulated_platform().revocations((), NOW)
    assert appraised(crl, now=NOW + timedelta(days=10), max_crl_age_d=10)
    with pytest.raises(AppraisalFailed, match="age of the revocation list is 10 days, expected at"):
        appraised(crl, now=NOW + timedelta(days=10, seconds=1), max_crl_age_d=10)


def test_list_may_be_required():
    crl = simulated_platform().revocations((), NOW)
    assert appraised(crl, revocation="require")
    with pytest.raises(AppraisalFailed, match="revocation list is none, expected a list"):
        appraised(revocation="require")


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
    assert verified_with(crl).revocation is None
    with pytest.raises(AppraisalFailed, match="revocation list is none, expected a list"):
        appraised(crl, revocation="require")


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
