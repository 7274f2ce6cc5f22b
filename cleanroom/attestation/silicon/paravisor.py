"""Is this guest on Azure the one that the processor vouches for? The steps above its report.

A processor's report says which paravisor runs in the guest's most privileged level, and carries a
digest of that paravisor's words. The words name the key of the vTPM, which quotes what booted:

1. read the paravisor's report, with the kind of processor's report that the platform is of;
2. the processor's report (by `silicon.sev_snp` or `silicon.dcap`, before this module is asked);
3. its report data is SHA-256 of the paravisor's words, then zeros;
4. the vTPM's quote under the key in those words (`silicon.tpm`).

That the measurement is of Microsoft's paravisor is appraised, not assumed.
"""

import hashlib
import hmac
from dataclasses import dataclass

from cleanroom.attestation.claims.azure import AzureGuest
from cleanroom.attestation.formats.hcl import Below, HclReport, read_hcl_report
from cleanroom.attestation.formats.tpm_parts import Quotation
from cleanroom.attestation.rejection import rejected
from cleanroom.attestation.silicon import tpm
from cleanroom.attestation.silicon.tpm import AuthenticQuote

REPORT_DATA_SIZE = 64


@dataclass(frozen=True, slots=True)
class AuthenticGuest:
    """What the paravisor says and its vTPM quotes; the binding is not compared yet."""

    hcl: HclReport
    quote: AuthenticQuote


def read_report(raw: bytes, below: Below) -> HclReport:
    """Step 1: the paravisor's report over this kind of processor.

    Raises:
        EvidenceRejected: malformed, or over another processor.
    """
    hcl = read_hcl_report(raw)
    if hcl.below != below:
        raise rejected("paravisor report", found=f"of {hcl.below}", expected=f"of {below}")
    return hcl


def authenticate(
    hcl: HclReport, report_data: bytes, quotation: Quotation, event_log: bytes | None
) -> AuthenticGuest:
    """The guest, once steps 3 and 4 hold.

    Args:
        hcl: from step 1.
        report_data: of the processor's report after step 2; 64 bytes.
        quotation: of the vTPM.
        event_log: what was measured, where it came along.

    Raises:
        EvidenceRejected: the words are not those that the processor signed, or the quote is of
            another key or does not hold.
    """
    # 3
    require_said(hcl.said, report_data)
    # 4
    quote = tpm.authenticate(quotation, hcl.words.attestation_key, event_log)
    return AuthenticGuest(hcl, quote)


def require_said(said: bytes, report_data: bytes) -> None:
    """Step 3: the processor signed these words.

    Raises:
        EvidenceRejected: its report data is not their digest, followed by zeros.
    """
    expected = hashlib.sha256(said).digest().ljust(REPORT_DATA_SIZE, b"\0")
    if not hmac.compare_digest(report_data, expected):
        raise rejected(
            "the processor's report data",
            found=report_data.hex()[:16] + "…",
            expected=f"{expected.hex()[:16]}…, the digest of the paravisor's words",
            cause="the paravisor's words were altered, or are another guest's",
        )


def guest_claims(guest: AuthenticGuest) -> AzureGuest:
    """What the paravisor says, as claims."""
    words = guest.hcl.words
    return AzureGuest(
        vm_id=words.vm_id,
        secure_boot=words.secure_boot,
        console=words.console,
        user_data=words.user_data.hex(),
    )
