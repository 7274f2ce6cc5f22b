"""Make-believe guests: a root directory with what a platform shows, and doors that answer."""

import base64
import json

from enclave.attester.azure import REPORT_INDEX
from enclave.attester.azure_aci import CERTIFICATES, ENDORSEMENT
from enclave.attester.gcp_vtpm import CERTIFICATE, TEMPLATE
from enclave.attester.machine import Machine
from enclave.attester.tpm_commands import words
from tests.support.kernels import FakeSevGuest, FakeTdxGuest, FakeTsm

DEVICES = {
    "sev-guest": "dev/sev-guest",
    "tdx-guest": "dev/tdx_guest",
    "nsm": "dev/nsm",
    "tpm": "dev/tpmrm0",
}


class FakeTpm:
    """A TPM that only knows what its memory holds."""

    def __init__(self, memory=None):
        self.memory = memory or {}

    def __call__(self, command):
        code, index = int.from_bytes(command[6:10], "big"), int.from_bytes(command[10:14], "big")
        if code == 0x14E:
            index = int.from_bytes(command[14:18], "big")
        if index not in self.memory:
            return words((2, 0x8001), (4, 10), (4, 0x18B))
        content = self.memory[index]
        if code == 0x169:
            public = words((4, index), (2, 0x000B), (4, 1 << 17), (2, 0), (2, len(content)))
            return self._answer(0x8001, len(public).to_bytes(2, "big") + public)
        size, at = (int.from_bytes(part, "big") for part in (command[-4:-2], command[-2:]))
        part = content[at : at + size]
        found = len(part).to_bytes(2, "big") + part
        return self._answer(0x8002, len(found).to_bytes(4, "big") + found)

    @staticmethod
    def _answer(tag, body):
        return words((2, tag), (4, 10 + len(body)), (4, 0)) + body


def machine_with(root, *devices, provider="", source=None, memory=None, **doors):
    """A guest that shows these devices, a provider of configfs-tsm, and a TPM's memory."""
    for device in devices:
        path = root / DEVICES[device]
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    if provider:
        doors["files"] = FakeTsm(provider, source)
    ioctls = {"sev-guest": FakeSevGuest, "tdx-guest": FakeTdxGuest}
    known = [ioctls[device]() for device in devices if device in ioctls]
    doors.setdefault("ioctl", known[0] if known else None)
    return Machine(root, open_tpm=lambda _device: FakeTpm(memory), **doors)


def azure_memory(report):
    """What Azure's vTPM holds: the paravisor's report."""
    return {REPORT_INDEX: report}


def google_memory():
    """What Google's vTPM holds: the certificate of its key, and the key's template."""
    return {CERTIFICATE: b"certificate", TEMPLATE: b"template"}


def container_of(root, endorsement, certificates):
    """The folder that the runtime of a container group leaves."""
    folder = root / "security-context-1724938"
    folder.mkdir()
    said = json.dumps({"vcekCert": certificates, "tcbm": "0", "certificateChain": ""})
    (folder / ENDORSEMENT).write_bytes(base64.b64encode(endorsement) + b"\n")
    (folder / CERTIFICATES).write_bytes(base64.b64encode(said.encode()))
    return folder


def pem(certificate):
    """A certificate as text; `cryptography` does not load AMD's, whose serial number is zero."""
    body = base64.encodebytes(certificate).decode()
    return f"-----BEGIN CERTIFICATE-----\n{body}-----END CERTIFICATE-----\n"
