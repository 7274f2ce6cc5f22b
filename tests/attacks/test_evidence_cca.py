"""An operator forges CCA tokens: none becomes claims, and none an attestation result.

The operator owns the host and the network, runs realms of its own on genuine platforms, registered
or not, and has every token that was ever sent.
"""

import cbor2
import pytest

from cleanroom.attestation.anchors import Anchors
from cleanroom.attestation.appraisal import appraise
from cleanroom.attestation.binding import bind
from cleanroom.attestation.collateral import Collateral
from cleanroom.attestation.formats.cca import COLLECTION_TAG, PLATFORM, REALM
from cleanroom.attestation.verifier import verify
from cleanroom.errors import AppraisalFailed, BindingMismatch, EvidenceRejected
from enclave.attester.simulated_cca import collection
from tests.support.nitro_cca import (
    cca_platform,
    cca_policy,
    cca_realm,
    nitro_platform,
    verified_there,
)
from tests.support.platform import BINDING, GENESIS, MEASUREMENT, NOW

PLATFORM_FIELDS = {
    265: "http://arm.com/CCA-SSD/1.0.0",
    2396: bytes(32),
    256: b"\x01" + bytes(32),
    2401: b"\x07",
    2395: 0x3001,
    2399: [{2: bytes(32), 5: bytes(32)}],
    2402: "sha-512",
}
REALM_FIELDS = {
    10: bytes(64),
    44235: b"\x01" * 64,
    44238: bytes(48),
    44239: [b"\x01" * 48] * 4,
    44236: "sha-256",
}


def tokens_of(evidence):
    return dict(cbor2.loads(evidence.report.removeprefix(COLLECTION_TAG)))


def with_tokens(evidence, **changed):
    labels = {"platform": PLATFORM, "realm": REALM}
    tokens = tokens_of(evidence) | {labels[name]: token for name, token in changed.items()}
    return evidence.model_copy(update={"report": collection(tokens, wrapped=False)})


def altered(token, changed):
    """A token whose claims were altered after it was signed."""
    protected, unprotected, payload, signature = cbor2.loads(token).value
    claims = dict(cbor2.loads(payload)) | changed
    parts = [protected, unprotected, cbor2.dumps(claims), signature]
    return cbor2.dumps(cbor2.CBORTag(18, parts))


@pytest.mark.parametrize("key", PLATFORM_FIELDS)
def test_platform_claim_altered_after_signing(key):
    evidence = cca_realm().collect(BINDING)
    forged = altered(tokens_of(evidence)[PLATFORM], {key: PLATFORM_FIELDS[key]})
    with pytest.raises(EvidenceRejected, match="signature of platform token"):
        verified_there(with_tokens(evidence, platform=forged))


@pytest.mark.parametrize("key", REALM_FIELDS)
def test_realm_claim_altered_after_signing(key):
    evidence = cca_realm().collect(BINDING)
    forged = altered(tokens_of(evidence)[REALM], {key: REALM_FIELDS[key]})
    with pytest.raises(EvidenceRejected, match="signature of realm token"):
        verified_there(with_tokens(evidence, realm=forged))


def test_realm_token_of_the_attackers_own_under_a_genuine_platform_token():
    """Anybody can sign a realm token; only the platform says whose key its realm manager has."""
    evidence = cca_realm().collect(BINDING)
    theirs = cca_realm(which=1).collect(BINDING)
    swapped = with_tokens(evidence, realm=tokens_of(theirs)[REALM])
    with pytest.raises(EvidenceRejected, match="expected the digest of the realm token's key"):
        verified_there(swapped)


def test_realm_token_signed_by_another_key_than_it_names():
    realm = cca_realm()
    stray = cca_realm("other-realm-key")
    forged = tokens_of(stray.signed(stray.platform_claims(), realm.realm_claims(BINDING)))[REALM]
    with pytest.raises(EvidenceRejected, match="signature of realm token"):
        verified_there(with_tokens(realm.collect(BINDING), realm=forged))


def test_digest_by_another_algorithm_than_the_token_names():
    realm = cca_realm()
    claims = realm.realm_claims(BINDING) | {44240: "sha-512"}
    with pytest.raises(EvidenceRejected, match="expected the digest of the realm token's key"):
        verified_there(realm.signed(realm.platform_claims(), claims))


def test_tokens_in_each_others_place():
    evidence = cca_realm().collect(BINDING)
    tokens = tokens_of(evidence)
    with pytest.raises(EvidenceRejected, match="missing"):
        verified_there(with_tokens(evidence, platform=tokens[REALM], realm=tokens[PLATFORM]))


def test_platform_of_the_attackers_own():
    """The whole token is sound, only nobody registered the key."""
    with pytest.raises(EvidenceRejected, match="expected a key that is registered here"):
        verified_there(cca_realm(which=1).collect(BINDING))


def test_attackers_platform_with_the_registered_key_sent_along():
    theirs = cca_realm(which=1).collect(BINDING)
    beside = theirs.model_copy(update={"endorsements": [cca_platform().public_key]})
    with pytest.raises(EvidenceRejected, match="signature of platform token"):
        verified_there(beside)


def test_both_keys_sent_along():
    theirs = cca_realm(which=1).collect(BINDING)
    keys = [cca_platform(1).public_key, cca_platform().public_key]
    with pytest.raises(EvidenceRejected, match="endorsements is 2 of them"):
        verified_there(theirs.model_copy(update={"endorsements": keys}))


