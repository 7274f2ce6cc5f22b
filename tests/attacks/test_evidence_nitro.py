"""An operator forges Nitro documents: none becomes claims, and none an attestation result.

The operator owns the parent instance and the network, runs enclaves of its own on genuine AWS
hardware, and has every document that was ever sent.
"""

from dataclasses import replace

import cbor2
import pytest

from cleanroom.attestation.anchors import Anchors
from cleanroom.attestation.appraisal import appraise
from cleanroom.attestation.binding import bind
from cleanroom.attestation.collateral import Collateral
from cleanroom.attestation.evidence import Evidence
from cleanroom.attestation.verifier import verify
from cleanroom.errors import AppraisalFailed, BindingMismatch, EvidenceRejected, NotTrusted
from enclave.attester.keeping import load_ec_key
from tests.support.nitro_cca import (
    anchors_of_both,
    cca_platform,
    nitro_enclave,
    nitro_platform,
    nitro_policy,
    verified_there,
)
from tests.support.platform import BINDING, GENESIS, NOW, good_evidence, simulated_platform

FIELDS = {
    "module_id": "i-00000000000000000-enc0000000000000000",
    "timestamp": 0,
    "pcrs": dict.fromkeys(range(16), b"\x01" * 48),
    "user_data": b"\x01" * 64,
    "nonce": b"\x01",
    "public_key": b"\x01",
}


def parts_of(evidence):
    return cbor2.loads(evidence.report)


def from_parts(parts, **changed):
    whole = {"platform": "nitro", "endorsements": []} | changed
    return Evidence(report=cbor2.dumps(parts), **whole)


def with_document(**changed):
    """A document that was altered after the module signed it."""
    protected, unprotected, payload, signature = parts_of(nitro_enclave().collect(BINDING))
    document = cbor2.loads(payload) | changed
    return from_parts([protected, unprotected, cbor2.dumps(document), signature])


@pytest.mark.parametrize("field", FIELDS)
def test_field_altered_after_signing(field):
    with pytest.raises(EvidenceRejected, match="signature of Nitro document is not its issuer's"):
        verified_there(with_document(**{field: FIELDS[field]}))


def test_signature_of_another_document():
    protected, unprotected, payload, _ = parts_of(nitro_enclave().collect(BINDING))
    other = parts_of(nitro_enclave("wrong-pcr0").collect(BINDING))[3]
    with pytest.raises(EvidenceRejected, match="signature of Nitro document"):
        verified_there(from_parts([protected, unprotected, payload, other]))


def test_zero_signature():
    protected, unprotected, payload, _ = parts_of(nitro_enclave().collect(BINDING))
    with pytest.raises(EvidenceRejected, match="signature of Nitro document"):
        verified_there(from_parts([protected, unprotected, payload, bytes(96)]))


def test_document_of_another_enclave_of_the_same_image():
    """A genuine enclave of the operator's, with user data for another conversation."""
    theirs = nitro_enclave().collect(bind("cleanroom/join/v1", b"their nonce"))
    with pytest.raises(BindingMismatch, match="report data is"):
        verified_there(theirs)


@pytest.mark.parametrize("size", [0, 1, 32, 63, 65, 128])
def test_user_data_that_only_begins_like_the_binding(size):
    document = nitro_enclave().document(BINDING)
    document["user_data"] = (BINDING * 2)[:size]
    with pytest.raises(BindingMismatch, match="report data is"):
        verified_there(nitro_enclave().signed(cbor2.dumps(document)))


@pytest.mark.parametrize("where", ["nonce", "public_key"])
def test_binding_in_another_field_than_user_data(where):
    document = nitro_enclave().document(BINDING) | {"user_data": None, where: BINDING}
    with pytest.raises(BindingMismatch, match="report data is"):
        verified_there(nitro_enclave().signed(cbor2.dumps(document)))


def test_root_of_the_attackers_own():
    """The whole chain is sound, only its root is nobody's."""
    with pytest.raises(EvidenceRejected, match="expected a root that is trusted here"):
        verified_there(nitro_enclave(which=1).collect(BINDING))


