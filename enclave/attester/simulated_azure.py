"""A make-believe guest on Azure: a paravisor's report over a simulated processor's, and a vTPM.

The processor's report is of `simulated` or `simulated_tdx`, whose root a manifest pins.
"""

import base64
import hashlib
import json
from collections.abc import Callable
from dataclasses import dataclass, field

from cryptography.hazmat.primitives.asymmetric import rsa

from cleanroom.attestation.binding import Binding
from cleanroom.attestation.evidence import Evidence
from cleanroom.attestation.formats.hcl import (
    HEADER,
    REPORT_AREA,
    REPORT_TYPES,
    SHA256,
    SIGNATURE,
    USER_SIZE,
    Below,
)
from cleanroom.attestation.formats.tpm_parts import AzureParts
from cleanroom.attestation.silicon.tpm import carried
from enclave.attester.reporting import write
from enclave.attester.simulated_tpm import SimulatedTpm

VM_ID = "51515151-5151-4151-8151-515151515151"
REQUEST = 2
"""What the header says about why the report was made."""


def paravisor_words(key: rsa.RSAPublicKey, user_data: bytes, *, secure_boot: bool = True) -> bytes:
    """The paravisor's JSON."""
    numbers = key.public_numbers()
    named = {
        "kid": "HCLAkPub",
        "key_ops": ["sign"],
        "kty": "RSA",
        "e": _number(numbers.e),
        "n": _number(numbers.n),
    }
    settings = {
        "console-enabled": True,
        "secure-boot": secure_boot,
        "tpm-enabled": True,
        "vmUniqueId": VM_ID,
    }
    tree = {
        "keys": [named],
        "vm-configuration": settings,
        "user-data": user_data.ljust(USER_SIZE, b"\0").hex().upper(),
    }
    return json.dumps(tree, separators=(",", ":")).encode()


def _number(value: int) -> str:
    raw = value.to_bytes((value.bit_length() + 7) // 8, "big")
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def report_data_of(said: bytes) -> Binding:
    """What the processor's report carries for these words; 64 bytes."""
    return Binding(hashlib.sha256(said).digest().ljust(64, b"\0"))


def hcl_report(below: Below, report: bytes, said: bytes) -> bytes:
    """What index 0x01400001 of the vTPM holds."""
    (kind,) = (number for number, name in REPORT_TYPES.items() if name == below)
    part = (len(said) + 20, 1, kind, SHA256, len(said))
    runtime = b"".join(number.to_bytes(4, "little") for number in part) + said
    header = {
        "signature": SIGNATURE,
        "version": 1 if below == "snp" else 2,
        "report_size": HEADER.size + REPORT_AREA + len(runtime),
        "request_type": REQUEST,
    }
    return write(HEADER, header) + report.ljust(REPORT_AREA, b"\0") + runtime


@dataclass(frozen=True, slots=True)
class SimulatedAzureGuest:
    """A guest over a simulated processor.

    Args:
        below: the kind of processor.
        processor: collects the processor's own evidence.
        tpm: the vTPM; its key is RSA.
        fresh: whether the paravisor takes the guest's user data into its report.
        secure_boot: what the paravisor says about it.
    """

    below: Below
    processor: Callable[[Binding], Evidence] = field(repr=False)
    tpm: SimulatedTpm
    fresh: bool = True
    secure_boot: bool = True

    def collect(self, binding: Binding, event_log: bytes | None = None) -> Evidence:
        """Fresh evidence of platform `azure-snp` or `azure-tdx`."""
        digest = carried(binding)
        key = self.tpm.key.public_key()
        assert isinstance(key, rsa.RSAPublicKey)  # noqa: S101 - Azure's key is RSA
        user_data = digest if self.fresh else b""
        said = paravisor_words(key, user_data, secure_boot=self.secure_boot)
        below = self.processor(report_data_of(said))
        is_snp = self.below == "snp"
        parts = AzureParts(
            hcl_report=hcl_report(self.below, below.report if is_snp else bytes(1024), said),
            quotation=self.tpm.quotation(digest),
            td_quote=None if is_snp else below.report,
        )
        return Evidence(
            platform="azure-snp" if is_snp else "azure-tdx",
            report=parts.to_bytes(),
            endorsements=below.endorsements,
            event_log=event_log,
        )
