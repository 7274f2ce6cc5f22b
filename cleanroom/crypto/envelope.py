"""DSSE envelopes: a payload, its type, and who signed both.

Implements the DSSE protocol v1.0.2 (https://github.com/secure-systems-lab/dsse): signatures cover
the pre-authentication encoding, whose lengths count *bytes*. An envelope says nothing about what
its payload means; that is the business of the payload type's own module.
"""

from collections.abc import Mapping

from pydantic import Field

from cleanroom.crypto.signing import Signer, VerifyKey, verify_signature
from cleanroom.encoding import Bytes, Record
from cleanroom.errors import SignatureInvalid


class Signature(Record):
    """One signature over the envelope's pre-authentication encoding."""

    keyid: str = Field(min_length=1, max_length=128)
    """The signer's key name; a hint for looking the key up, never trusted by itself."""
    sig: Bytes
    """Ed25519 signature, 64 bytes."""


class Envelope(Record):
    """A DSSE envelope."""

    payload: Bytes
    """The exact bytes that were signed."""
    payload_type: str = Field(alias="payloadType", min_length=1, max_length=256)
    """What the payload is, a media type."""
    signatures: list[Signature] = Field(min_length=1, max_length=16)
    """At least one signature."""


def pre_authentication_encoding(payload_type: str, payload: bytes) -> bytes:
    """`DSSEv1 SP LEN(type) SP type SP LEN(body) SP body` (DSSE protocol, section PAE)."""
    name = payload_type.encode()
    return b"DSSEv1 %d %b %d %b" % (len(name), name, len(payload), payload)


def sign(payload_type: str, payload: bytes, signer: Signer) -> Envelope:
    """Wrap `payload` in an envelope with one signature by `signer`."""
    signature = signer.sign(pre_authentication_encoding(payload_type, payload))
    return Envelope(
        payload=payload,
        payload_type=payload_type,
        signatures=[Signature(keyid=signer.kid, sig=signature)],
    )


def open_envelope(
    envelope: Envelope, payload_type: str, keys: Mapping[str, VerifyKey]
) -> tuple[bytes, str]:
    """Return the payload and the key name under which its signature verifies.

    Exactly one signature is expected: each of our objects has one signer.

    Args:
        envelope: as received.
        payload_type: the only type that is accepted.
        keys: the keys that may have signed, by name.

    Raises:
        SignatureInvalid: the type differs, the signer is not in `keys`, or the signature fails.
    """
    if envelope.payload_type != payload_type:
        raise SignatureInvalid(
            f"the payload type is {envelope.payload_type!r}, expected {payload_type!r}"
        )
    if len(envelope.signatures) != 1:
        raise SignatureInvalid(
            f"the envelope has {len(envelope.signatures)} signatures, expected exactly 1"
        )
    signature = envelope.signatures[0]
    if signature.keyid not in keys:
        raise SignatureInvalid(
            f"the key {signature.keyid!r} may not sign {payload_type!r}, "
            f"expected one of {sorted(keys)}"
        )
    content = pre_authentication_encoding(payload_type, envelope.payload)
    verify_signature(keys[signature.keyid], signature.sig, content, of=payload_type)
    return envelope.payload, signature.keyid
