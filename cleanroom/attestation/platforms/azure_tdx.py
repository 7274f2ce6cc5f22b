"""A guest on Azure over TDX presents its paravisor's report, a quote of it, and its vTPM's quote.

1. read the parts and the paravisor's report, over TDX;
2. the quote of the processor's report is authentic, see `silicon.dcap`; the report itself, which
   only the processor could check, is not read;
3. the paravisor's words and the vTPM's quote, see `silicon.paravisor`.
"""

from datetime import datetime

from cleanroom.attestation.anchors import Anchors
from cleanroom.attestation.claims import AzureTdxClaims
from cleanroom.attestation.collateral import Collateral
from cleanroom.attestation.evidence import Evidence
from cleanroom.attestation.formats.bits import set_bits, unnamed_bits
from cleanroom.attestation.formats.quote import TD_ATTRIBUTES
from cleanroom.attestation.formats.tpm_parts import AzureParts, read_parts
from cleanroom.attestation.rejection import rejected
from cleanroom.attestation.silicon import dcap, paravisor
from cleanroom.attestation.silicon.boot_claims import boot_claims
from cleanroom.attestation.silicon.intel_endorsements import choose_collateral
from cleanroom.attestation.silicon.paravisor import guest_claims


def authenticate(
    evidence: Evidence, *, anchors: Anchors, collateral: Collateral, now: datetime
) -> AzureTdxClaims:
    """The claims in `evidence`, once Intel's chain vouches for them.

    Raises:
        EvidenceRejected: the first step that does not hold.
    """
    # 1
    parts = read_parts(AzureParts, evidence.report)
    if parts.td_quote is None:
        raise rejected("azure-tdx evidence", found="without a TD quote", expected="one")
    hcl = paravisor.read_report(parts.hcl_report, "tdx")
    # 2
    chosen = choose_collateral(collateral, evidence.endorsements, now)
    authentic = dcap.authenticate(
        parts.td_quote, "tdx", anchors=anchors, collateral=chosen, now=now
    )
    # 3
    octets, numbers = authentic.quote.body.octets, authentic.quote.body.numbers
    guest = paravisor.authenticate(hcl, octets["report_data"], parts.quotation, evidence.event_log)
    return AzureTdxClaims(
        platform="azure-tdx",
        assurance=anchors.assurance,
        anchor=authentic.root.fingerprint,
        evidence=evidence.digest,
        verified_at=now.replace(microsecond=0),
        report_data=guest.quote.quoted.extra_data.hex(),
        host=dcap.host_of(authentic),
        measurement=octets["mr_td"].hex(),
        td_attributes=set_bits(numbers["td_attributes"], TD_ATTRIBUTES),
        td_attributes_word=hex(numbers["td_attributes"]),
        td_attributes_unknown=unnamed_bits(numbers["td_attributes"], TD_ATTRIBUTES),
        mr_seam=octets["mr_seam"].hex(),
        guest=guest_claims(guest),
        boot=boot_claims(guest.quote),
    )
