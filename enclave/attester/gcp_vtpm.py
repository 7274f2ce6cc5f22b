"""Collects evidence of a vTPM on Google Cloud, whose attestation key Google certifies.

Never tested on Google Cloud by this project's own tests: they use a software TPM. Indices: Google,
"Confidential VM vTPM non-volatile storage contents".
"""

from collections.abc import Callable, Iterable

from cleanroom.attestation.binding import Binding, binding_of
from cleanroom.attestation.evidence import Evidence
from cleanroom.attestation.formats.tpm_parts import TpmParts
from cleanroom.attestation.silicon.tpm import carried
from enclave.attester.tpm import QUOTED_PCRS, TpmSecrets, quotation
from enclave.attester.tpm_commands import ENDORSEMENT, Tpm

CERTIFICATE, TEMPLATE = 0x01C10002, 0x01C10003
"""The certificate of the ECC attestation key, and the template that gives the key."""


class GcpVtpmAttester:
    """An `Attester` on an instance of Google Cloud.

    Args:
        tpm: the vTPM's commands.
        chain: the authority's and the root's certificates, DER or PEM; Google publishes them.
        event_log: gives the firmware's log; none to send none.
        pcrs: which registers are quoted.
    """

    def __init__(
        self,
        tpm: Tpm,
        chain: tuple[bytes, ...],
        event_log: Callable[[], bytes] | None = None,
        pcrs: Iterable[int] = QUOTED_PCRS,
    ) -> None:
        self._tpm, self._chain, self._event_log = tpm, chain, event_log
        self._pcrs = tuple(pcrs)
        self._secrets = TpmSecrets(tpm)

    @property
    def measurement(self) -> bytes:
        """A name for what booted, 48 bytes."""
        return self._secrets.measurement

    @property
    def host_data(self) -> bytes:
        """Zeros: nothing is tied to an instance before it runs; 32 bytes."""
        return bytes(32)

    def collect(self, binding: Binding) -> Evidence:
        """Fresh evidence that carries SHA-256 of `binding` as its extra data.

        Raises:
            MachineUnfit: the vTPM gives no quote, or holds no certified key.
        """
        certificate = self._tpm.nv_read(CERTIFICATE)
        handle = self._tpm.create_primary(ENDORSEMENT, self._tpm.nv_read(TEMPLATE))
        try:
            quoted = quotation(self._tpm, handle, carried(binding_of(binding)), self._pcrs)
            parts = TpmParts(quotation=quoted, key=self._tpm.read_public(handle))
        finally:
            self._tpm.flush(handle)
        return Evidence(
            platform="gcp-vtpm",
            report=parts.to_bytes(),
            endorsements=[certificate, *self._chain],
            event_log=self._event_log() if self._event_log else None,
        )

    def derive_key(self, context: bytes) -> bytes:
        """A 32-byte secret of this vTPM and this boot."""
        return self._secrets.derive_key(context)
