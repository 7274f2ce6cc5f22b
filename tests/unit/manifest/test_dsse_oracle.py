"""Our DSSE envelopes against securesystemslib: what one signs, the other verifies."""

import base64

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from securesystemslib.dsse import Envelope as OracleEnvelope
from securesystemslib.exceptions import VerificationError
from securesystemslib.signer import CryptoSigner, SSlibKey

from cleanroom.crypto.envelope import Envelope, pre_authentication_encoding, sign
from cleanroom.manifest.approval import PAYLOAD_TYPE, open_approval
from tests.support.manifests import approvals, good_manifest, signer


def _oracle_key(party: str) -> SSlibKey:
    key = CryptoSigner.generate_ed25519().public_key
    public = {**key.keyval, "public": bytes(signer(party).public_key).hex()}
    return SSlibKey(f"{party}-approve", key.keytype, key.scheme, public)


def _as_oracle(envelope: Envelope) -> OracleEnvelope:
    # NOTE: from_dict changes its argument, so it gets a copy of its own.
    return OracleEnvelope.from_dict(envelope.to_plain())


def test_oracle_verifies_our_approval():
    (ours,) = approvals(good_manifest(), "bank")
    verified = _as_oracle(ours).verify([_oracle_key("bank")], 1)
    assert list(verified) == ["bank-approve"]


def test_oracle_refuses_our_approval_under_another_key():
    (ours,) = approvals(good_manifest(), "bank")
    with pytest.raises(VerificationError):
        _as_oracle(ours).verify([_oracle_key("shop")], 1)


def test_oracle_refuses_our_approval_with_another_payload():
    (ours,) = approvals(good_manifest(), "bank")
    altered = ours.model_copy(update={"payload": ours.payload + b" "})
    with pytest.raises(VerificationError):
        _as_oracle(altered).verify([_oracle_key("bank")], 1)


def test_we_verify_what_the_oracle_wraps():
    manifest = good_manifest()
    (ours,) = approvals(manifest, "shop")
    oracle = _as_oracle(ours).to_dict()
    assert open_approval(manifest, Envelope.from_plain(oracle)) == open_approval(manifest, ours)


@settings(max_examples=60)
@given(payload=st.binary(max_size=64), kind=st.text(min_size=1, max_size=24).filter(str.isascii))
def test_encodings_are_equal(payload, kind):
    oracle = OracleEnvelope(payload, kind, {})
    assert pre_authentication_encoding(kind, payload) == oracle.pae()


def test_lengths_count_bytes_where_libraries_count_characters():
    # The specification says bytes; a type outside of ASCII shows the difference.
    kind = "application/vnd.größe+json"
    encoded = pre_authentication_encoding(kind, b"")
    assert encoded.startswith(b"DSSEv1 %d " % len(kind.encode()))


def test_signature_is_deterministic():
    first, second = (sign(PAYLOAD_TYPE, b"x", signer("bank")) for _ in range(2))
    assert first == second
    assert len(base64.b64decode(first.to_plain()["signatures"][0]["sig"])) == 64
