"""The rules for the devices beside a machine: how many, each of them, and how they are linked."""

from collections.abc import Iterator, Sequence

from cleanroom.attestation.claims import DeviceClaims
from cleanroom.attestation.claims.nvidia_gpu import NvidiaGpuClaims
from cleanroom.attestation.claims.nvidia_switch import NvidiaSwitchClaims
from cleanroom.attestation.policy.devices import AttachedDevices
from cleanroom.attestation.result import Finding
from cleanroom.attestation.rules import nvidia_gpu, nvidia_switch
from cleanroom.attestation.rules.comparing import any_of, finding


def compare(attached: Sequence[DeviceClaims], asked: AttachedDevices | None) -> list[Finding]:
    """Every finding about the devices, passed or not; none where none are there or asked for.

    Args:
        attached: what `composite` verified.
        asked: what the machine's entry says; None if it says nothing.
    """
    if asked is None:
        return [*check_unasked(attached)]
    gpus = [one for one in attached if isinstance(one, NvidiaGpuClaims)]
    switches = [one for one in attached if isinstance(one, NvidiaSwitchClaims)]
    return [
        *check_counts(gpus, switches, asked),
        *check_gpus(gpus, asked),
        *check_switches(switches, asked),
        *check_links(gpus, switches, asked),
    ]


def check_unasked(attached: Sequence[DeviceClaims]) -> Iterator[Finding]:
    """Nothing is beside a machine whose entry asks for nothing."""
    if attached:
        found = any_of([one.platform for one in attached])
        yield finding("devices-unasked", "devices", found, "none", passed=False)


def check_counts(
    gpus: Sequence[NvidiaGpuClaims], switches: Sequence[NvidiaSwitchClaims], asked: AttachedDevices
) -> Iterator[Finding]:
    """There are exactly as many devices as asked for."""
    wanted = 0 if asked.switches is None else asked.switches.count
    for code, check, found, expected in (
        ("devices-gpus", "GPUs", len(gpus), asked.gpus.count),
        ("devices-switches", "switches", len(switches), wanted),
    ):
        yield finding(code, check, str(found), str(expected), passed=found == expected)


def check_gpus(gpus: Sequence[NvidiaGpuClaims], asked: AttachedDevices) -> Iterator[Finding]:
    """Each GPU meets the policy for GPUs, whole."""
    for at, gpu in enumerate(gpus):
        yield from _named(f"GPU {at}", nvidia_gpu.compare(gpu, asked.gpus.policy))


def check_switches(
    switches: Sequence[NvidiaSwitchClaims], asked: AttachedDevices
) -> Iterator[Finding]:
    """Each switch meets the policy for switches, whole."""
    if asked.switches is None:
        return
    for at, switch in enumerate(switches):
        yield from _named(f"switch {at}", nvidia_switch.compare(switch, asked.switches.policy))


def check_links(
    gpus: Sequence[NvidiaGpuClaims], switches: Sequence[NvidiaSwitchClaims], asked: AttachedDevices
) -> Iterator[Finding]:
    """GPUs see attested switches only, and switches see attested GPUs only.

    Both sides are signed: the switches that a GPU names, and the GPUs that a switch names. One
    that is not among the devices would be somebody else's, on links that are open.
    """
    if asked.switches is None:
        return
    known = {switch.pdi for switch in switches}
    for at, gpu in enumerate(gpus):
        strangers = sorted(set(gpu.switch_pdis) - known)
        yield _links(f"switches of GPU {at}", strangers, linked=bool(gpu.switch_pdis))
    present = {gpu.pdi for gpu in gpus}
    for at, switch in enumerate(switches):
        strangers = sorted(set(switch.gpu_pdis) - present)
        yield _links(f"GPUs of switch {at}", strangers, linked=bool(switch.gpu_pdis))


def _links(check: str, strangers: list[str], *, linked: bool) -> Finding:
    found = f"attested, and {any_of(strangers)}" if strangers else "attested"
    passed = linked and not strangers
    return finding("devices-links", check, found if linked else "none", "attested", passed=passed)


def _named(device: str, findings: list[Finding]) -> Iterator[Finding]:
    for one in findings:
        yield one.model_copy(update={"check": f"{device} {one.check}"})
