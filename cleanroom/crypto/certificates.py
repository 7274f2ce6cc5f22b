"""Short-lived X.509 certificates: an authority, the leaves it issues, and keys' names.

P-256 throughout: gRPC's TLS cannot use Ed25519 certificates. A certificate here only carries a
key through TLS; trust in the authority's key comes from attestation, never from its name.
"""

import hashlib
from collections.abc import Sequence
from datetime import datetime, timedelta
from ipaddress import ip_address

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from cleanroom.errors import SignatureInvalid

BACKDATE = timedelta(minutes=5)
"""Certificates start this much earlier, so that small clock differences do no harm."""
COORDINATOR_NAME = "coordinator.cleanroom"
"""The server name every client asks for; addresses are untrusted and change."""

PrivateKey = ec.EllipticCurvePrivateKey


def new_private_key() -> PrivateKey:
    """A fresh P-256 key."""
    return ec.generate_private_key(ec.SECP256R1())


def private_key_pem(key: PrivateKey) -> bytes:
    """The key as unencrypted PKCS#8 PEM: for TLS libraries and sealed state only."""
    return key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )


def load_private_key(pem: bytes) -> PrivateKey:
    """Read back what `private_key_pem` wrote."""
    key = serialization.load_pem_private_key(pem, password=None)
    if not isinstance(key, ec.EllipticCurvePrivateKey):
        raise SignatureInvalid("the private key is not a P-256 key")
    return key


def certificate_pem(der: bytes) -> bytes:
    """A DER certificate as PEM."""
    return x509.load_der_x509_certificate(der).public_bytes(serialization.Encoding.PEM)


def spki_digest(der: bytes) -> bytes:
    """SHA-256 of the certificate's SubjectPublicKeyInfo, 32 bytes.

    Raises:
        SignatureInvalid: the bytes are no certificate of a P-256 key.
    """
    try:
        public = x509.load_der_x509_certificate(der).public_key()
    except ValueError:
        raise SignatureInvalid("the certificate is malformed") from None
    return hashlib.sha256(_spki(public)).digest()


def key_digest(key: PrivateKey) -> bytes:
    """SHA-256 of the key's SubjectPublicKeyInfo, 32 bytes: equal to `spki_digest` of its leaf."""
    return hashlib.sha256(_spki(key.public_key())).digest()


def new_authority(name: str, key: PrivateKey, now: datetime, lifetime: timedelta) -> bytes:
    """A self-signed authority certificate for `key`, DER.

    Args:
        name: common name, for people only.
        key: the authority's P-256 key.
        now: start of validity (less a small margin), aware.
        lifetime: how long it is valid.
    """
    subject = _common_name(name)
    return _build(subject, subject, key.public_key(), now, lifetime, authority=True, key=key)


def issue(
    authority: bytes,
    authority_key: PrivateKey,
    request: bytes,
    addresses: Sequence[str],
    *,
    now: datetime,
    lifetime: timedelta,
) -> bytes:
    """Issue a leaf for the key in a certificate request, DER.

    Only the request's key is taken; its name and extensions are ignored.

    Args:
        authority: the authority's certificate, DER.
        authority_key: its key.
        request: a PKCS#10 request, DER, signed by the leaf's key.
        addresses: the DNS names and IP addresses the leaf is for.
        now: start of validity, aware.
        lifetime: how long it is valid.

    Raises:
        SignatureInvalid: the request is malformed or not signed by its own key.
    """
    try:
        parsed = x509.load_der_x509_csr(request)
        valid, public = parsed.is_signature_valid, parsed.public_key()
    except ValueError:
        raise SignatureInvalid("the certificate request is malformed") from None
    if not valid or not isinstance(public, ec.EllipticCurvePublicKey):
        raise SignatureInvalid("the certificate request is not signed by its own P-256 key")
    issuer = x509.load_der_x509_certificate(authority).subject
    subject = _common_name(addresses[0])
    return _build(
        issuer, subject, public, now, lifetime, authority=False, key=authority_key, names=addresses
    )


def certificate_request(key: PrivateKey) -> bytes:
    """A PKCS#10 request for `key`, DER; it asks for no name."""
    builder = x509.CertificateSigningRequestBuilder().subject_name(x509.Name([]))
    return builder.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.DER)


def verify_issued(leaf: bytes, authority: bytes) -> bytes:
    """Return `leaf` once it is signed by the authority's key.

    Raises:
        SignatureInvalid: another authority issued it, or it is malformed.
    """
    try:
        parsed = x509.load_der_x509_certificate(leaf)
        parsed.verify_directly_issued_by(x509.load_der_x509_certificate(authority))
    except (ValueError, TypeError, InvalidSignature):
        raise SignatureInvalid("the certificate was not issued by the expected authority") from None
    return leaf


def _build(  # noqa: PLR0913 - the fields of a certificate
    issuer: x509.Name,
    subject: x509.Name,
    public: ec.EllipticCurvePublicKey,
    now: datetime,
    lifetime: timedelta,
    *,
    authority: bool,
    key: PrivateKey,
    names: Sequence[str] = (),
) -> bytes:
    builder = (
        x509.CertificateBuilder()
        .issuer_name(issuer)
        .subject_name(subject)
        .public_key(public)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - BACKDATE)
        .not_valid_after(now + lifetime)
        .add_extension(
            x509.BasicConstraints(ca=authority, path_length=0 if authority else None), critical=True
        )
        .add_extension(_key_usage(authority=authority), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(public), critical=False)
    )
    if names:
        both = [ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH]
        builder = builder.add_extension(
            x509.SubjectAlternativeName([_general_name(name) for name in names]), critical=False
        ).add_extension(x509.ExtendedKeyUsage(both), critical=False)
    return builder.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.DER)


def _key_usage(*, authority: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not authority,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=authority,
        crl_sign=authority,
        encipher_only=False,
        decipher_only=False,
    )


def _general_name(name: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ip_address(name))
    except ValueError:
        return x509.DNSName(name)


def _common_name(name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])


def _spki(public: object) -> bytes:
    if not isinstance(public, ec.EllipticCurvePublicKey):
        raise SignatureInvalid("the certificate's key is not a P-256 key")
    return public.public_bytes(
        serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
    )
