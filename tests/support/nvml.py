"""NVIDIA's management library, made up: simulated GPUs behind the driver's functions."""

from enclave.attester.nvml import CERTIFICATES, REPORT
from tests.support.nvidia import board


class FakeNvml:
    """A driver with simulated GPUs; a field of it spoils one answer."""

    def __init__(self, gpus=2, source=None):
        source = source or board()
        self.gpus = [source.device("nvidia-gpu", index) for index in range(gpus)]
        self.count = gpus
        self.refuses = ""
        self.stated = None
        self.called = []

    def __call__(self, function, *arguments):
        self.called.append(function)
        if function == self.refuses:
            return 3
        getattr(self, function)(*arguments)
        return 0

    def nvmlInit_v2(self):  # noqa: N802
        """Started."""

    def nvmlDeviceGetCount_v2(self, count):  # noqa: N802
        count[0] = self.count

    def nvmlDeviceGetHandleByIndex_v2(self, index, handle):  # noqa: N802
        handle[0] = 0x1000 + index.value

    def nvmlDeviceGetConfComputeGpuAttestationReport(self, handle, buffer):  # noqa: N802
        asked = REPORT.unpack(buffer.raw)[3]
        report = self.gpus[handle.value - 0x1000].collect(asked).report
        size = len(report) if self.stated is None else self.stated
        buffer[:] = REPORT.pack(0, size, 0, asked, report + b"left over", b"")

    def nvmlDeviceGetConfComputeGpuCertificate(self, handle, buffer):  # noqa: N802
        chain = self.gpus[handle.value - 0x1000].chain
        buffer[:] = CERTIFICATES.pack(0, len(chain), b"", chain + b"left over")
