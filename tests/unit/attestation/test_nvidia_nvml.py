"""The collector of GPUs over a library that the test makes up."""

import ctypes

import pytest

from cleanroom.errors import MachineUnfit
from enclave.attester.nvml import CERTIFICATES, REPORT, attached_gpus, load_library
from tests.support.nvidia import NONCE, authenticated
from tests.support.nvml import FakeNvml


def test_gpus_answer_in_the_drivers_order():
    library = FakeNvml()
    gpus = attached_gpus(library)
    found = [authenticated(gpu.collect(NONCE)) for gpu in gpus]
    assert [claims.report_data for claims in found] == [NONCE.hex()] * 2
    assert len({claims.device_id for claims in found}) == 2
    assert [gpu.kind for gpu in gpus] == ["nvidia-gpu"] * 2
    assert library.called[0] == "nvmlInit_v2"


def test_structures_are_as_long_as_the_drivers():
    class Report(ctypes.Structure):
        _fields_ = (
            ("isCecAttestationReportPresent", ctypes.c_uint),
            ("attestationReportSize", ctypes.c_uint),
            ("cecAttestationReportSize", ctypes.c_uint),
            ("nonce", ctypes.c_ubyte * 0x20),
            ("attestationReport", ctypes.c_ubyte * 0x2000),
            ("cecAttestationReport", ctypes.c_ubyte * 0x1000),
        )

    class Certificate(ctypes.Structure):
        _fields_ = (
            ("certChainSize", ctypes.c_uint),
            ("attestationCertChainSize", ctypes.c_uint),
            ("certChain", ctypes.c_ubyte * 0x1000),
            ("attestationCertChain", ctypes.c_ubyte * 0x1400),
        )

    assert ctypes.sizeof(Report) == REPORT.size
    assert ctypes.sizeof(Certificate) == CERTIFICATES.size


@pytest.mark.parametrize(
    "function",
    [
        "nvmlInit_v2",
        "nvmlDeviceGetCount_v2",
        "nvmlDeviceGetHandleByIndex_v2",
        "nvmlDeviceGetConfComputeGpuAttestationReport",
        "nvmlDeviceGetConfComputeGpuCertificate",
    ],
)
def test_driver_that_refuses_is_named(function):
    library = FakeNvml()
    library.refuses = function
    with pytest.raises(MachineUnfit, match=f"{function} ends with status 3"):
        [gpu.collect(NONCE) for gpu in attached_gpus(library)]


@pytest.mark.parametrize("size", [0, 0x2001, 2**32 - 1])
def test_size_beyond_the_buffer_is_refused(size):
    library = FakeNvml(1)
    library.stated = size
    with pytest.raises(MachineUnfit, match=f"NVML states {size} bytes, expected 1 to 8192"):
        attached_gpus(library)[0].collect(NONCE)


def test_driver_without_reason_states_too_many_gpus():
    library = FakeNvml()
    library.count = 33
    with pytest.raises(MachineUnfit, match="33 GPUs, expected at most 32"):
        attached_gpus(library)


def test_short_nonce_is_refused_before_the_driver_is_asked():
    library = FakeNvml()
    (gpu, _) = attached_gpus(library)
    with pytest.raises(MachineUnfit, match="the nonce is 31 bytes, expected 32 bytes"):
        gpu.collect(NONCE[:31])
    assert "nvmlDeviceGetConfComputeGpuAttestationReport" not in library.called


def test_guest_without_the_driver_is_told_so():
    with pytest.raises(MachineUnfit, match="there is no NVML"):
        load_library("libnvidia-ml-that-is-not-installed.so.1")


def test_functions_of_a_library_are_called_by_name():
    call = load_library("libc.so.6")
    assert call("abs", ctypes.c_int(-7)) == 7
