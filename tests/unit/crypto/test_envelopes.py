"""DSSE envelopes: ours open with another implementation, and no altered one opens."""

import pytest
from securesystemslib.dsse import Envelope as OtherEnvelope
from securesystemslib.signer import CryptoSigner, SSlibKey

from cleanroom.crypto.envelope import (
    Envelope,
    Signature,
    open_envelope,
    pre_authentication_encoding,
    sign,
)
from cleanroom.crypto.signing import Ed25519Signer, VerifyKey, verify_signature
from cleanroom.errors import SignatureInvalid

KIND = "application/vnd.cleanroom.test+json"
SIGNER = Ed25519Signer("bank-approve", bytes(range(32)))
KEYS = {SIGNER.kid: SIGNER.public_key}
PAYLOAD = '{"what":"naïve"}'.encode()


def other_key():
    """Our public key in the other implementation's words."""
    return SSlibKey("bank-approve", "ed25519", "ed25519", {"public": SIGNER.public_key.hex()})


def test_the_encoding_is_the_protocols_own_example():
    encoded = pre_authentication_encoding("http://example.com/HelloWorld", b"hello world")
    assert encoded == b"DSSEv1 29 http://example.com/HelloWorld 11 hello world"


def test_lengths_count_bytes_and_not_characters():
    assert b" 17 " in pre_authentication_encoding(KIND, PAYLOAD)


@pytest.mark.parametrize("payload", [b"", b"x", PAYLOAD, bytes(range(256))])
def test_the_other_implementation_opens_ours(payload):
    ours = sign(KIND, payload, SIGNER)
    theirs = OtherEnvelope.from_dict(dict(ours.to_plain()))
    assert theirs.pae() == pre_authentication_encoding(KIND, payload)
    assert set(theirs.verify([other_key()], threshold=1)) == {"bank-approve"}


def test_ours_opens_what_the_other_implementation_signed():
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    private = Ed25519PrivateKey.from_private_bytes(SIGNER.private_bytes())
    theirs = OtherEnvelope(PAYLOAD, KIND, {})
    theirs.sign(CryptoSigner(private, other_key()))
    ours = Envelope.from_plain(theirs.to_dict())
    assert open_envelope(ours, KIND, KEYS) == (PAYLOAD, "bank-approve")


def test_an_envelope_tells_its_signer():
    assert open_envelope(sign(KIND, PAYLOAD, SIGNER), KIND, KEYS) == (PAYLOAD, "bank-approve")


def test_another_type_is_refused():
    with pytest.raises(SignatureInvalid, match="payload type"):
        open_envelope(sign(KIND, PAYLOAD, SIGNER), "application/other", KEYS)


def test_a_relabelled_type_does_not_verify():
    signed = sign(KIND, PAYLOAD, SIGNER).model_copy(update={"payload_type": "application/other"})
    with pytest.raises(SignatureInvalid, match="does not verify"):
        open_envelope(signed, "application/other", KEYS)


def test_an_altered_payload_does_not_verify():
    signed = sign(KIND, PAYLOAD, SIGNER).model_copy(update={"payload": PAYLOAD + b" "})
    with pytest.raises(SignatureInvalid, match="does not verify"):
        open_envelope(signed, KIND, KEYS)


def test_a_signer_who_may_not_sign_is_refused():
    stranger = Ed25519Signer.generate("shop-approve")
    with pytest.raises(SignatureInvalid, match="'shop-approve' may not sign"):
        open_envelope(sign(KIND, PAYLOAD, stranger), KIND, KEYS)


def test_a_key_name_alone_proves_nothing():
    impostor = Ed25519Signer.generate("bank-approve")
    with pytest.raises(SignatureInvalid, match="does not verify"):
        open_envelope(sign(KIND, PAYLOAD, impostor), KIND, KEYS)


def test_two_signatures_are_not_one():
    signed = sign(KIND, PAYLOAD, SIGNER)
    doubled = signed.model_copy(update={"signatures": signed.signatures * 2})
    with pytest.raises(SignatureInvalid, match="has 2 signatures"):
        open_envelope(doubled, KIND, KEYS)


def test_an_envelope_without_signature_is_malformed():
    with pytest.raises(ValueError, match="signatures"):
        Envelope(payload=PAYLOAD, payload_type=KIND, signatures=[])


@pytest.mark.parametrize("sig", [b"", bytes(64), bytes(63)])
def test_a_signature_of_nothing_does_not_verify(sig):
    signed = sign(KIND, PAYLOAD, SIGNER)
    bent = signed.model_copy(update={"signatures": [Signature(keyid=SIGNER.kid, sig=sig)]})
    with pytest.raises(SignatureInvalid, match="does not verify"):
        open_envelope(bent, KIND, KEYS)


@pytest.mark.parametrize("length", [0, 31, 33])
def test_a_key_of_another_length_is_refused(length):
    with pytest.raises(SignatureInvalid):
        verify_signature(VerifyKey(bytes(length)), bytes(64), b"content", of="a test")


def test_a_signer_does_not_show_its_key():
    assert SIGNER.private_bytes().hex() not in repr(SIGNER)
    assert repr(SIGNER) == "Ed25519Signer('bank-approve')"
