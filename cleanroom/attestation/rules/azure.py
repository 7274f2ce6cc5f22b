"""Rules about a confidential guest on Azure; those of both kinds of entry end with them.

Codes start with the platform, which is what an entry is read by: `azure-tdx-fresh-report`.
"""

from collections.abc import Iterator

from cleanroom.attestation.claims import AzureSnpClaims, AzureTdxClaims
from cleanroom.attestation.policy import AzureSnpPolicy, AzureTdxPolicy
from cleanroom.attestation.result import Finding
from cleanroom.attestation.rules.boot import check_boot
from cleanroom.attestation.rules.comparing import any_or_one_of, bits_as_asked, finding

USER_DIGITS = 128
"""The paravisor's `user-data` is 64 bytes; the digest of the binding is followed by zeros."""
AzureClaims = AzureSnpClaims | AzureTdxClaims
AzurePolicy = AzureSnpPolicy | AzureTdxPolicy


def compare_guest(claims: AzureClaims, policy: AzurePolicy) -> list[Finding]:
    """Every finding about the guest above the paravisor, passed or not."""
    return [
        *check_guest(claims, policy),
        *check_fresh_report(claims, policy),
        *check_boot(claims.platform, claims.boot, policy.boot),
        *check_host_data(claims, policy),
    ]


def check_guest(claims: AzureClaims, policy: AzurePolicy) -> Iterator[Finding]:
    """What the paravisor says about its guest is as asked."""
    said, asked = claims.guest, policy.guest
    bits = {"secure_boot": said.secure_boot, "console": said.console}
    demands = {"secure_boot": asked.secure_boot, "console": asked.console}
    yield from bits_as_asked(f"{claims.platform}-guest", "guest", bits, demands)
    yield any_or_one_of(f"{claims.platform}-vm-id", "virtual machine", said.vm_id, asked.vm_ids)


def check_fresh_report(claims: AzureClaims, policy: AzurePolicy) -> Iterator[Finding]:
    """The processor's report was made for this conversation, not only the vTPM's quote."""
    found, expected = claims.guest.user_data, claims.report_data.ljust(USER_DIGITS, "0")
    any_report = policy.guest.fresh_report == "any"
    yield finding(
        f"{claims.platform}-fresh-report",
        "user data of the report",
        f"{found[:16]}…" if found else "none",
        "any" if any_report else f"{expected[:16]}…",
        passed=any_report or found == expected,
    )


def check_host_data(claims: AzureClaims, policy: AzurePolicy) -> Iterator[Finding]:
    """The entry asks for nothing that Azure does not carry."""
    yield finding(
        f"{claims.platform}-host-data", "host data", "none", policy.host_data, passed=True
    )
