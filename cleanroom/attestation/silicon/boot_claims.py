"""The claims that an authentic TPM quote gives, whoever vouches for its key."""

from cleanroom.attestation.claims.boot import MeasuredBoot
from cleanroom.attestation.silicon.tpm import AuthenticQuote


def boot_claims(quote: AuthenticQuote) -> MeasuredBoot:
    """What booted, in words and hexadecimal."""
    quoted = quote.quoted
    return MeasuredBoot(
        bank=quoted.bank,
        pcrs={str(index): quote.pcrs[index].hex() for index in quoted.selection},
        explained=list(quote.explained),
        firmware_version=hex(quoted.firmware_version),
        resets=quoted.resets,
        restarts=quoted.restarts,
    )
