"""Collects evidence of a TPM 2.0, and derives keys that only this boot on this TPM gets.

The attestation key is a primary key of the endorsement hierarchy: the same template always gives
the same key, so its name can be registered once, and no key has to be stored.
"""

import hashlib
import secrets
from collections.abc import Callable, Iterable
from functools import cached_property

from cleanroom.attestation.binding import Binding, binding_of
from cleanroom.attestation.evidence import Evidence
from cleanroom.attestation.formats.tpm import ECDSA, read_quote
from cleanroom.attestation.formats.tpm_parts import Quotation, TpmParts
from cleanroom.attestation.formats.tpm_public import read_attestation_key
from cleanroom.attestation.silicon.tpm import carried
from cleanroom.encoding import Digest, frame
from cleanroom.errors import MachineUnfit
from enclave.attester.deriving import derived
from enclave.attester.tpm_commands import ENDORSEMENT, NULL, OWNER, SHA256, Tpm, words

BOOT_PCRS = (0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 11, 12)
"""What firmware, boot loader and kernel measure before anything of ours runs."""
QUOTED_PCRS = range(24)
TRIES = 4
"""How often values are read anew while something keeps extending a register."""
ECC, KEYED_HASH, P256, HMAC = 0x0023, 0x0008, 0x0003, 0x0005
ATTESTS = 0x00050472
"""fixedTPM, fixedParent, sensitiveDataOrigin, userWithAuth, noDA, restricted, sign."""
ATTESTATION_KEY = words(
    *((2, ECC), (2, SHA256), (4, ATTESTS), (2, 0)),
    *((2, NULL), (2, ECDSA), (2, SHA256), (2, P256), (2, NULL), (2, 0), (2, 0)),
)
"""TPMT_PUBLIC of a restricted signing key: P-256 with SHA-256."""
ONLY_BY_POLICY = 0x00040432
"""fixedTPM, fixedParent, sensitiveDataOrigin, noDA, sign; without userWithAuth."""


def key_of_policy(digest: bytes) -> bytes:
    """TPMT_PUBLIC of an HMAC key that only this policy may use."""
    head = words((2, KEYED_HASH), (2, SHA256), (4, ONLY_BY_POLICY), (2, len(digest)))
    return head + digest + words((2, HMAC), (2, SHA256), (2, 0))


def quotation(tpm: Tpm, handle: int, extra_data: bytes, pcrs: Iterable[int]) -> Quotation:
    """A quote with the values that it quotes.

    Raises:
        MachineUnfit: registers keep changing while they are read.
    """
    chosen = sorted(set(pcrs))
    for _ in range(TRIES):
        message, signature = tpm.quote(handle, extra_data, chosen)
        values = tpm.pcr_read(chosen)
        hashed = hashlib.sha256(b"".join(values[index] for index in chosen)).digest()
        if hashed == read_quote(message).pcr_digest:
            named = {str(index): value.hex() for index, value in values.items()}
            return Quotation(message=message, signature=signature, pcrs=named)
    raise MachineUnfit(f"the TPM's registers changed {TRIES} times while they were read")


class TpmSecrets:
    """What only this boot on this TPM derives.

    Args:
        tpm: the commands.
    """

    def __init__(self, tpm: Tpm) -> None:
        self._tpm = tpm

    @cached_property
    def measurement(self) -> bytes:
        """SHA-384 of the boot's registers, 48 bytes: a name for what booted, not evidence of it."""
        values = self._tpm.pcr_read(BOOT_PCRS)
        booted = frame("cleanroom/boot/v1", *(values[index] for index in BOOT_PCRS))
        return hashlib.sha384(booted).digest()

    def derive_key(self, context: bytes) -> bytes:
        """A 32-byte secret of this TPM and boot (HMAC under PolicyPCR, then HKDF, RFC 5869)."""
        session = self._tpm.start_policy(secrets.token_bytes(16))
        try:
            policy = self._tpm.policy_pcr(session, BOOT_PCRS)
            key = self._tpm.create_primary(OWNER, key_of_policy(policy))
        except MachineUnfit:
            self._tpm.flush(session)
            raise
        try:
            seed = self._tpm.hmac(key, b"cleanroom/derived-key/v1", session)
        finally:
            self._tpm.flush(key)
        return derived(seed, "cleanroom/derived-key/v1", context)


class TpmAttester:
    """An `Attester` on a machine with a TPM 2.0.

    Args:
        tpm: the commands.
        event_log: gives the firmware's log, such as
            `/sys/kernel/security/tpm0/binary_bios_measurements`; none to send none.
        pcrs: which registers are quoted.
    """

    def __init__(
        self,
        tpm: Tpm,
        event_log: Callable[[], bytes] | None = None,
        pcrs: Iterable[int] = QUOTED_PCRS,
    ) -> None:
        self._tpm = tpm
        self._secrets = TpmSecrets(tpm)
        self._event_log = event_log
        self._pcrs = tuple(pcrs)

    @property
    def measurement(self) -> bytes:
        """A name for what booted, 48 bytes."""
        return self._secrets.measurement

    @property
    def host_data(self) -> bytes:
        """Zeros: nothing is tied to a machine before it runs; 32 bytes."""
        return bytes(32)

    @cached_property
    def key_name(self) -> Digest:
        """What a manifest lists under `keys`."""
        handle = self._tpm.create_primary(ENDORSEMENT, ATTESTATION_KEY)
        try:
            return read_attestation_key(self._tpm.read_public(handle)).name
        finally:
            self._tpm.flush(handle)

    def collect(self, binding: Binding) -> Evidence:
        """Fresh evidence that carries SHA-256 of `binding` as its extra data.

        Raises:
            MachineUnfit: the TPM gives no quote.
        """
        handle = self._tpm.create_primary(ENDORSEMENT, ATTESTATION_KEY)
        try:
            quoted = quotation(self._tpm, handle, carried(binding_of(binding)), self._pcrs)
            parts = TpmParts(quotation=quoted, key=self._tpm.read_public(handle))
        finally:
            self._tpm.flush(handle)
        log = self._event_log() if self._event_log else None
        return Evidence(platform="tpm", report=parts.to_bytes(), endorsements=[], event_log=log)

    def derive_key(self, context: bytes) -> bytes:
        """A 32-byte secret of this TPM and this boot."""
        return self._secrets.derive_key(context)
