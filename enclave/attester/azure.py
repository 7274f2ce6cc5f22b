"""Collects evidence in a confidential guest on Azure; its vTPM lives in the paravisor below.

Never tested on Azure by this project's own tests: they use a software TPM and a make-believe
paravisor. Indices and handle: Microsoft, "Azure confidential VM guest attestation design".
"""

import time
from collections.abc import Callable, Iterable

from cleanroom.attestation.binding import Binding, binding_of
from cleanroom.attestation.evidence import Evidence
from cleanroom.attestation.formats.hcl import USER_SIZE, HclReport, read_hcl_report
from cleanroom.attestation.formats.tpm_parts import AzureParts
from cleanroom.attestation.silicon.tpm import carried
from cleanroom.errors import EvidenceRejected, MachineUnfit
from enclave.attester.azure_metadata import Ask, ask_metadata, certificates, td_quote
from enclave.attester.tpm import QUOTED_PCRS, TpmSecrets, quotation
from enclave.attester.tpm_commands import Tpm

REPORT_INDEX, USER_INDEX = 0x01400001, 0x01400002
"""The paravisor's report, and what shall stand in the next one."""
ATTESTATION_KEY = 0x81000003
"""The persistent key that the paravisor's words name."""
TRIES, PAUSE = 10, 1.0
"""The paravisor makes a new report some seconds after the user data was written; in seconds."""


class AzureAttester:
    """An `Attester` in a confidential guest on Azure, over SEV-SNP or TDX.

    Args:
        tpm: the vTPM's commands.
        ask: the instance metadata service.
        event_log: gives the firmware's log; none to send none.
        pcrs: which registers are quoted.
        pause: waits; `time.sleep` except in tests.
        endorsements: the processor's certificates to send along; the service is asked for them
            where none are given. Quotes of TDX are always asked of the service.
    """

    def __init__(
        self,
        tpm: Tpm,
        ask: Ask = ask_metadata,
        event_log: Callable[[], bytes] | None = None,
        pcrs: Iterable[int] = QUOTED_PCRS,
        *,
        pause: Callable[[float], None] = time.sleep,
        endorsements: tuple[bytes, ...] = (),
    ) -> None:
        self._tpm, self._ask, self._event_log = tpm, ask, event_log
        self._pcrs, self._pause = tuple(pcrs), pause
        self._endorsements = endorsements
        self._secrets = TpmSecrets(tpm)

    @property
    def measurement(self) -> bytes:
        """A name for what booted, 48 bytes; the processor measured the paravisor only."""
        return self._secrets.measurement

    @property
    def host_data(self) -> bytes:
        """Zeros: Azure ties nothing to a guest before it runs; 32 bytes."""
        return bytes(32)

    def collect(self, binding: Binding) -> Evidence:
        """Fresh evidence: SHA-256 of `binding` is in the processor's report and in the quote.

        Raises:
            MachineUnfit: the vTPM or the metadata service does not give its part.
        """
        digest = carried(binding_of(binding))
        raw, hcl = self._fresh_report(digest.ljust(USER_SIZE, b"\0"))
        quoted = quotation(self._tpm, ATTESTATION_KEY, digest, self._pcrs)
        log = self._event_log() if self._event_log else None
        if hcl.below == "tdx":
            quote = td_quote(self._ask, hcl.report)
            parts = AzureParts(hcl_report=raw, quotation=quoted, td_quote=quote)
            return Evidence(
                platform="azure-tdx", report=parts.to_bytes(), endorsements=[], event_log=log
            )
        parts = AzureParts(hcl_report=raw, quotation=quoted)
        return Evidence(
            platform="azure-snp",
            report=parts.to_bytes(),
            endorsements=[*self._endorsements] or [certificates(self._ask)],
            event_log=log,
        )

    def derive_key(self, context: bytes) -> bytes:
        """A 32-byte secret of this vTPM and this boot.

        It outlives a restart where Azure keeps the vTPM's state (`tpm-persisted`), and only there.
        """
        return self._secrets.derive_key(context)

    def _fresh_report(self, user_data: bytes) -> tuple[bytes, HclReport]:
        """The paravisor's report, once it carries `user_data`."""
        try:
            self._tpm.nv_read_public(USER_INDEX)
        except MachineUnfit:
            self._tpm.nv_define(USER_INDEX, USER_SIZE)
        self._tpm.nv_write(USER_INDEX, user_data)
        for _ in range(TRIES):
            raw = self._tpm.nv_read(REPORT_INDEX)
            try:
                hcl = read_hcl_report(raw)
            except EvidenceRejected as refused:
                raise MachineUnfit("the vTPM holds no report of Azure's paravisor") from refused
            if hcl.words.user_data == user_data:
                return raw, hcl
            self._pause(PAUSE)
        raise MachineUnfit(f"the paravisor made no new report in {TRIES} tries, expected one")
