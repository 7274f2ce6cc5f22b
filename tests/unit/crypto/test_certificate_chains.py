"""Certificates: an authority, its leaves, and who may not be one."""

from datetime import timedelta
from ipaddress import ip_address

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from cleanroom.crypto.certificates import (
    BACKDATE,
    certificate_pem,
    certificate_request,
    issue,
    key_digest,
    load_private_key,
    new_authority,
    new_private_key,
    private_key_pem,
    spki_digest,
    verify_issued,
)
from cleanroom.errors import SignatureInvalid
from tests.support.manifests import NOW

HOUR = timedelta(hours=1)
ROOT_KEY = new_private_key()
ROOT = new_authority("a room", ROOT_KEY, NOW, HOUR)


def leaf(request, names=("10.0.0.1", "localhost")):
    return issue(ROOT, ROOT_KEY, request, list(names), now=NOW, lifetime=HOUR)


def test_a_leaf_is_of_its_authority_and_key():
    key = new_private_key()
    issued = leaf(certificate_request(key))
    assert verify_issued(issued, ROOT) == issued
    assert spki_digest(issued) == key_digest(key)


def test_a_leaf_names_addresses_and_hosts():
    parsed = x509.load_der_x509_certificate(leaf(certificate_request(new_private_key())))
    names = parsed.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert names.get_values_for_type(x509.IPAddress) == [ip_address("10.0.0.1")]
    assert names.get_values_for_type(x509.DNSName) == ["localhost"]


def test_a_leaf_is_valid_for_its_lifetime_only_and_is_no_authority():
    parsed = x509.load_der_x509_certificate(leaf(certificate_request(new_private_key())))
    assert parsed.not_valid_before_utc == NOW - BACKDATE
    assert parsed.not_valid_after_utc == NOW + HOUR
    rules = parsed.extensions.get_extension_for_class(x509.BasicConstraints)
    assert rules.critical
    assert not rules.value.ca


def test_a_leaf_of_another_authority_is_refused():
    other_key = new_private_key()
    other = new_authority("a room", other_key, NOW, HOUR)
    with pytest.raises(SignatureInvalid, match="not issued by the expected authority"):
        verify_issued(leaf(certificate_request(new_private_key())), other)


def test_a_request_is_taken_for_its_key_only():
    """What a request asks for in names and extensions is ignored."""
    key = new_private_key()
    wishful = (
        x509.CertificateSigningRequestBuilder()
        .subject_name(x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "root")]))
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
        .public_bytes(serialization.Encoding.DER)
    )
    parsed = x509.load_der_x509_certificate(leaf(wishful))
    assert not parsed.extensions.get_extension_for_class(x509.BasicConstraints).value.ca
    assert "root" not in parsed.subject.rfc4514_string()


def test_a_request_signed_by_another_key_is_refused():
    raw = bytearray(certificate_request(new_private_key()))
    raw[-1] ^= 1
    with pytest.raises(SignatureInvalid):
        leaf(bytes(raw))


@pytest.mark.parametrize("raw", [b"", b"not DER", bytes(100)])
def test_a_malformed_request_is_refused(raw):
    with pytest.raises(SignatureInvalid, match="malformed"):
        leaf(raw)


def test_a_request_for_another_kind_of_key_is_refused():
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    request = (
        x509.CertificateSigningRequestBuilder()
        .subject_name(x509.Name([]))
        .sign(key, hashes.SHA256())
        .public_bytes(serialization.Encoding.DER)
    )
    with pytest.raises(SignatureInvalid, match="P-256"):
        leaf(request)


def test_a_key_survives_its_pem():
    key = new_private_key()
    assert key_digest(load_private_key(private_key_pem(key))) == key_digest(key)


def test_a_private_key_of_another_kind_is_refused():
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    pem = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    with pytest.raises(SignatureInvalid, match="P-256"):
        load_private_key(pem)


def test_pem_is_the_same_certificate():
    parsed = x509.load_pem_x509_certificate(certificate_pem(ROOT))
    assert parsed.public_bytes(serialization.Encoding.DER) == ROOT
