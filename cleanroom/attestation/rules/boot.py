"""Rules about a measured boot; those of every platform with a TPM end with them.

Codes start with the platform, which is what an entry is read by: `azure-snp-pcr`.
"""

from collections.abc import Iterator

from cleanroom.attestation.claims.boot import MeasuredBoot
from cleanroom.attestation.policy.boot import BootValues
from cleanroom.attestation.result import Finding
from cleanroom.attestation.rules.comparing import finding, one_of


def check_boot(platform: str, boot: MeasuredBoot, asked: BootValues) -> Iterator[Finding]:
    """The bank is the listed one, and each listed register holds one of its values."""
    yield one_of(f"{platform}-pcr-bank", "PCR bank", boot.bank, [asked.bank])
    for index, values in sorted(asked.pcrs.items(), key=lambda listed: int(listed[0])):
        code, check = f"{platform}-pcr", f"PCR {index}"
        if index in boot.pcrs:
            yield one_of(code, check, boot.pcrs[index], values)
        else:
            yield finding(code, check, "not quoted", "quoted", passed=False)