def test_root_certificate_of_another_platform_instead_of_a_key():
    """Its digest is an anchor of this room, but it is no key."""
    evidence = cca_realm().collect(BINDING)
    root = nitro_platform().root_certificate
    with pytest.raises(EvidenceRejected, match="key of platform token is unreadable"):
        verified_there(evidence.model_copy(update={"endorsements": [root]}))


def test_registered_platform_that_calls_itself_another():
    """A registered key signs an instance id that is registered with another key."""
    realm = cca_realm()
    theirs = cca_platform(1)
    claims = realm.platform_claims() | {256: theirs.instance_id}
    found = verified_there(realm.signed(claims, realm.realm_claims(BINDING)))
    (mine,) = cca_policy().to_plain()["platforms"]
    other = mine | {
        "public_key": theirs.root_fingerprint,
        "instance_id": theirs.instance_id.hex(),
    }
    roots = [cca_platform().root_fingerprint, theirs.root_fingerprint]
    policy = cca_policy(platforms=[mine, other], development_roots=roots)
    with pytest.raises(AppraisalFailed, match="expected registered with the key that signed"):
        appraise(found, {"entry": policy}, genesis=GENESIS, now=NOW)


def test_token_replayed_into_another_session():
    stale = cca_realm().collect(bind("cleanroom/join/v1", b"yesterday's nonce"))
    with pytest.raises(BindingMismatch, match="report data is"):
        verified_there(stale)


def test_realm_of_another_room():
    """The same image on the same platform, launched for somebody else's first manifest."""
    theirs = cca_platform().attester(MEASUREMENT, b"\x66" * 32).collect(BINDING)
    with pytest.raises(AppraisalFailed, match="personalization value is 6666"):
        appraise(verified_there(theirs), {"entry": cca_policy()}, genesis=GENESIS, now=NOW)


def test_genesis_that_only_begins_the_personalization_value():
    longer = cca_platform().attester(MEASUREMENT, GENESIS + b"\x01").collect(BINDING)
    with pytest.raises(AppraisalFailed, match="personalization value"):
        appraise(verified_there(longer), {"entry": cca_policy()}, genesis=GENESIS, now=NOW)


def test_piece_of_firmware_left_out():
    realm = cca_realm()
    claims = realm.platform_claims()
    claims[2399] = claims[2399][:-1]
    found = verified_there(realm.signed(claims, realm.realm_claims(BINDING)))
    with pytest.raises(AppraisalFailed, match="pieces of firmware is BL2, BL31, expected"):
        appraise(found, {"entry": cca_policy()}, genesis=GENESIS, now=NOW)


def test_piece_of_firmware_listed_twice():
    """A good measurement beside a bad one of the same name does not excuse it."""
    realm = cca_realm()
    old = cca_realm("old-firmware").platform_claims()[2399][-1]
    claims = realm.platform_claims()
    claims[2399] = [*claims[2399], old]
    found = verified_there(realm.signed(claims, realm.realm_claims(BINDING)))
    with pytest.raises(AppraisalFailed, match="pieces of firmware"):
        appraise(found, {"entry": cca_policy()}, genesis=GENESIS, now=NOW)


def test_piece_of_firmware_of_another_signer():
    realm = cca_realm()
    claims = realm.platform_claims()
    claims[2399] = [claims[2399][0] | {5: bytes(32)}, *claims[2399][1:]]
    found = verified_there(realm.signed(claims, realm.realm_claims(BINDING)))
    with pytest.raises(AppraisalFailed, match="signer of BL2"):
        appraise(found, {"entry": cca_policy()}, genesis=GENESIS, now=NOW)


def test_platform_that_is_debugged():
    found = verified_there(cca_realm("debug").collect(BINDING))
    with pytest.raises(AppraisalFailed, match="lifecycle is non-rot-debug, expected secured"):
        appraise(found, {"entry": cca_policy()}, genesis=GENESIS, now=NOW)


def test_key_twice_in_a_token():
    realm = cca_realm()
    tokens = tokens_of(realm.collect(BINDING))
    body = cbor2.dumps(tokens)
    twice = bytes([body[0] + 1]) + body[1:] + cbor2.dumps(REALM) + cbor2.dumps(b"another")
    evidence = realm.collect(BINDING).model_copy(update={"report": COLLECTION_TAG + twice})
    with pytest.raises(EvidenceRejected, match="CCA token is malformed"):
        verified_there(evidence)


def test_claim_that_nobody_knows():
    realm = cca_realm()
    claims = realm.realm_claims(BINDING) | {44250: b"new"}
    with pytest.raises(EvidenceRejected, match="key 44250 is unknown here"):
        verified_there(realm.signed(realm.platform_claims(), claims))


def test_simulated_platform_in_production():
    with pytest.raises(EvidenceRejected, match="expected a key that is registered here"):
        verify(
            cca_realm().collect(BINDING),
            binding=BINDING,
            anchors=Anchors.vendor(),
            collateral=Collateral(),
            now=NOW,
        )


@pytest.mark.parametrize("platform", ["sev-snp", "tdx", "sgx", "nitro"])
def test_token_under_the_name_of_another_platform(platform):
    evidence = cca_realm().collect(BINDING)
    with pytest.raises(EvidenceRejected):
        verified_there(evidence.model_copy(update={"platform": platform}))
