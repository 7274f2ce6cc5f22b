"""Collects evidence in a real TDX guest; never tested on hardware by this project's own tests.

TDX gives a guest no key of its own: what must survive a restart cannot be sealed here, so a
coordinator runs elsewhere, and `derive_key` says so.
"""

from functools import cached_property
from pathlib import Path

from cleanroom.attestation.binding import BINDING_LENGTH, Binding, binding_of
from cleanroom.attestation.evidence import Evidence
from cleanroom.attestation.formats.quote import Quote, read_quote
from enclave.attester.keyless import refuse_key
from enclave.attester.tsm import Reports

PROVIDER = "tdx_guest"
CCEL = Path("/sys/firmware/acpi/tables/data/CCEL")
"""Where Linux shows the firmware's event log."""
GENESIS_LENGTH = 32


class TdxAttester:
    """An `Attester` in a TDX guest.

    Args:
        reports: by configfs-tsm (`reports_of`), or by /dev/tdx_guest (`device_quote`).
        event_log: the firmware's log, a file; evidence goes without one where it does not exist.
        endorsements: Intel's collateral to send along (`IntelCollateral`, canonical), or nothing
            where verifiers fetch it themselves.
    """

    def __init__(
        self, reports: Reports, event_log: Path = CCEL, endorsements: tuple[bytes, ...] = ()
    ) -> None:
        self._reports = reports
        self._event_log = event_log
        self._endorsements = endorsements

    @property
    def measurement(self) -> bytes:
        """The launch measurement (MRTD), 48 bytes."""
        return self._own_quote.body.octets["mr_td"]

    @property
    def host_data(self) -> bytes:
        """What the launcher tied to this guest: the first 32 bytes of MRCONFIGID."""
        return self._own_quote.body.octets["mr_config_id"][:GENESIS_LENGTH]

    def collect(self, binding: Binding) -> Evidence:
        """Fresh evidence that carries `binding`, with the firmware's event log.

        Raises:
            MachineUnfit: the platform gives no quote.
        """
        raw = self._reports(binding_of(binding))
        log = self._event_log.read_bytes() if self._event_log.is_file() else None
        return Evidence(
            platform="tdx", report=raw.report, endorsements=[*self._endorsements], event_log=log
        )

    def derive_key(self, context: bytes) -> bytes:
        """There is none.

        Raises:
            MachineUnfit: always.
        """
        del context
        refuse_key("tdx", "TDX derives none for a guest")

    @cached_property
    def _own_quote(self) -> Quote:
        return read_quote(self._reports(bytes(BINDING_LENGTH)).report)
