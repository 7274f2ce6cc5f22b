"""Raw TPM 2.0 commands: as few as evidence needs, each bounded, over any transport.

Source: TCG "TPM Library, Part 3: Commands" (rev. 1.59), whose names and order of parameters stand
here; "Part 1" §18 for password authorizations. Nothing is retried: `/dev/tpmrm0` has a resource
manager, and what fails once fails for a reason.
"""

import os
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

from cleanroom.attestation.formats.reader import Reader
from cleanroom.errors import EvidenceRejected, MachineUnfit

TPM_DEVICE = Path("/dev/tpmrm0")
LARGEST_RESPONSE = 4096
"""TPM_PT_MAX_RESPONSE_SIZE of today's TPMs; in bytes."""
NO_SESSIONS, SESSIONS = 0x8001, 0x8002
OWNER, ENDORSEMENT, NULL_HANDLE, PASSWORD = 0x40000001, 0x4000000B, 0x40000007, 0x40000009
SHA256, NULL = 0x000B, 0x0010
OWNER_READ = 1 << 17
"""TPMA_NV: the owner may read the index; otherwise its own empty authorization is used."""
POLICY_SESSION = 0x01
CHUNK = 512
"""How much of an index is read or written at once; in bytes."""
MOST_AT_ONCE = 8
"""TPML_DIGEST holds as many digests."""

Send = Callable[[bytes], bytes]
"""Sends one command and gives its response: a `TpmDevice`, or a socket."""


class TpmDevice:
    """One conversation with the kernel's resource manager, which drops keys and sessions after it.

    Args:
        device: where the manager is.
    """

    def __init__(self, device: Path = TPM_DEVICE) -> None:
        try:
            self._descriptor = os.open(device, os.O_RDWR | os.O_CLOEXEC)
        except OSError:
            raise MachineUnfit("there is no TPM, expected /dev/tpmrm0") from None

    def __call__(self, command: bytes) -> bytes:
        """The response to one command."""
        try:
            os.write(self._descriptor, command)
            return os.read(self._descriptor, LARGEST_RESPONSE)
        except OSError:
            raise MachineUnfit("the TPM does not answer, expected /dev/tpmrm0") from None

    def close(self) -> None:
        """End the conversation."""
        os.close(self._descriptor)


def sized(content: bytes) -> bytes:
    """A TPM2B: two bytes of length, then the content."""
    return len(content).to_bytes(2, "big") + content


def selection(pcrs: Iterable[int]) -> bytes:
    """TPML_PCR_SELECTION of one bank, SHA-256."""
    bits = sum(1 << index for index in set(pcrs))
    return words((4, 1), (2, SHA256), (1, 3)) + bits.to_bytes(3, "little")


def words(*numbers: tuple[int, int]) -> bytes:
    """Numbers one after the other, each with its size in bytes before it."""
    return b"".join(number.to_bytes(size, "big") for size, number in numbers)


@dataclass(frozen=True, slots=True)
class NvIndex:
    """An index of the TPM's memory."""

    attributes: int
    size: int
    """In bytes."""


