"""Collects evidence of real GPUs through NVIDIA's management library (NVML, part of the driver).

Never tested on hardware by this project's own tests. The structures are those of `nvml.h`; the
library is an argument, so that tests pass one of their own. Switches answer through another one,
in `nscq`.
"""

import ctypes
import struct
from collections.abc import Callable

from cleanroom.attestation.evidence import Device, DeviceEvidence
from cleanroom.attestation.formats.spdm import NONCE_SIZE
from cleanroom.errors import MachineUnfit

LIBRARY = "libnvidia-ml.so.1"
SUCCESS = 0
"""NVML_SUCCESS."""
MOST_GPUS = 32
"""More than any machine has; a larger number is not one."""
REPORT = struct.Struct("=III32s8192s4096s")
"""nvmlConfComputeGpuAttestationReport_t: whether there is a second report, the sizes of both, the
nonce, which goes in, and both reports."""
CERTIFICATES = struct.Struct("=II4096s5120s")
"""nvmlConfComputeGpuCertificate_t: sizes and bytes of the GPU's chain and of the attestation key's
chain."""

Call = Callable[..., int]
"""NVML: takes a function's name and its arguments, gives its status."""


def load_library(name: str = LIBRARY) -> Call:
    """The library of the driver that is installed.

    Raises:
        MachineUnfit: there is none.
    """
    try:
        library = ctypes.CDLL(name)
    except OSError:
        raise MachineUnfit("there is no NVML, expected NVIDIA's driver in this guest") from None

    def call(function: str, *arguments: object) -> int:
        return int(library[function](*arguments))

    return call


class NvmlGpu:
    """A `DeviceAttester` of one GPU.

    Args:
        call: NVML, started already.
        handle: what the library calls the GPU.
    """

    def __init__(self, call: Call, handle: ctypes.c_void_p) -> None:
        self._call = call
        self._handle = handle

    @property
    def kind(self) -> Device:
        """A GPU."""
        return "nvidia-gpu"

    def collect(self, nonce: bytes) -> DeviceEvidence:
        """Fresh evidence that carries `nonce`.

        Args:
            nonce: 32 bytes.

        Raises:
            MachineUnfit: the GPU is not in confidential mode, or does not answer.
        """
        if len(nonce) != NONCE_SIZE:
            raise MachineUnfit(f"the nonce is {len(nonce)} bytes, expected {NONCE_SIZE} bytes")
        asked = REPORT.pack(0, 0, 0, nonce, b"", b"")
        _, size, _, _, report, _ = REPORT.unpack(
            self._answer("nvmlDeviceGetConfComputeGpuAttestationReport", asked)
        )
        _, length, _, chain = CERTIFICATES.unpack(
            self._answer("nvmlDeviceGetConfComputeGpuCertificate", bytes(CERTIFICATES.size))
        )
        return DeviceEvidence(
            platform="nvidia-gpu",
            report=_stated(report, size),
            endorsements=[_stated(chain, length)],
        )

    def _answer(self, function: str, asked: bytes) -> bytes:
        buffer = ctypes.create_string_buffer(asked, len(asked))
        _require(self._call(function, self._handle, buffer), function)
        return buffer.raw


def attached_gpus(call: Call) -> list[NvmlGpu]:
    """Every GPU of this guest, in the driver's order.

    Args:
        call: `load_library()`, or a fake of it.

    Raises:
        MachineUnfit: the driver does not answer.
    """
    _require(call("nvmlInit_v2"), "nvmlInit_v2")
    count = (ctypes.c_uint * 1)()
    _require(call("nvmlDeviceGetCount_v2", count), "nvmlDeviceGetCount_v2")
    if count[0] > MOST_GPUS:
        raise MachineUnfit(f"NVML states {count[0]} GPUs, expected at most {MOST_GPUS}")
    return [_gpu(call, index) for index in range(count[0])]


def _gpu(call: Call, index: int) -> NvmlGpu:
    handle = (ctypes.c_void_p * 1)()
    function = "nvmlDeviceGetHandleByIndex_v2"
    _require(call(function, ctypes.c_uint(index), handle), function)
    return NvmlGpu(call, ctypes.c_void_p(handle[0]))


def _require(status: int, function: str) -> None:
    if status != SUCCESS:
        raise MachineUnfit(
            f"{function} ends with status {status}, expected success",
            hint="turn confidential computing on for the GPU, and load a driver that knows it",
        )


def _stated(buffer: bytes, size: int) -> bytes:
    """The part of a buffer that the driver says it filled: what is behind it is nobody's."""
    if not 0 < size <= len(buffer):
        raise MachineUnfit(f"NVML states {size} bytes, expected 1 to {len(buffer)}")
    return buffer[:size]