def test_trusted_root_in_front_of_the_attackers_chain():
    forger = nitro_enclave(which=1)
    document = forger.document(BINDING)
    document["cabundle"] = [nitro_platform().root_certificate, *document["cabundle"][1:]]
    with pytest.raises(EvidenceRejected, match=r"signature of region.* is not its issuer's"):
        verified_there(forger.signed(cbor2.dumps(document)))


def test_trusted_root_in_front_of_the_attackers_root():
    forger = nitro_enclave(which=1)
    document = forger.document(BINDING)
    document["cabundle"] = [nitro_platform().root_certificate, *document["cabundle"]]
    with pytest.raises(EvidenceRejected, match=r"signature of simulated\.nitro-enclaves is not"):
        verified_there(forger.signed(cbor2.dumps(document)))


def test_trusted_root_at_the_end_of_the_bundle():
    """Who looks for any trusted certificate in the bundle would find one."""
    forger = nitro_enclave(which=1)
    document = forger.document(BINDING)
    document["cabundle"] = [*document["cabundle"], nitro_platform().root_certificate]
    with pytest.raises(EvidenceRejected, match="first certificate of cabundle"):
        verified_there(forger.signed(cbor2.dumps(document)))


@pytest.mark.parametrize("order", [[0, 2, 1, 3], [0, 1, 3, 2], [0, 3, 2, 1], [3, 2, 1, 0]])
def test_bundle_in_another_order(order):
    document = nitro_enclave().document(BINDING)
    document["cabundle"] = [document["cabundle"][at] for at in order]
    with pytest.raises(EvidenceRejected, match=r"issuer of|first certificate|path length"):
        verified_there(nitro_enclave().signed(cbor2.dumps(document)))


@pytest.mark.parametrize("missing", [0, 1, 2, 3])
def test_certificate_left_out_of_the_bundle(missing):
    document = nitro_enclave().document(BINDING)
    document["cabundle"] = [one for at, one in enumerate(document["cabundle"]) if at != missing]
    with pytest.raises(EvidenceRejected, match=r"issuer of|first certificate"):
        verified_there(nitro_enclave().signed(cbor2.dumps(document)))


def test_enclave_that_issues_a_certificate_for_another():
    """A leaf in the bundle: the operator's module key signs a certificate of its choice."""
    enclave = nitro_enclave()
    document = enclave.document(BINDING)
    document["cabundle"] = [*document["cabundle"], document["certificate"]]
    with pytest.raises(EvidenceRejected, match="path length of"):
        verified_there(enclave.signed(cbor2.dumps(document)))


def test_authority_that_signs_a_document_itself():
    key = load_ec_key(nitro_platform()._kept.issuer_key)
    enclave = replace(nitro_enclave(), key=key)
    document = enclave.document(BINDING)
    document["certificate"] = document["cabundle"][-1]
    document["cabundle"] = document["cabundle"][:-1]
    with pytest.raises(EvidenceRejected, match=r"instance.* is an authority"):
        verified_there(enclave.signed(cbor2.dumps(document)))


def test_one_authority_more_than_aws_allows():
    with pytest.raises(EvidenceRejected, match="path length"):
        verified_there(nitro_enclave("long-path").collect(BINDING))


def test_certificate_of_a_genuine_enclave_without_its_key():
    with pytest.raises(EvidenceRejected, match="signature of Nitro document"):
        verified_there(nitro_enclave("stolen-certificate").collect(BINDING))


def test_key_twice_in_the_document():
    """Who keeps the first value and who keeps the last would read two different documents."""
    payload = cbor2.dumps(nitro_enclave().document(BINDING))
    twice = bytes([payload[0] + 1]) + payload[1:] + cbor2.dumps("user_data") + cbor2.dumps(b"x")
    with pytest.raises(EvidenceRejected, match="attestation document is malformed"):
        verified_there(nitro_enclave().signed(twice))


def test_key_that_nobody_knows_in_the_document():
    document = nitro_enclave().document(BINDING) | {"user_data2": BINDING}
    with pytest.raises(EvidenceRejected, match="key 'user_data2' is unknown here"):
        verified_there(nitro_enclave().signed(cbor2.dumps(document)))


