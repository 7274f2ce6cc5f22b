"""A make-believe TPM: real formats and signatures under a key in memory, and no hardware.

It proves nothing about a machine: whoever has the key can sign anything. Its key is accepted only
where a manifest pins its name as a development root, or a simulated certificate names it.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature

from cleanroom.attestation.binding import Binding
from cleanroom.attestation.evidence import Evidence
from cleanroom.attestation.formats.tpm import (
    ATTEST_QUOTE,
    ECDSA,
    GENERATED,
    RSASSA,
)
from cleanroom.attestation.formats.tpm_parts import Quotation, TpmParts
from cleanroom.attestation.formats.tpm_public import read_attestation_key
from cleanroom.attestation.silicon.tpm import carried
from cleanroom.encoding import Digest
from enclave.attester.tpm import ATTESTATION_KEY, ATTESTS
from enclave.attester.tpm_commands import NULL, SHA256, selection, sized, words

FIRMWARE = 0x2026011500000000
Key = rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey


@dataclass(frozen=True, slots=True)
class SimulatedTpm:
    """A key and registers.

    Args:
        key: signs quotes; P-256, or RSA as in Azure's vTPM.
        pcrs: what the registers hold, SHA-256.
    """

    key: Key = field(repr=False)
    pcrs: Mapping[int, bytes]

    @property
    def public(self) -> bytes:
        """TPMT_PUBLIC of the key."""
        if isinstance(self.key, rsa.RSAPrivateKey):
            modulus = self.key.public_key().public_numbers().n
            size = self.key.key_size
            scheme = ((2, RSASSA), (2, SHA256), (2, size), (4, 0))
            head = words((2, 1), (2, SHA256), (4, ATTESTS), (2, 0), (2, NULL), *scheme)
            return head + sized(modulus.to_bytes(size // 8, "big"))
        point = self.key.public_key().public_numbers()
        empty_point = words((2, 0), (2, 0))
        template = ATTESTATION_KEY.removesuffix(empty_point)
        return template + sized(point.x.to_bytes(32, "big")) + sized(point.y.to_bytes(32, "big"))

    @property
    def key_name(self) -> Digest:
        """What a manifest lists."""
        return read_attestation_key(self.public).name

    def quotation(self, extra_data: bytes) -> Quotation:
        """A quote of all registers, with their values."""
        message = self.attest(extra_data)
        named = {str(index): value.hex() for index, value in self.pcrs.items()}
        return Quotation(message=message, signature=self.sign(message), pcrs=named)

    def attest(self, extra_data: bytes) -> bytes:
        """TPMS_ATTEST of a quote."""
        values = b"".join(self.pcrs[index] for index in sorted(self.pcrs))
        return b"".join(
            (
                words((4, GENERATED), (2, ATTEST_QUOTE)),
                sized(words((2, SHA256)) + bytes(32)),
                sized(extra_data),
                words((8, 1), (4, 1), (4, 0), (1, 1), (8, FIRMWARE)),
                selection(self.pcrs),
                sized(hashlib.sha256(values).digest()),
            )
        )

    def sign(self, message: bytes) -> bytes:
        """TPMT_SIGNATURE."""
        if isinstance(self.key, rsa.RSAPrivateKey):
            raw = self.key.sign(message, padding.PKCS1v15(), hashes.SHA256())
            return words((2, RSASSA), (2, SHA256)) + sized(raw)
        r, s = decode_dss_signature(self.key.sign(message, ec.ECDSA(hashes.SHA256())))
        halves = (sized(half.to_bytes(32, "big")) for half in (r, s))
        return words((2, ECDSA), (2, SHA256)) + b"".join(halves)

    def collect(self, binding: Binding, event_log: bytes | None = None) -> Evidence:
        """Fresh evidence of platform `tpm`."""
        parts = TpmParts(quotation=self.quotation(carried(binding)), key=self.public)
        return Evidence(
            platform="tpm", report=parts.to_bytes(), endorsements=[], event_log=event_log
        )
