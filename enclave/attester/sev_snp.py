"""Collects evidence on real SEV-SNP hardware.

Never tested on hardware by this project's own tests: they use a fake tree and a fake device.
"""

from collections.abc import Callable
from functools import cached_property

from cleanroom.attestation.binding import BINDING_LENGTH, Binding, binding_of
from cleanroom.attestation.evidence import Evidence
from cleanroom.attestation.formats.snp import SnpReport, read_report
from enclave.attester.deriving import derived
from enclave.attester.tsm import Reports

PROVIDER = "sev_guest"


class SevSnpAttester:
    """An `Attester` on SEV-SNP hardware.

    Args:
        reports: by configfs-tsm (`reports_of`), or by /dev/sev-guest (`device_report`).
        key_seed: gives the firmware's derived key, 32 bytes.
        chain: certificates to send along where the host's table lacks them (DER or PEM).
    """

    def __init__(
        self, reports: Reports, key_seed: Callable[[], bytes], chain: tuple[bytes, ...] = ()
    ) -> None:
        self._reports = reports
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
        raw = self._reports(binding_of(binding))
        host_table = (raw.certificates,) if raw.certificates else ()
        endorsements = [*host_table, *self._chain]
        return Evidence(platform="sev-snp", report=raw.report, endorsements=endorsements)

    def derive_key(self, context: bytes) -> bytes:
        """A 32-byte secret of this chip, measurement and guest policy (HKDF, RFC 5869)."""
        return derived(self._key_seed(), "cleanroom/derived-key/v1", context)

    @cached_property
    def _own_report(self) -> SnpReport:
        return read_report(self._reports(bytes(BINDING_LENGTH)).report)