def test_lengths_without_end_inside_the_document():
    payload = cbor2.dumps(nitro_enclave().document(BINDING))
    bound = cbor2.dumps(BINDING)
    open_ended = payload.replace(bound, b"\x5f" + bound + b"\xff")
    assert open_ended != payload
    with pytest.raises(EvidenceRejected, match="attestation document is malformed"):
        verified_there(nitro_enclave().signed(open_ended))


def test_header_that_is_not_signed():
    """A certificate chain or key in the unprotected header is nobody's word."""
    protected, _, payload, signature = parts_of(nitro_enclave().collect(BINDING))
    with pytest.raises(EvidenceRejected, match="unprotected header is not empty"):
        verified_there(from_parts([protected, {33: b"chain"}, payload, signature]))


def test_weaker_algorithm_in_the_header():
    _, unprotected, payload, _ = parts_of(nitro_enclave().collect(BINDING))
    weaker = cbor2.dumps({1: -7})
    with pytest.raises(EvidenceRejected, match="algorithm is -7"):
        verified_there(from_parts([weaker, unprotected, payload, bytes(64)]))


def test_bytes_after_the_document():
    evidence = nitro_enclave().collect(BINDING)
    longer = evidence.model_copy(update={"report": evidence.report + b"\0"})
    with pytest.raises(EvidenceRejected, match="followed by bytes"):
        verified_there(longer)


def test_certificates_beside_the_document():
    evidence = nitro_enclave().collect(BINDING)
    beside = evidence.model_copy(update={"endorsements": [nitro_platform(1).root_certificate]})
    with pytest.raises(EvidenceRejected, match="endorsements is there"):
        verified_there(beside)


def test_event_log_beside_the_document():
    evidence = nitro_enclave().collect(BINDING)
    with pytest.raises(NotTrusted):
        verified_there(evidence.model_copy(update={"event_log": b"log"}))


@pytest.mark.parametrize("platform", ["sev-snp", "tdx", "sgx", "cca"])
def test_document_under_the_name_of_another_platform(platform):
    evidence = nitro_enclave().collect(BINDING)
    with pytest.raises(EvidenceRejected):
        verified_there(evidence.model_copy(update={"platform": platform}))


def test_other_evidence_under_the_name_of_nitro():
    with pytest.raises(EvidenceRejected):
        verified_there(good_evidence().model_copy(update={"platform": "nitro"}))


def test_root_of_another_vendor_does_not_vouch_for_enclaves():
    """In a room with simulated roots of several kinds, each policy names its own."""
    roots = [simulated_platform().root_fingerprint, cca_platform().root_fingerprint]
    with pytest.raises(EvidenceRejected, match="expected a root that is trusted here"):
        verify(
            nitro_enclave().collect(BINDING),
            binding=BINDING,
            anchors=Anchors.development(roots),
            collateral=Collateral(),
            now=NOW,
        )
    claims = verified_there(nitro_enclave().collect(BINDING))
    policy = nitro_policy(development_roots=[cca_platform().root_fingerprint])
    with pytest.raises(AppraisalFailed, match="assurance is simulated, expected simulated under"):
        appraise(claims, {"entry": policy}, genesis=GENESIS, now=NOW)


def test_simulated_enclave_in_production():
    with pytest.raises(EvidenceRejected, match="expected a root that is trusted here") as refused:
        verify(
            nitro_enclave().collect(BINDING),
            binding=BINDING,
            anchors=Anchors.vendor(),
            collateral=Collateral(),
            now=NOW,
        )
    assert "production policies do not trust" in refused.value.hint


def test_enclave_in_debug_mode():
    """All of the chain is genuine; but the operator reads the console, and any image looks so."""
    claims = verified_there(nitro_enclave("debug").collect(BINDING))
    with pytest.raises(AppraisalFailed, match="mode is debug, expected production"):
        appraise(claims, {"entry": nitro_policy()}, genesis=GENESIS, now=NOW)


def test_anchors_of_the_room_are_its_own():
    assert anchors_of_both().assurance == "simulated"
    assert nitro_platform(1).root_fingerprint not in anchors_of_both().fingerprints
