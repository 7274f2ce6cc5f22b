"""Collects evidence in a confidential container group on Azure (ACI, and AKS by the same runtime).

The processor's report comes from the guest's kernel; what else a verifier needs lies in a folder
that the utility VM puts into every container. Never tested on Azure by this project's own tests:
they use a make-believe folder. Names: Microsoft, "Confidential containers on ACI", attestation.
"""

import base64
import binascii
from pathlib import Path

from cleanroom.attestation.binding import Binding
from cleanroom.attestation.evidence import LARGEST_ENDORSEMENT, Evidence
from cleanroom.errors import MachineUnfit
from enclave.attester import Attester
from enclave.attester.azure_metadata import certificates

CONTEXT = "security-context-*"
"""How the folder is called, at the root of the container's file system."""
ENDORSEMENT, CERTIFICATES = "reference-info-base64", "host-amd-cert-base64"
"""Microsoft's endorsement of the utility VM (COSE), and the processor's certificates (JSON)."""


def read_context(directory: Path) -> tuple[bytes, ...]:
    """What a verifier needs beside the report: Microsoft's endorsement, then the certificates.

    Raises:
        MachineUnfit: a file is missing, too large, or of another form.
    """
    endorsement = _decoded(directory / ENDORSEMENT)
    answer = _decoded(directory / CERTIFICATES)
    return endorsement, certificates(lambda _path, _body: answer)


class AciAttester:
    """An `Attester` in a container group.

    Args:
        machine: collects the processor's report.
        context: from `read_context`.
    """

    def __init__(self, machine: Attester, context: tuple[bytes, ...]) -> None:
        self._machine = machine
        self._context = context

    @property
    def measurement(self) -> bytes:
        """The utility VM's launch measurement, 48 bytes."""
        return self._machine.measurement

    @property
    def host_data(self) -> bytes:
        """The digest of the container group's policy, 32 bytes."""
        return self._machine.host_data

    def collect(self, binding: Binding) -> Evidence:
        """Fresh evidence that carries `binding`, with what Microsoft endorses.

        Raises:
            MachineUnfit: the platform gives no report.
        """
        report = self._machine.collect(binding).report
        return Evidence(platform="azure-aci", report=report, endorsements=[*self._context])

    def derive_key(self, context: bytes) -> bytes:
        """A 32-byte secret of this chip, utility VM and guest policy: of any container in it.

        What runs in the container is not measured into it, but its policy is tied to the guest
        before it starts.
        """
        return self._machine.derive_key(context)


def _decoded(file: Path) -> bytes:
    try:
        with file.open("rb") as opened:
            text = opened.read(2 * LARGEST_ENDORSEMENT)
        return base64.b64decode(text.strip(), validate=True)
    except OSError:
        raise MachineUnfit(f"{file.name} is missing, expected it in {CONTEXT}") from None
    except (binascii.Error, ValueError):
        raise MachineUnfit(f"{file.name} is not base64, expected what the runtime wrote") from None
