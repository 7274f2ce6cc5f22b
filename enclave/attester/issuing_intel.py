"""Issues what Intel's provisioning service issues, under a development root.

Same names, same extensions, same signature suite and the same JSON, so that simulated evidence
exercises what real evidence needs. Sources as in `cleanroom.attestation.formats.pck` and
`intel_documents`.
"""

import json
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID

from cleanroom.attestation.collateral import SignedDocument
from cleanroom.attestation.formats import der, pck
from cleanroom.encoding import instant_text
from enclave.attester.certifying import Use, key_usage, unsigned
from enclave.attester.writing_der import element, integer, oid, sequence

ROOT_NAME = "Intel SGX Root CA (Simulated)"
AUTHORITY_NAME = "Intel SGX PCK Platform CA"
SIGNER_NAME = "Intel SGX TCB Signing"
PCK_NAME = "Intel SGX PCK Certificate"
AUTHORITY_USES: tuple[Use, ...] = ("key_cert_sign", "crl_sign")
LEAF_USES: tuple[Use, ...] = ("digital_signature", "content_commitment")


def issue(
    subject: str,
    key: ec.EllipticCurvePublicKey,
    issuer: str,
    issuer_key: ec.EllipticCurvePrivateKey,
    window: tuple[datetime, datetime],
    *,
    path_length: int | None = None,
    sgx: bytes = b"",
) -> bytes:
    """A certificate of Intel's hierarchy, DER.

    Args:
        subject: its common name.
        key: the certified key.
        issuer: the issuer's common name.
        issuer_key: signs.
        window: from when to when it is valid.
        path_length: how many authorities may follow; none for a leaf.
        sgx: the SGX extension of a PCK certificate.
    """
    authority = path_length is not None
    uses = AUTHORITY_USES if authority else LEAF_USES
    constraints = x509.BasicConstraints(ca=authority, path_length=path_length)
    certificate = (
        unsigned(name_of(subject), name_of(issuer), key, window)
        .add_extension(constraints, critical=True)
        .add_extension(key_usage(*uses), critical=True)
    )
    if sgx:
        extension = x509.UnrecognizedExtension(x509.ObjectIdentifier(pck.SGX), sgx)
        certificate = certificate.add_extension(extension, critical=False)
    return certificate.sign(issuer_key, SHA256()).public_bytes(Encoding.DER)


def issue_list(
    issuer: str,
    issuer_key: ec.EllipticCurvePrivateKey,
    window: tuple[datetime, datetime],
    serials: Sequence[int],
) -> bytes:
    """A revocation list, DER."""
    crl = (
        x509.CertificateRevocationListBuilder()
        .issuer_name(name_of(issuer))
        .last_update(window[0])
        .next_update(window[1])
    )
    for serial in serials:
        entry = x509.RevokedCertificateBuilder().serial_number(serial).revocation_date(window[0])
        crl = crl.add_revoked_certificate(entry.build())
    # As Intel's: a number that grows, and whose key signed.
    key = x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer_key.public_key())
    crl = crl.add_extension(x509.CRLNumber(1), critical=False)
    crl = crl.add_extension(key, critical=False)
    return crl.sign(issuer_key, SHA256()).public_bytes(Encoding.DER)


def sign_document(
    name: str,
    content: Mapping[str, object],
    key: ec.EllipticCurvePrivateKey,
    chain: bytes,
    window: tuple[datetime, datetime],
) -> SignedDocument:
    """A JSON document as Intel serves it.

    Args:
        name: `tcbInfo` or `enclaveIdentity`.
        content: what it says beside its dates.
        key: of the signing certificate.
        chain: PEM, that certificate first.
        window: its issue and the next update.
    """
    dates = {"issueDate": instant_text(window[0]), "nextUpdate": instant_text(window[1])}
    inner = json.dumps({**content, **dates}, separators=(",", ":"))
    signature = raw_signature(key, inner.encode()).hex()
    served = f'{{"{name}":{inner},"signature":"{signature}"}}'
    return SignedDocument(document=served.encode(), chain=chain)


def raw_signature(key: ec.EllipticCurvePrivateKey, content: bytes) -> bytes:
    """ECDSA P-256 with SHA-256 as r ‖ s, 64 bytes."""
    r, s = decode_dss_signature(key.sign(content, ec.ECDSA(SHA256())))
    return r.to_bytes(32, "big") + s.to_bytes(32, "big")


def sgx_extension(ppid: bytes, fmspc: bytes, level: int, pce_svn: int) -> bytes:
    """The SGX extension of a PCK certificate, DER.

    Args:
        ppid: the platform, 16 bytes.
        fmspc: its kind, 6 bytes.
        level: the security version of all 16 components.
        pce_svn: the security version of the provisioning enclave.
    """
    versions = [*[level] * pck.COMPONENTS, pce_svn]
    tcb = [
        _part(f"{pck.TCB}.{index}", integer(version)) for index, version in enumerate(versions, 1)
    ]
    tcb.append(_part(f"{pck.TCB}.18", element(der.OCTET_STRING, bytes([level] * pck.COMPONENTS))))
    flags = [
        _part(f"{pck.CONFIGURATION}.{index}", element(der.BOOLEAN, b"\xff" if on else b"\0"))
        for index, on in enumerate((False, False, True), 1)
    ]
    return sequence(
        _part(pck.PPID, element(der.OCTET_STRING, ppid)),
        _part(pck.TCB, sequence(*tcb)),
        _part(pck.PCE_ID, element(der.OCTET_STRING, b"\0\0")),
        _part(pck.FMSPC, element(der.OCTET_STRING, fmspc)),
        _part(pck.SGX_TYPE, element(der.ENUMERATED, b"\x01")),
        _part(pck.INSTANCE, element(der.OCTET_STRING, ppid[::-1])),
        _part(pck.CONFIGURATION, sequence(*flags)),
    )


def name_of(common_name: str) -> x509.Name:
    """A name in the form of Intel's, plainly marked as simulated."""
    return x509.Name(
        [
            x509.NameAttribute(NameOID.COMMON_NAME, common_name),
            x509.NameAttribute(NameOID.ORGANIZATION_NAME, "Simulated, not Intel"),
            x509.NameAttribute(NameOID.COUNTRY_NAME, "US"),
        ]
    )


def window_of(now: datetime, days: tuple[int, int]) -> tuple[datetime, datetime]:
    """A window of time around `now`, in days."""
    start = now.replace(microsecond=0)
    return start + timedelta(days=days[0]), start + timedelta(days=days[1])


def _part(dotted: str, value: bytes) -> bytes:
    return sequence(oid(dotted), value)
