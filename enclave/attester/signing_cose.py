"""Signs COSE_Sign1 messages (RFC 9052 §4.2) as simulated machines do; the verifier reads them."""

import cbor2
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA384

from cleanroom.attestation.formats.cose import ALGORITHM, SIGN1_TAG, signed_bytes

ES384 = -35
HALF = 48
"""r and s of ECDSA P-384; in bytes."""


def sign1(payload: bytes, key: ec.EllipticCurvePrivateKey, *, tagged: bool) -> bytes:
    """A message that `key` (P-384) signs with ES384.

    Args:
        payload: what is signed.
        key: the signer's.
        tagged: whether tag 18 stands before the array.
    """
    protected = cbor2.dumps({ALGORITHM: ES384})
    encoded = key.sign(signed_bytes(protected, payload), ec.ECDSA(SHA384()))
    r, s = decode_dss_signature(encoded)
    signature = r.to_bytes(HALF, "big") + s.to_bytes(HALF, "big")
    message = cbor2.dumps([protected, {}, payload, signature])
    return SIGN1_TAG + message if tagged else message
