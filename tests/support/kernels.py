"""A guest's kernel in memory: configfs-tsm, and the drivers that are asked by ioctl.

They obey what the kernel's own files say of them, and answer with simulated evidence; fields of
each make it difficult.
"""

import ctypes
import struct

from enclave.attester import sev_guest, tdx_guest
from enclave.attester.tdx_guest import BLOB, HEADER
from tests.support.platform import good_attester


class FakeTsm:
    """configfs-tsm; `disturb` lets somebody else write, `refusals` are errors of the first tries."""

    def __init__(self, provider="sev_guest", source=None, *, disturb=0, refusals=(), table=True):
        self.attester = source or good_attester()
        self.provider = provider
        self.disturb = disturb
        self.refusals = list(refusals)
        self.table = table
        self.generation = 7
        self.open = set()
        self.written = []

    def create(self, name):
        assert name.startswith("cleanroom-")
        self.open.add(name)

    def remove(self, name):
        self.open.remove(name)

    def write(self, name, attribute, content):
        assert name in self.open
        assert attribute == "inblob"
        self.written.append(content)
        self.generation += 1

    def read(self, name, attribute):
        assert name in self.open
        match attribute:
            case "provider":
                return self.provider.encode() + b"\n"
            case "generation":
                return b"%d\n" % self.generation
            case "outblob":
                return self._outblob()
            case "auxblob" if self.provider == "sev_guest" and self.table:
                return b"".join(self.attester.collect(self.written[-1]).endorsements[:1])
            case _:
                raise FileNotFoundError(attribute)

    def _outblob(self):
        if self.refusals:
            raise OSError(self.refusals.pop(0), "refused")
        if self.disturb:
            self.disturb -= 1
            self.generation += 1
        return self.attester.collect(self.written[-1]).report


GUIDS = {
    "vcek": bytes.fromhex("63da758de6644564adc5f4b93be8accd"),
    "ask": bytes.fromhex("4ab7b379bbac4fe4a02f05aef327c782"),
    "ark": bytes.fromhex("c0b406a4a803495297433fb6014cd0ae"),
}


def certificate_table(certificates):
    """A host's table of leaf, intermediate and root (GHCB)."""
    head, body = b"", b""
    start = 24 * (len(certificates) + 1)
    for guid, content in zip(GUIDS.values(), certificates, strict=True):
        head += guid + struct.pack("<II", start + len(body), len(content))
        body += content
    return head + bytes(24) + body


class FakeSevGuest:
    """The `ioctl` of /dev/sev-guest."""

    def __init__(self, *, refusals=(), table=None, status=0, key=bytes(range(1, 33))):
        self.attester = good_attester()
        self.refusals = list(refusals)
        """What the first calls end with: an errno, or (errno, firmware, hypervisor)."""
        self.table = certificate_table(self.attester.endorsements) if table is None else table
        self.status, self.key = status, key
        self.asked = []

    def __call__(self, descriptor, number, call):
        assert descriptor > 0
        version, request, response, *_ = sev_guest.CALL.unpack(call)
        assert version == 1
        self.asked.append(number)
        if self.refusals:
            refused, *said = self.refusals.pop(0)
            call[:] = sev_guest.CALL.pack(version, request, response, *said)
            raise OSError(refused, "refused")
        {
            sev_guest.SNP_GET_REPORT: self._report,
            sev_guest.SNP_GET_EXT_REPORT: self._extended,
            sev_guest.SNP_GET_DERIVED_KEY: self._key,
        }[number](request, response)

    def _report(self, request, response):
        user_data, vmpl = sev_guest.REPORT_REQUEST.unpack(ctypes.string_at(request, 96))
        assert vmpl == 0
        report = self.attester.collect(user_data).report
        ctypes.memmove(
            response, sev_guest.REPORT_RESPONSE.pack(self.status, len(report), report), 4000
        )

    def _extended(self, request, response):
        *_, place, size = sev_guest.EXTENDED_REQUEST.unpack(ctypes.string_at(request, 112))
        assert size % 4096 == 0
        ctypes.memmove(place, self.table, len(self.table))
        self._report(request, response)

    def _key(self, request, response):
        asked = sev_guest.KEY_REQUEST.unpack(ctypes.string_at(request, 32))
        assert asked == (0, 0, 0b1001, 0, 0, 0)
        ctypes.memmove(response, sev_guest.KEY_RESPONSE.pack(self.status, self.key), 64)


class FakeQuotes:
    """The host's quote generation service: a message of Intel's library in, another one out."""

    def __init__(self, source, *, error=0, kind=1, chosen=b"", tail=b""):
        self.source, self.error, self.kind = source, error, kind
        self.chosen, self.tail = chosen, tail

    def __call__(self, message):
        major, _, kind, size, error = HEADER.unpack_from(message)
        assert (major, kind, size, error) == (1, 0, len(message), 0)
        length, listed = struct.unpack_from("<II", message, HEADER.size)
        assert (length, listed) == (1024, 0)
        report = message[HEADER.size + 8 :]
        quote = self.source.collect(report[:64]).report
        body = struct.pack("<II", len(self.chosen), len(quote)) + self.chosen + quote + self.tail
        return HEADER.pack(1, 1, self.kind, HEADER.size + len(body), self.error) + body


class FakeTdxGuest:
    """The `ioctl` of /dev/tdx_guest; its TD report begins with the report data that it was given."""

    def __init__(self, service=None, *, refusals=(), status=(), in_flight=0):
        self.service = service
        self.refusals = list(refusals)
        self.status = list(status)
        self.in_flight = in_flight
        self.asked = []

    def __call__(self, descriptor, number, call):
        assert descriptor > 0
        self.asked.append(number)
        if self.refusals:
            raise OSError(self.refusals.pop(0), "refused")
        if number == tdx_guest.TDX_CMD_GET_REPORT0:
            assert len(call) == 1088
            call[64:] = bytes(call[:64]).ljust(1024, b"\0")
        else:
            assert number == tdx_guest.TDX_CMD_GET_QUOTE
            self._quote(*tdx_guest.QUOTE.unpack(call))

    def _quote(self, place, size):
        if self.service is None:
            raise OSError(25, "Inappropriate ioctl for device")
        version, _, length, _ = BLOB.unpack_from(ctypes.string_at(place, BLOB.size))
        assert (version, size) == (1, 16384)
        framed = ctypes.string_at(place + BLOB.size, length)
        assert int.from_bytes(framed[:4], "big") == length - 4
        answer = self.service(framed[4:])
        answer = len(answer).to_bytes(4, "big") + answer
        status = self.status.pop(0) if self.status else 0
        written = BLOB.pack(1, status, length, 0 if status else len(answer)) + answer
        ctypes.memmove(place, written, len(written))
