"""A TPM that the parties registered: a quote, and the key that signed it.

1. read the parts, and the key strictly: one that signs nothing from outside and never left its TPM;
2. the key's name is an anchor: no vendor's chain says so, the parties do;
3. the quote under that key, see `silicon.tpm`.
"""

from datetime import datetime

from cleanroom.attestation.anchors import Anchors
from cleanroom.attestation.claims import TpmClaims
from cleanroom.attestation.collateral import Collateral
from cleanroom.attestation.evidence import Evidence
from cleanroom.attestation.formats.tpm_parts import TpmParts, read_parts
from cleanroom.attestation.formats.tpm_public import read_attestation_key
from cleanroom.attestation.rejection import rejected
from cleanroom.attestation.silicon import tpm
from cleanroom.attestation.silicon.boot_claims import boot_claims


def authenticate(
    evidence: Evidence,
    *,
    anchors: Anchors,
    collateral: Collateral,  # noqa: ARG001 - a TPM's maker says nothing that is applied here
    now: datetime,
) -> TpmClaims:
    """The claims in `evidence`, once a registered key vouches for them.

    Raises:
        EvidenceRejected: the first step that does not hold.
    """
    # 1
    if evidence.endorsements:
        raise rejected("tpm evidence", found="with endorsements", expected="none")
    parts = read_parts(TpmParts, evidence.report)
    key = read_attestation_key(parts.key)
    # 2
    if key.name not in anchors.registered_keys():
        raise rejected(
            "the TPM's attestation key",
            found=key.name,
            expected="a key that the parties registered",
            cause="list its name in the manifest, or attest with the key that is listed",
        )
    # 3
    quote = tpm.authenticate(parts.quotation, key.public_key, evidence.event_log)
    return TpmClaims(
        platform="tpm",
        assurance=anchors.assurance,
        anchor=key.name,
        evidence=evidence.digest,
        verified_at=now.replace(microsecond=0),
        boot=boot_claims(quote),
        report_data=quote.quoted.extra_data.hex(),
    )