class Tpm:
    """The commands, over a transport.

    Args:
        send: where commands go.
    """

    def __init__(self, send: Send) -> None:
        self._send = send

    def nv_read_public(self, index: int) -> NvIndex:
        """TPM2_NV_ReadPublic.

        Raises:
            MachineUnfit: there is no such index.
        """
        answer = self.run(0x169, "NV_ReadPublic", (index,))
        public = Reader(answer.take(answer.number(2, "size", "big"), "public"), "NV index")
        public.take(6, "index and name algorithm")
        attributes = public.number(4, "attributes", "big")
        public.take(public.number(2, "policy's length", "big"), "policy")
        return NvIndex(attributes, public.number(2, "data size", "big"))

    def nv_read(self, index: int) -> bytes:
        """TPM2_NV_Read of the whole index."""
        public, found = self.nv_read_public(index), b""
        authority = OWNER if public.attributes & OWNER_READ else index
        while len(found) < public.size:
            size = min(CHUNK, public.size - len(found))
            parameters = words((2, size), (2, len(found)))
            answer = self.run(0x14E, "NV_Read", (authority, index), parameters, PASSWORD)
            found += answer.take(answer.number(2, "size", "big"), "data")
        return found

    def nv_write(self, index: int, content: bytes) -> None:
        """TPM2_NV_Write under the owner's empty authorization."""
        for at in range(0, len(content), CHUNK):
            parameters = sized(content[at : at + CHUNK]) + words((2, at))
            self.run(0x137, "NV_Write", (OWNER, index), parameters, PASSWORD)

    def nv_define(self, index: int, size: int) -> None:
        """TPM2_NV_DefineSpace of an ordinary index that the owner may read and write."""
        owner_may_read_and_write = 1 << 1 | OWNER_READ
        public = words((4, index), (2, SHA256), (4, owner_may_read_and_write), (2, 0), (2, size))
        self.run(0x12A, "NV_DefineSpace", (OWNER,), sized(b"") + sized(public), PASSWORD)

    def pcr_read(self, pcrs: Iterable[int]) -> dict[int, bytes]:
        """TPM2_PCR_Read of the SHA-256 bank."""
        wanted, found = sorted(set(pcrs)), {}
        for at in range(0, len(wanted), MOST_AT_ONCE):
            asked = wanted[at : at + MOST_AT_ONCE]
            answer = self.run(0x17E, "PCR_Read", (), selection(asked))
            answer.take(4 + len(selection(asked)), "counter and selection")
            if answer.number(4, "number of digests", "big") != len(asked):
                raise MachineUnfit("the TPM has no SHA-256 bank of PCRs, expected one")
            for index in asked:
                found[index] = answer.take(answer.number(2, "digest size", "big"), "digest")
        return found

    def create_primary(self, hierarchy: int, template: bytes) -> int:
        """TPM2_CreatePrimary: the handle of the key that this template always gives."""
        no_secret = sized(sized(b"") + sized(b""))
        parameters = no_secret + sized(template) + sized(b"") + words((4, 0))
        answer = self.run(
            0x131, "CreatePrimary", (hierarchy,), parameters, PASSWORD, handles_back=1
        )
        return answer.number(4, "handle", "big")

    def read_public(self, handle: int) -> bytes:
        """TPM2_ReadPublic: TPMT_PUBLIC."""
        answer = self.run(0x173, "ReadPublic", (handle,))
        return answer.take(answer.number(2, "size", "big"), "public")

    def quote(self, handle: int, extra_data: bytes, pcrs: Iterable[int]) -> tuple[bytes, bytes]:
        """TPM2_Quote with the key's own scheme: TPMS_ATTEST and TPMT_SIGNATURE."""
        parameters = sized(extra_data) + words((2, NULL)) + selection(pcrs)
        answer = self.run(0x158, "Quote", (handle,), parameters, PASSWORD)
        message = answer.take(answer.number(2, "size", "big"), "quote")
        return message, answer.take(answer.left, "signature")

    def start_policy(self, nonce: bytes) -> int:
        """TPM2_StartAuthSession of a policy: its handle."""
        tail = words((2, 0), (1, POLICY_SESSION), (2, NULL), (2, SHA256))
        handles = (NULL_HANDLE, NULL_HANDLE)
        answer = self.run(0x176, "StartAuthSession", handles, sized(nonce) + tail)
        return answer.number(4, "session", "big")

    def policy_pcr(self, session: int, pcrs: Iterable[int]) -> bytes:
        """TPM2_PolicyPCR of today's values, then TPM2_PolicyGetDigest."""
        self.run(0x17F, "PolicyPCR", (session,), sized(b"") + selection(pcrs))
        answer = self.run(0x189, "PolicyGetDigest", (session,))
        return answer.take(answer.number(2, "size", "big"), "digest")

    def hmac(self, key: int, content: bytes, session: int) -> bytes:
        """TPM2_HMAC under a policy; the session ends with it."""
        answer = self.run(0x155, "HMAC", (key,), sized(content) + words((2, NULL)), session)
        return answer.take(answer.number(2, "size", "big"), "HMAC")

    def flush(self, handle: int) -> None:
        """TPM2_FlushContext."""
        self.run(0x165, "FlushContext", (), words((4, handle)))

    def run(
        self,
        code: int,
        name: str,
        handles: tuple[int, ...],
        parameters: bytes = b"",
        authority: int | None = None,
        *,
        handles_back: int = 0,
    ) -> Reader:
        """One command; what comes back, without header and authorizations.

        Args:
            code: TPM_CC.
            name: for messages.
            handles: what the command is about.
            parameters: as they stand in the command.
            authority: the session that authorizes the first handle; none for some commands.
            handles_back: how many handles the response begins with.

        Raises:
            MachineUnfit: the TPM refuses, or answers in another form.
        """
        body = words(*((4, handle) for handle in handles))
        if authority is not None:
            area = words((4, authority), (2, 0), (1, 0), (2, 0))
            body += words((4, len(area))) + area
        tag = NO_SESSIONS if authority is None else SESSIONS
        command = words((2, tag), (4, 10 + len(body) + len(parameters)), (4, code))
        try:
            answer = Reader(self._send(command + body + parameters), f"TPM's {name}")
            return _body(answer, name, tag, handles_back)
        except EvidenceRejected as refused:
            raise MachineUnfit(f"the TPM's answer to {name} is malformed") from refused


def _body(answer: Reader, name: str, tag: int, handles: int) -> Reader:
    found, size = answer.number(2, "tag", "big"), answer.number(4, "size", "big")
    code = answer.number(4, "response code", "big")
    if code:
        raise MachineUnfit(f"the TPM refuses {name} with {code:#x}, expected 0")
    if found != tag or size != answer.left + 10:
        raise MachineUnfit(f"the TPM's answer to {name} is malformed")
    if tag == NO_SESSIONS:
        return answer
    first = answer.take(4 * handles, "handles")
    parameters = answer.take(answer.number(4, "parameters' size", "big"), "parameters")
    return Reader(first + parameters, f"TPM's {name}")
