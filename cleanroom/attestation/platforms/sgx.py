"""An SGX enclave presents a quote and Intel's collateral, nothing around them."""

from datetime import datetime

from cleanroom.attestation.anchors import Anchors
from cleanroom.attestation.claims import SgxClaims
from cleanroom.attestation.collateral import Collateral
from cleanroom.attestation.evidence import Evidence
from cleanroom.attestation.formats.bits import set_bits
from cleanroom.attestation.silicon import dcap
from cleanroom.attestation.silicon.dcap import AuthenticQuote
from cleanroom.attestation.silicon.intel_endorsements import choose_collateral

ENCLAVE_ATTRIBUTES = {
    "debug": 1,
    "provision_key": 4,
    "einittoken_key": 5,
    "cet": 6,
    "kss": 7,
    "aex_notify": 10,
}
"""ATTRIBUTES (Intel SDM volume 3D, §35.7.1); bit 0 is always set, bit 2 is 64-bit mode."""


def authenticate(
    evidence: Evidence, *, anchors: Anchors, collateral: Collateral, now: datetime
) -> SgxClaims:
    """The claims in `evidence`, once Intel's chain vouches for them.

    Raises:
        EvidenceRejected: the first step of `silicon.dcap` that does not hold.
    """
    chosen = choose_collateral(collateral, evidence.endorsements, now)
    authentic = dcap.authenticate(
        evidence.report, "sgx", anchors=anchors, collateral=chosen, now=now
    )
    return _claims(authentic, evidence, anchors, now)


def _claims(
    authentic: AuthenticQuote, evidence: Evidence, anchors: Anchors, now: datetime
) -> SgxClaims:
    octets, numbers = authentic.quote.body.octets, authentic.quote.body.numbers
    attributes = int.from_bytes(octets["attributes"][:8], "little")
    return SgxClaims(
        platform="sgx",
        assurance=anchors.assurance,
        anchor=authentic.root.fingerprint,
        evidence=evidence.digest,
        verified_at=now.replace(microsecond=0),
        report_data=octets["report_data"].hex(),
        host=dcap.host_of(authentic),
        measurement=octets["mr_enclave"].hex(),
        signer=octets["mr_signer"].hex(),
        isv_prod_id=numbers["isv_prod_id"],
        isv_svn=numbers["isv_svn"],
        host_data=octets["config_id"].hex(),
        attributes=set_bits(attributes, ENCLAVE_ATTRIBUTES),
        attributes_raw=octets["attributes"].hex(),
        misc_select=numbers["misc_select"],
    )
