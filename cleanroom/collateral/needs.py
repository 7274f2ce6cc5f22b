"""What verifying some evidence needs from vendors, by what the evidence says about its machine.

Nothing is verified: evidence that lies makes us fetch the wrong thing, and is refused later.
"""

from cleanroom.attestation.evidence import Evidence
from cleanroom.attestation.formats.amd_certificates import (
    LEAVES,
    SPL_ORDER,
    product_name,
    read_endorsements,
)
from cleanroom.attestation.formats.cose import SIGN1_TAG
from cleanroom.attestation.formats.hcl import read_hcl_report
from cleanroom.attestation.formats.quote import read_quote
from cleanroom.attestation.formats.snp import read_report
from cleanroom.attestation.formats.tpm_parts import AzureParts, read_parts
from cleanroom.attestation.policy import Product
from cleanroom.collateral import amd, intel
from cleanroom.collateral.amd import AmdMachine
from cleanroom.collateral.intel import IntelMachine


def machines_of(
    evidence: Evidence, product: Product | None = None
) -> list[AmdMachine | IntelMachine]:
    """The machines that vendors are asked about; none where evidence carries all that it needs.

    Args:
        evidence: of any platform.
        product: the processor, where an old report of AMD's does not say.

    Raises:
        EvidenceRejected: the evidence cannot be read.
        Usage: nobody says what the product is.
    """
    match evidence.platform:
        case "sev-snp" | "azure-aci":
            named = product or _certified_product(evidence)
            return [amd.machine_of(read_report(evidence.report), named)]
        case "azure-snp":
            parts = read_parts(AzureParts, evidence.report)
            report = read_hcl_report(parts.hcl_report).report
            return [amd.machine_of(read_report(report), product or _certified_product(evidence))]
        case "tdx" | "sgx":
            return [intel.machine_of(read_quote(evidence.report))]
        case "azure-tdx":
            quote = read_parts(AzureParts, evidence.report).td_quote
            return [] if quote is None else [intel.machine_of(read_quote(quote))]
        case _:
            return []


def amd_endorsements(evidence: Evidence) -> list[bytes]:
    """What came along of AMD; container groups on Azure bring a document of Microsoft's too."""
    return [one for one in evidence.endorsements if not one.startswith(SIGN1_TAG)]


def _certified_product(evidence: Evidence) -> Product | None:
    """The product that a certificate of the evidence names, for reports that name none."""
    for certificate in read_endorsements(amd_endorsements(evidence)):
        if certificate.common_name in LEAVES.values():
            named = product_name(certificate)
            return next((one for one in SPL_ORDER if one == named), None)
    return None
