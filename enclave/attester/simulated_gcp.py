"""A make-believe Google that certifies the keys of vTPMs, with a root of its own."""

from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Self

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.asymmetric.types import CertificatePublicKeyTypes
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID

from cleanroom.attestation.binding import Binding
from cleanroom.attestation.evidence import Evidence
from cleanroom.attestation.formats.gce_instance import INSTANCE, Instance
from cleanroom.encoding import Digest, content_digest
from enclave.attester.simulated_tpm import SimulatedTpm

ROOT, AUTHORITY = "Simulated EK/AK CA Root", "Simulated EK/AK CA Intermediate"
GOOD = Instance(
    zone="simulated-1a",
    project_number=51,
    project="simulated-project",
    number=5151,
    name="simulated",
    production=True,
)
"""An instance as a good certificate names it."""


@dataclass(frozen=True, slots=True)
class SimulatedGoogle:
    """A root and the authority below it."""

    root: bytes = field(repr=False)
    """The root certificate, DER."""
    authority: bytes = field(repr=False)
    """The authority's certificate, DER."""
    authority_key: rsa.RSAPrivateKey = field(repr=False)
    now: datetime
    """Certificates are valid from a day before."""

    @classmethod
    def create(cls, now: datetime) -> Self:
        """Make both keys; takes a tenth of a second."""
        root_key, key = (
            rsa.generate_private_key(public_exponent=65537, key_size=2048) for _ in range(2)
        )
        root = _builder(ROOT, ROOT, root_key.public_key(), now, authority=True)
        authority = _builder(AUTHORITY, ROOT, key.public_key(), now, authority=True)
        certificates = [one.sign(root_key, SHA256()) for one in (root, authority)]
        encoded = [certificate.public_bytes(Encoding.DER) for certificate in certificates]
        return cls(encoded[0], encoded[1], key, now)

    @property
    def root_fingerprint(self) -> Digest:
        """What a manifest pins as one of its `development_roots`."""
        return content_digest(self.root)

    def certify(self, key: CertificatePublicKeyTypes, instance: Instance | None = GOOD) -> bytes:
        """The certificate of a vTPM's key, DER; without an instance it names none."""
        subject = instance.name if instance else "unnamed"
        unsigned = _builder(subject, AUTHORITY, key, self.now, authority=False)
        if instance:
            named = x509.UnrecognizedExtension(
                x509.ObjectIdentifier(INSTANCE), instance_extension(instance)
            )
            unsigned = unsigned.add_extension(named, critical=False)
        return unsigned.sign(self.authority_key, SHA256()).public_bytes(Encoding.DER)

    def collect(self, tpm: SimulatedTpm, binding: Binding, **changed: object) -> Evidence:
        """Fresh evidence of platform `gcp-vtpm`, for an instance with some fields changed."""
        instance = replace(GOOD, **changed)  # type: ignore[arg-type]
        plain = tpm.collect(binding)
        leaf = self.certify(tpm.key.public_key(), instance)
        return plain.model_copy(
            update={"platform": "gcp-vtpm", "endorsements": [leaf, self.authority, self.root]}
        )


def _builder(
    subject: str, issuer: str, key: CertificatePublicKeyTypes, now: datetime, *, authority: bool
) -> x509.CertificateBuilder:
    begin = now.replace(microsecond=0) - timedelta(days=1)
    usage = x509.KeyUsage(
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
    return (
        x509.CertificateBuilder()
        .subject_name(_name(subject))
        .issuer_name(_name(issuer))
        .not_valid_before(begin)
        .not_valid_after(begin + timedelta(days=366))
        .serial_number(x509.random_serial_number())
        .public_key(key)
        .add_extension(usage, critical=True)
        .add_extension(x509.BasicConstraints(ca=authority, path_length=None), critical=True)
    )


def instance_extension(instance: Instance) -> bytes:
    """The extension that names an instance, DER."""
    fields = (
        _tlv(0x0C, instance.zone.encode())
        + _integer(instance.project_number)
        + _tlv(0x0C, instance.project.encode())
        + _integer(instance.number)
        + _tlv(0x0C, instance.name.encode())
    )
    if instance.production:
        properties = _tlv(0xA0, _integer(0)) + _tlv(0xA1, b"\x01\x01\xff")
        fields += _tlv(0xA0, _tlv(0x30, properties))
    return _tlv(0x30, fields)


def _integer(value: int) -> bytes:
    return _tlv(0x02, value.to_bytes(value.bit_length() // 8 + 1, "big"))


def _tlv(tag: int, content: bytes) -> bytes:
    head = bytes([tag, len(content)]) if len(content) < 0x80 else bytes([tag, 0x81, len(content)])
    return head + content


def _name(common_name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common_name)])
