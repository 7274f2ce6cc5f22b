"""A make-believe Google that certifies the keys of vTPMs, with a root of its own."""

from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Self

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.asymmetric.types import CertificatePublicKeyTypes
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding

from cleanroom.attestation.binding import Binding
from cleanroom.attestation.evidence import Evidence
from cleanroom.attestation.formats import der
from cleanroom.attestation.formats.gce_instance import INSTANCE, Instance
from cleanroom.encoding import Digest, content_digest
from enclave.attester.certifying import authority_or_leaf, common_name, unsigned
from enclave.attester.simulated_tpm import SimulatedTpm
from enclave.attester.writing_der import element, integer, sequence

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
        builder = _builder(subject, AUTHORITY, key, self.now, authority=False)
        if instance:
            named = x509.UnrecognizedExtension(
                x509.ObjectIdentifier(INSTANCE), instance_extension(instance)
            )
            builder = builder.add_extension(named, critical=False)
        return builder.sign(self.authority_key, SHA256()).public_bytes(Encoding.DER)

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
    valid = (begin, begin + timedelta(days=366))
    constraints = x509.BasicConstraints(ca=authority, path_length=None)
    return (
        unsigned(common_name(subject), common_name(issuer), key, valid)
        .add_extension(authority_or_leaf(authority=authority), critical=True)
        .add_extension(constraints, critical=True)
    )


def instance_extension(instance: Instance) -> bytes:
    """The extension that names an instance, DER."""
    fields = [
        element(der.UTF8_STRING, instance.zone.encode()),
        integer(instance.project_number),
        element(der.UTF8_STRING, instance.project.encode()),
        integer(instance.number),
        element(der.UTF8_STRING, instance.name.encode()),
    ]
    if instance.production:
        level, production = element(0xA0, integer(0)), element(0xA1, element(der.BOOLEAN, b"\xff"))
        fields.append(element(0xA0, sequence(level, production)))
    return sequence(*fields)
