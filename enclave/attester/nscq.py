"""Collects evidence of real switches through NVIDIA's library of switches (NSCQ, libnvidia-nscq).

Never tested on hardware by this project's own tests. The structures and paths are those of the
header that NVIDIA publishes with its attestation SDK (`nscq_attestation.h`, API 2.0); the library
is an argument, so that tests pass one of their own, made up in Python or compiled from C.

NSCQ answers by calling back, once for each device that a path names, with the value as an argument.
What is called back only copies what came and decides nothing: an error raised there would be lost.
"""

import ctypes
from collections.abc import Callable, Sequence
from typing import Any, ClassVar, Protocol

from cleanroom.attestation.evidence import Device, DeviceEvidence
from cleanroom.attestation.formats.spdm import NONCE_SIZE
from cleanroom.errors import MachineUnfit

LIBRARY = "libnvidia-nscq.so.2"
SUCCESS = 0
"""NSCQ_RC_SUCCESS; above it are warnings, below it errors."""
MOUNT_DEVICES = 1
"""NSCQ_SESSION_CREATE_MOUNT_DEVICES."""
MOST_SWITCHES = 32
"""More than any machine has; a larger number is not one."""
LABEL_SIZE = 64
UUIDS = "/drv/nvswitch/{device}/uuid"
REPORT = "/{}/config/attestation_report"
CHAIN = "/{}/config/certificate"

Members = Sequence[Any]
"""Name and type of each field: ctypes' own type has no name."""


class Uuid(ctypes.Structure):
    """nscq_uuid_t."""

    _fields_: ClassVar[Members] = (("octets", ctypes.c_uint8 * 16),)


class Report(ctypes.Structure):
    """nscq_attestation_report_t."""

    _fields_: ClassVar[Members] = (
        ("size", ctypes.c_uint32),
        ("octets", ctypes.c_uint8 * 0x2000),
    )


class Chain(ctypes.Structure):
    """nscq_attestation_certificate_t."""

    _fields_: ClassVar[Members] = (
        ("octets", ctypes.c_uint8 * 0x1400),
        ("size", ctypes.c_uint32),
    )


class Session(ctypes.Structure):
    """nscq_session_result_t."""

    _fields_: ClassVar[Members] = (
        ("status", ctypes.c_int8),
        ("session", ctypes.c_void_p),
    )


class Switches(Protocol):
    """What NSCQ is asked."""

    def labels(self) -> Sequence[str]:
        """Names of the switches, in the library's order."""
        ...

    def report(self, label: str, nonce: bytes) -> bytes:
        """A switch's report that carries `nonce`, 32 bytes."""
        ...

    def chain(self, label: str) -> bytes:
        """A switch's certificates, PEM."""
        ...


class NscqSession:
    """The library of the driver, in a session of its own.

    Args:
        library: `libnvidia-nscq`, or one with the same functions.

    Raises:
        MachineUnfit: it begins no session.
    """

    def __init__(self, library: ctypes.CDLL) -> None:
        self._library = library
        library.nscq_session_create.restype = Session
        for function in ("nscq_session_path_observe", "nscq_session_set_input"):
            getattr(library, function).restype = ctypes.c_int8
        library.nscq_uuid_to_label.restype = ctypes.c_int8
        begun = library.nscq_session_create(ctypes.c_uint32(MOUNT_DEVICES))
        _require(begun.status, "nscq_session_create")
        self._session = ctypes.c_void_p(begun.session)

    def labels(self) -> Sequence[str]:
        """Names of the switches, in the library's order.

        Raises:
            MachineUnfit: the library does not answer.
        """
        found = self._observed(UUIDS, ctypes.POINTER(Uuid), _pointed_at)
        return [self._label(Uuid.from_buffer_copy(uuid)) for uuid in found]

    def report(self, label: str, nonce: bytes) -> bytes:
        """A switch's report.

        Raises:
            MachineUnfit: the switch does not answer, or the library states another size.
        """
        given = (ctypes.c_uint8 * NONCE_SIZE).from_buffer_copy(nonce)
        status = self._library.nscq_session_set_input(
            self._session, ctypes.c_uint32(0), ctypes.byref(given), ctypes.c_uint32(NONCE_SIZE)
        )
        _require(status, "nscq_session_set_input")
        answer = Report.from_buffer_copy(self._only(REPORT.format(label), Report))
        return _stated(bytes(answer.octets), answer.size)

    def chain(self, label: str) -> bytes:
        """A switch's certificates, PEM.

        Raises:
            MachineUnfit: the switch does not answer, or the library states another size.
        """
        answer = Chain.from_buffer_copy(self._only(CHAIN.format(label), Chain))
        return _stated(bytes(answer.octets), answer.size)

    def _only(self, path: str, kind: type[ctypes.Structure]) -> bytes:
        found = self._observed(path, kind, bytes)
        if len(found) != 1:
            raise MachineUnfit(f"NSCQ answers {len(found)} times for one switch, expected once")
        return found[0]

    def _observed(self, path: str, kind: type, copy: Callable[[Any], bytes]) -> list[bytes]:
        """What the library calls back with, one for each device of a path."""
        statuses: list[int] = []
        values: list[bytes] = []

        def keep(_device: object, status: int, value: object, _given: object) -> None:
            statuses.append(status)
            if status >= SUCCESS:
                values.append(copy(value))

        signature = ctypes.CFUNCTYPE(None, ctypes.c_void_p, ctypes.c_int8, kind, ctypes.c_void_p)
        called = signature(keep)
        status = self._library.nscq_session_path_observe(
            self._session, ctypes.c_char_p(path.encode()), called, None, ctypes.c_uint32(0)
        )
        for each in (status, *statuses):
            _require(each, path)
        if not all(values):
            raise MachineUnfit("NSCQ answers without a value, expected one for each switch")
        return values

    def _label(self, uuid: Uuid) -> str:
        text = ctypes.create_string_buffer(LABEL_SIZE)
        status = self._library.nscq_uuid_to_label(ctypes.byref(uuid), text, ctypes.c_uint32(0))
        _require(status, "nscq_uuid_to_label")
        return text.value.decode("ascii", "replace")


