"""Collects evidence in a real Nitro enclave; never tested on hardware by this project's own tests.

An enclave has no disk and its module keeps no key for it: what must survive a restart cannot be
sealed here, so a coordinator runs elsewhere, and `derive_key` says so.
"""

from functools import cached_property

from cleanroom.attestation.binding import BINDING_LENGTH, Binding, binding_of
from cleanroom.attestation.evidence import Evidence
from cleanroom.attestation.formats.cose import read_sign1
from cleanroom.attestation.formats.nitro import read_document
from cleanroom.attestation.platforms.nitro import NITRO_SUITE
from enclave.attester.keyless import refuse_key
from enclave.attester.nsm import Ask, ask_device, attestation_document


class NitroAttester:
    """An `Attester` in a Nitro enclave.

    Args:
        ask: the module: `ask_device`, or a fake of it.
    """

    def __init__(self, ask: Ask = ask_device) -> None:
        self._ask = ask

    @cached_property
    def measurement(self) -> bytes:
        """The image's measurement (PCR0), 48 bytes."""
        document = attestation_document(bytes(BINDING_LENGTH), self._ask)
        message = read_sign1(document, "own document", (NITRO_SUITE,), tag_optional=True)
        return read_document(message.payload).pcrs[0]

    @property
    def host_data(self) -> bytes:
        """Zeros: a launcher ties nothing to an enclave; 32 bytes."""
        return bytes(32)

    def collect(self, binding: Binding) -> Evidence:
        """Fresh evidence that carries `binding` as its user data.

        Raises:
            MachineUnfit: the module gives no document.
        """
        document = attestation_document(binding_of(binding), self._ask)
        return Evidence(platform="nitro", report=document, endorsements=[])

    def derive_key(self, context: bytes) -> bytes:
        """There is none.

        Raises:
            MachineUnfit: always.
        """
        del context
        refuse_key("nitro", "the secure module keeps none for an enclave, which has no disk")
