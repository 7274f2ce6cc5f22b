"""An instance on Google Cloud presents its vTPM's quote and Google's certificate of the key.

1. read the parts; the key strictly, and the certificates: one root among the anchors, one authority
   below it, one certificate of the very key that signed;
2. the chain: names, authority, validity at `now`, signatures;
3. the instance that the certificate names;
4. the quote under the certified key, see `silicon.tpm`.

A check that is deliberately not made: revocation lists, for Google's say nothing about instances.
"""

from collections.abc import Iterable
from datetime import datetime

from cleanroom.attestation.anchors import Anchors
from cleanroom.attestation.claims import GcpVtpmClaims
from cleanroom.attestation.collateral import Collateral
from cleanroom.attestation.evidence import Evidence
from cleanroom.attestation.formats.chain import require_chain
from cleanroom.attestation.formats.gce_instance import read_instance
from cleanroom.attestation.formats.signatures import Suite
from cleanroom.attestation.formats.tpm_parts import TpmParts, read_parts
from cleanroom.attestation.formats.tpm_public import TpmKey, read_attestation_key
from cleanroom.attestation.formats.x509 import Certificate, pem_certificates, read_certificate
from cleanroom.attestation.rejection import only
from cleanroom.attestation.silicon import tpm
from cleanroom.attestation.silicon.boot_claims import boot_claims

GOOGLE_SUITE: Suite = "rsa-pkcs1-sha256"
"""How every certificate of Google's EK/AK hierarchy is signed."""
PEM_START = b"-----BEGIN"
CHAIN_MISSING = "send the key's certificate, its issuer's and Google's EK/AK CA Root"


def authenticate(
    evidence: Evidence,
    *,
    anchors: Anchors,
    collateral: Collateral,  # noqa: ARG001 - Google says nothing that is applied here
    now: datetime,
) -> GcpVtpmClaims:
    """The claims in `evidence`, once Google's chain vouches for them.

    Raises:
        EvidenceRejected: the first step that does not hold.
    """
    # 1
    parts = read_parts(TpmParts, evidence.report)
    key = read_attestation_key(parts.key)
    chain = choose_chain(key, _certificates(evidence.endorsements), anchors)
    # 2
    leaf = require_chain(chain, now)
    # 3
    instance = read_instance(leaf)
    # 4
    quote = tpm.authenticate(parts.quotation, leaf.public_key, evidence.event_log)
    return GcpVtpmClaims(
        platform="gcp-vtpm",
        assurance=anchors.assurance,
        anchor=chain[0].fingerprint,
        evidence=evidence.digest,
        verified_at=now.replace(microsecond=0),
        boot=boot_claims(quote),
        report_data=quote.quoted.extra_data.hex(),
        project=instance.project,
        project_number=str(instance.project_number),
        zone=instance.zone,
        instance=str(instance.number),
        instance_name=instance.name,
        production=instance.production,
    )


def _certificates(endorsements: Iterable[bytes]) -> tuple[Certificate, ...]:
    encoded: dict[bytes, None] = {}
    for endorsement in endorsements:
        plain = pem_certificates(endorsement) if endorsement.startswith(PEM_START) else None
        encoded.update(dict.fromkeys(plain or (endorsement,)))
    return tuple(read_certificate(certificate, GOOGLE_SUITE) for certificate in encoded)


def choose_chain(
    key: TpmKey, certificates: tuple[Certificate, ...], anchors: Anchors
) -> tuple[Certificate, Certificate, Certificate]:
    """Root, authority and leaf: the certificate of this key, and who vouches for it.

    Raises:
        EvidenceRejected: one is missing, or there are several.
    """
    leaf = only(
        [one for one in certificates if one.public_key == key.public_key],
        "the certificate of the vTPM's key",
        CHAIN_MISSING,
    )
    authority = only(
        [one for one in certificates if one.subject == leaf.issuer],
        f"the issuer of {leaf.common_name}",
        CHAIN_MISSING,
    )
    root = only(
        [
            one
            for one in certificates
            if one.subject == authority.issuer and one.fingerprint in anchors.roots_of("google")
        ],
        f"a root that is trusted here and issued {authority.common_name}",
        CHAIN_MISSING,
    )
    return root, authority, leaf
