"""Platforms that keep no key for a guest: workers need none, a coordinator cannot run there."""

from typing import NoReturn

from cleanroom.errors import MachineUnfit


def refuse_key(platform: str, because: str) -> NoReturn:
    """Say why this platform derives no key.

    Args:
        platform: its name in evidence.
        because: what it lacks, in words.

    Raises:
        MachineUnfit: always.
    """
    raise MachineUnfit(
        f"a coordinator cannot keep its state on {platform}: {because}, expected a key that only "
        "this image gets on this machine",
        hint="run the coordinator on SEV-SNP, or where a vTPM seals (azure-snp, azure-tdx, "
        "gcp-vtpm, tpm: docs/operations.md says what that is worth); workers need no key",
    )
