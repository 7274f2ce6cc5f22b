"""What Azure's paravisor says about its guest, whichever processor is below."""

from cleanroom.attestation.claims.base import Hex
from cleanroom.encoding import Record


class AzureGuest(Record):
    """The paravisor's words, which the processor's report carries the digest of."""

    vm_id: str
    """`vmUniqueId`."""
    secure_boot: bool
    """The firmware starts only what is signed."""
    console: bool
    """The serial console is on."""
    user_data: Hex
    """What the guest wrote before the report was made, 64 bytes; empty in old reports."""
