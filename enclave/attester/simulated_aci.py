"""A make-believe Microsoft that endorses utility VMs, over a simulated processor."""

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Self

import cbor2
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.hazmat.primitives.hashes import SHA384
from cryptography.hazmat.primitives.serialization import Encoding

from cleanroom.attestation.binding import Binding
from cleanroom.attestation.evidence import Evidence
from cleanroom.attestation.formats.cose import SIGN1_TAG, signed_bytes
from cleanroom.attestation.formats.uvm import (
    ALGORITHM,
    CERTIFICATE_SUITE,
    CHAIN,
    CLAIMS,
    EPOCH,
    ISSUER,
    MEASUREMENT,
    PS384,
    SUBJECT,
    SVN,
    did_of,
)
from cleanroom.attestation.formats.x509 import read_certificate
from cleanroom.encoding import Digest, content_digest
from enclave.attester.certifying import authority_or_leaf, common_name, unsigned

FEED, USAGE = "Simulated-UVM", "1.3.6.1.4.1.311.76.59.1.2"
ROOT, SIGNER = "Simulated Supply Chain Root", "Simulated ContainerPlat"


@dataclass(frozen=True, slots=True)
class Endorsed:
    """What an endorsement says, and how long its signer's certificate lives."""

    measurement: str
    feed: str = FEED
    svn: int = 100
    usage: str = USAGE
    """The extended key usage that the issuer's name claims."""
    with_claims: bool = False
    """Whether issuer and feed stand in a CWT inside the header, as in newer endorsements."""
    signed_by_another: bool = False
    days: tuple[int, int] = (-1, 365)
    """From when to when the signer's certificate lives, in days from now."""


@dataclass(frozen=True, slots=True)
class SimulatedMicrosoft:
    """A root, and the key of a signer below it."""

    root_key: rsa.RSAPrivateKey = field(repr=False)
    signer_key: rsa.RSAPrivateKey = field(repr=False)
    root: bytes = field(repr=False)
    """The root certificate, DER."""
    now: datetime

    @classmethod
    def create(cls, now: datetime) -> Self:
        """Make both keys; takes a tenth of a second."""
        root_key, signer_key = (
            rsa.generate_private_key(public_exponent=65537, key_size=2048) for _ in range(2)
        )
        builder = _builder(ROOT, root_key.public_key(), now, (-2, 3650), authority=True)
        root = builder.sign(root_key, SHA384()).public_bytes(Encoding.DER)
        return cls(root_key, signer_key, root, now)

    @property
    def root_fingerprint(self) -> Digest:
        """What a manifest pins as one of its `development_roots`."""
        return content_digest(self.root)

    @property
    def issuer(self) -> str:
        """The did:x509 of a good endorsement."""
        return did_of(read_certificate(self.root, CERTIFICATE_SUITE), USAGE)

    def endorse(self, said: Endorsed) -> bytes:
        """An endorsement: COSE_Sign1 with PS384."""
        root = read_certificate(self.root, CERTIFICATE_SUITE)
        headers = {
            ALGORITHM: PS384,
            CHAIN: [self._signer(said), self.root],
            **_named(did_of(root, said.usage), said),
            "signingtime": cbor2.CBORTag(EPOCH, int(self.now.timestamp())),
        }
        protected = cbor2.dumps(headers)
        payload = json.dumps({SVN: str(said.svn), MEASUREMENT: said.measurement}).encode()
        key = self.root_key if said.signed_by_another else self.signer_key
        pss = padding.PSS(padding.MGF1(SHA384()), SHA384.digest_size)
        signature = key.sign(signed_bytes(protected, payload), pss, SHA384())
        return SIGN1_TAG + cbor2.dumps([protected, {}, payload, signature])

    def collect(
        self, processor: Callable[[Binding], Evidence], binding: Binding, said: Endorsed
    ) -> Evidence:
        """Fresh evidence of platform `azure-aci`."""
        below = processor(binding)
        endorsements = [*below.endorsements, self.endorse(said)]
        return below.model_copy(update={"platform": "azure-aci", "endorsements": endorsements})

    def _signer(self, said: Endorsed) -> bytes:
        key = self.signer_key.public_key()
        usage = x509.ExtendedKeyUsage([x509.ObjectIdentifier(USAGE)])
        builder = _builder(SIGNER, key, self.now, said.days, authority=False)
        signed = builder.add_extension(usage, critical=False).sign(self.root_key, SHA384())
        return signed.public_bytes(Encoding.DER)


def _named(issuer: str, said: Endorsed) -> dict[int | str, object]:
    if said.with_claims:
        return {CLAIMS: {ISSUER: issuer, SUBJECT: said.feed, "svn": said.svn}}
    return {"iss": issuer, "feed": said.feed}


def _builder(
    subject: str,
    key: rsa.RSAPublicKey,
    now: datetime,
    days: tuple[int, int],
    *,
    authority: bool,
) -> x509.CertificateBuilder:
    start = now.replace(microsecond=0)
    valid = (start + timedelta(days=days[0]), start + timedelta(days=days[1]))
    constraints = x509.BasicConstraints(ca=authority, path_length=None)
    return (
        unsigned(common_name(subject), common_name(ROOT), key, valid)
        .add_extension(authority_or_leaf(authority=authority), critical=True)
        .add_extension(constraints, critical=True)
    )
