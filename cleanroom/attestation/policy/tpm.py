"""What the parties accept from a TPM 2.0 that they know: one entry of the manifest's `attestation`.

A TPM says what booted and hides nothing from the host, so such an entry is for machines that one
of the parties or a common operator holds. Shape only; `rules.tpm` compares.
"""

from typing import Annotated, Literal

from pydantic import Field

from cleanroom.attestation.policy.base import DevelopmentRoots
from cleanroom.attestation.policy.boot import BootValues
from cleanroom.encoding import Digest, Record

OpenMemory = Literal["open-to-host"]
"""Spelt out by everybody who signs: whoever holds the machine can read what runs on it."""


class TpmPolicy(Record):
    """One accepted kind of machine with a TPM; all fields must hold together."""

    platform: Literal["tpm"]
    """The platform this entry is for."""
    memory: OpenMemory
    """A TPM does not protect memory; without a default, for nobody shall sign it unread."""
    keys: Annotated[list[Digest], Field(min_length=1, max_length=1024)]
    """Names of attestation keys: SHA-256 of TPMT_PUBLIC, as `tpm2_readpublic` prints after `000b`.
    That each is in a TPM is the word of whoever registered it."""
    boot: BootValues
    """What must have booted."""
    host_data: Literal["any"]
    """A TPM carries nothing from a launcher."""
    development_roots: DevelopmentRoots = None
    """Names of keys in simulated TPMs. With it only simulated evidence counts."""

    @property
    def lists_machines(self) -> bool:
        """Whether only listed machines are accepted."""
        return True