class NscqSwitch:
    """A `DeviceAttester` of one switch.

    Args:
        switches: NSCQ, in a session.
        label: what the library calls the switch.
    """

    def __init__(self, switches: Switches, label: str) -> None:
        self._switches = switches
        self._label = label

    @property
    def kind(self) -> Device:
        """A switch."""
        return "nvidia-switch"

    def collect(self, nonce: bytes) -> DeviceEvidence:
        """Fresh evidence that carries `nonce`.

        Args:
            nonce: 32 bytes.

        Raises:
            MachineUnfit: the switch does not answer.
        """
        if len(nonce) != NONCE_SIZE:
            raise MachineUnfit(f"the nonce is {len(nonce)} bytes, expected {NONCE_SIZE} bytes")
        return DeviceEvidence(
            platform="nvidia-switch",
            report=self._switches.report(self._label, nonce),
            endorsements=[self._switches.chain(self._label)],
        )


def load_switches(name: str = LIBRARY) -> Switches:
    """The library that is installed, in a session.

    Raises:
        MachineUnfit: there is none, or it begins no session.
    """
    try:
        library = ctypes.CDLL(name)
    except OSError:
        raise MachineUnfit(
            "there is no NSCQ, expected NVIDIA's library of switches in this guest",
            hint="install libnvidia-nscq of the driver's version",
        ) from None
    return NscqSession(library)


def attached_switches(switches: Switches) -> list[NscqSwitch]:
    """Every switch of this guest, in the library's order.

    Args:
        switches: `load_switches()`, or a fake of it.

    Raises:
        MachineUnfit: the library does not answer, or names one switch twice.
    """
    labels = switches.labels()
    if len(labels) > MOST_SWITCHES or len(set(labels)) != len(labels):
        raise MachineUnfit(
            f"NSCQ states {len(labels)} switches, expected at most {MOST_SWITCHES}, each once"
        )
    return [NscqSwitch(switches, label) for label in labels]


def _require(status: int, asked: str) -> None:
    if status < SUCCESS:  # above are warnings
        raise MachineUnfit(
            f"NSCQ answers {asked} with status {status}, expected success",
            hint="lock the switches for protected PCIe, and let the guest see them",
        )


def _pointed_at(uuid: Any) -> bytes:  # noqa: ANN401 - ctypes has no name for a pointer's type
    """A copy, for the library may reuse what it points at; nothing of a null pointer."""
    return bytes(uuid.contents) if uuid else b""


def _stated(buffer: bytes, size: int) -> bytes:
    """The part of a buffer that the library says it filled: what is behind it is nobody's."""
    if not 0 < size <= len(buffer):
        raise MachineUnfit(f"NSCQ states {size} bytes, expected 1 to {len(buffer)}")
    return buffer[:size]
