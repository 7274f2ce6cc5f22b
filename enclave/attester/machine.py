"""The machine below as it shows itself: the few places that are looked at, and the doors to ask.

Nothing here is believed: whoever looks wrong only collects evidence that nobody accepts. Every
place is below one root, and every door is an argument, so that tests build a machine of their own.
"""

import fcntl
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

from cleanroom.attestation.evidence import LARGEST_EVENT_LOG
from cleanroom.errors import MachineUnfit
from enclave.attester.azure_metadata import Ask as AskMetadata
from enclave.attester.azure_metadata import ask_metadata
from enclave.attester.device import Driver, Ioctl
from enclave.attester.tdx_guest import QGS_PORT, Exchange, by_vsock
from enclave.attester.tpm_commands import TPM_DEVICE, Send, Tpm, TpmDevice
from enclave.attester.tsm import TSM_ROOT, ConfigFs, ReportFiles, provider_of

TPM_LOG = Path("/sys/kernel/security/tpm0/binary_bios_measurements")
"""Where Linux shows what the firmware measured into the TPM."""
CCEL = Path("/sys/firmware/acpi/tables/data/CCEL")
"""Where Linux shows what the firmware measured into TDX's registers."""


@dataclass(frozen=True)
class Machine:
    """The machine that this process runs on, or one that a test makes up."""

    root: Path = Path("/")
    files: ReportFiles | None = field(default=None, repr=False)
    """configfs-tsm; the kernel's below `root` if none is given."""
    ioctl: Ioctl = field(default=fcntl.ioctl, repr=False)
    open_tpm: Callable[[Path], Send] = field(default=TpmDevice, repr=False)
    """Opens the TPM's device."""
    metadata: AskMetadata = field(default=ask_metadata, repr=False)
    """Azure's instance metadata service."""
    quotes: Exchange = field(default=by_vsock(QGS_PORT), repr=False)
    """The host's quote generation service, for guests whose kernel has no configfs-tsm."""

    def place(self, path: Path) -> Path:
        """Where an absolute path is on this machine."""
        return self.root / path.relative_to("/")

    def has(self, path: Path) -> bool:
        """Whether there is something at this path."""
        return self.place(path).exists()

    def driver(self, device: Path) -> Driver:
        """A device that is asked by ioctl.

        Raises:
            MachineUnfit: it is not there.
        """
        if not self.has(device):
            raise MachineUnfit(f"no {device}")
        return Driver(self.place(device), self.ioctl)

    @cached_property
    def reports(self) -> ReportFiles:
        """configfs-tsm.

        Raises:
            MachineUnfit: it is not mounted, or the kernel is too old.
        """
        if self.files is not None:
            return self.files
        if not self.has(TSM_ROOT):
            raise MachineUnfit("no configfs-tsm (Linux 6.7)")
        return ConfigFs(self.place(TSM_ROOT))

    @cached_property
    def provider(self) -> str:
        """Which platform answers through configfs-tsm, such as `sev_guest`.

        Raises:
            MachineUnfit: none does.
        """
        return provider_of(self.reports)

    @cached_property
    def tpm(self) -> Tpm:
        """The TPM, through the kernel's resource manager.

        Raises:
            MachineUnfit: there is none, or it may not be opened.
        """
        if not self.has(TPM_DEVICE):
            raise MachineUnfit(f"no {TPM_DEVICE}")
        return Tpm(self.open_tpm(self.place(TPM_DEVICE)))

    def tpm_log(self) -> Callable[[], bytes] | None:
        """Reads what the firmware measured into the TPM; None where the kernel shows no log."""
        if not self.has(TPM_LOG):
            return None
        return lambda: self._read_log(self.place(TPM_LOG))

    def _read_log(self, log: Path) -> bytes:
        try:
            with log.open("rb") as opened:
                found = opened.read(LARGEST_EVENT_LOG + 1)
        except OSError:
            raise MachineUnfit("the firmware's event log may not be read") from None
        if not 0 < len(found) <= LARGEST_EVENT_LOG:
            raise MachineUnfit(f"the firmware's event log has {len(found)} bytes, or more")
        return found
