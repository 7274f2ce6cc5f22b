"""Collects evidence on real SEV-SNP hardware, and finds out whether there is any.

Never tested on hardware by this project's own tests: they use a fake tree and a fake device.
"""

from collections.abc import Callable
from functools import cached_property
from pathlib import Path

from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from cleanroom.attestation.binding import BINDING_LENGTH, Binding, binding_of
from cleanroom.attestation.evidence import Evidence
from cleanroom.attestation.formats.snp import SnpReport, read_report
from cleanroom.encoding import frame
from cleanroom.errors import MachineUnfit
from enclave.attester.sev_guest import SEV_GUEST, derived_key
from enclave.attester.tsm import TSM_ROOT, ConfigFs, ReportFiles, request_report

PROVIDER = "sev_guest"


class SevSnpAttester:
    """An `Attester` on SEV-SNP hardware.

    Args:
        files: the kernel's report folders.
        key_seed: gives the firmware's derived key, 32 bytes.
        chain: certificates to send along where the host's table lacks them (DER or PEM).
    """

    def __init__(
        self, files: ReportFiles, key_seed: Callable[[], bytes], chain: tuple[bytes, ...] = ()
    ) -> None:
        self._files = files
        self._key_seed = key_seed
        self._chain = chain

    @property
    def measurement(self) -> bytes:
        """The launch measurement, 48 bytes."""
        return self._own_report.fields.octets["measurement"]

    @property
    def host_data(self) -> bytes:
        """What the launcher tied to this guest, 32 bytes."""
        return self._own_report.fields.octets["host_data"]

    def collect(self, binding: Binding) -> Evidence:
        """Fresh evidence that carries `binding`, with the host's certificates.

        Raises:
            MachineUnfit: the platform gives no report.
        """
        raw = request_report(self._files, binding_of(binding), PROVIDER)
        host_table = (raw.certificates,) if raw.certificates else ()
        endorsements = [*host_table, *self._chain]
        return Evidence(platform="sev-snp", report=raw.report, endorsements=endorsements)

    def derive_key(self, context: bytes) -> bytes:
        """A 32-byte secret of this chip, measurement and guest policy (HKDF, RFC 5869)."""
        bound = frame("cleanroom/derived-key/v1", context)
        seed = self._key_seed()
        return HKDF(algorithm=SHA256(), length=32, salt=None, info=bound).derive(seed)

    @cached_property
    def _own_report(self) -> SnpReport:
        nothing = bytes(BINDING_LENGTH)
        return read_report(request_report(self._files, nothing, PROVIDER).report)


def detect(
    tsm: Path = TSM_ROOT, device: Path = SEV_GUEST, chain: tuple[bytes, ...] = ()
) -> SevSnpAttester:
    """The attester of the hardware that this process runs on.

    Args:
        tsm: where configfs-tsm is mounted.
        device: the guest device, for the derived key.
        chain: certificates to send along.

    Raises:
        MachineUnfit: this is no confidential machine that is known here.
    """
    if not tsm.is_dir():
        raise MachineUnfit(
            "this machine offers no configfs-tsm, expected a SEV-SNP guest with Linux 6.7 or newer",
            hint="start it as a confidential VM; for development, use a simulated room",
        )
    if not device.exists():
        raise MachineUnfit(
            "this machine has no SEV guest device, expected one",
            hint="load the sev-guest module in the image; other platforms are not supported yet",
        )
    return SevSnpAttester(ConfigFs(tsm), lambda: derived_key(device), chain)
