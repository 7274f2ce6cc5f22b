"""What an entry says about the devices beside its machine, in words."""

from cleanroom.attestation.policy.devices import AttachedDevices
from cleanroom.attestation.policy.nvidia import DriverFloors, VbiosFloors
from cleanroom.attestation.policy.nvidia_gpu import NvidiaGpuPolicy
from cleanroom.attestation.policy.nvidia_switch import NvidiaSwitchPolicy

SIMULATED = "some attached device is simulated: whoever runs it can read everything"
BUS = (
    "that a GPU sits on the bus of this very machine is known from the measured driver inside the "
    "image, which asks it: no signature of the processor covers the bus"
)
REVOCATION = (
    "NVIDIA withdraws devices by an online service (OCSP), which is not asked: list device_ids to "
    "leave one out"
)
DEVTOOLS = (
    "a GPU does not say whether developer tools are on: only its measurements differ, so list "
    "those of a GPU without them"
)
ANY_GPU = "any GPU of the listed kind is accepted: one whose keys an attacker holds, too"
ANY_SWITCH = "any switch of the listed kind is accepted"
ANY_MEASUREMENT = "what GPUs or switches measure at these indexes is not asked for"
ANY_VERSION = "drivers or firmware of any version are accepted where the measurements allow it"
OPEN_LINKS = (
    "links between GPUs are not encrypted (protected-pcie): whoever reads the board's traces reads "
    "them"
)
UNSAID = "GPUs with older firmware are accepted, which do not say how they are passed through"
UNLOCKED = "switches may be open to new routes"
HINTS = {
    "devices-unasked": "remove the devices from the guest, or list them in the entry's devices",
    "devices-gpus": "pass as many GPUs through as the manifest asks for",
    "devices-switches": "pass as many switches through as the manifest asks for",
    "devices-links": "pass the whole board through: every GPU with every switch between them",
    "nvidia-gpu-assurance": "development_roots in the device's policy and simulated GPUs belong "
    "together",
    "nvidia-gpu-architecture": "use GPUs of a listed generation, or list this one",
    "nvidia-gpu-mode": "set the GPU's confidential mode as the manifest lists it",
    "nvidia-gpu-driver": "install a listed driver, or list this one",
    "nvidia-gpu-vbios": "update the GPU's VBIOS, or list this one",
    "nvidia-gpu-measurement": "turn developer tools off; list the measurements that belong to this "
    "driver and VBIOS",
    "nvidia-gpu-device-id": "run on a GPU that the manifest lists",
    "nvidia-switch-assurance": "development_roots in the device's policy and simulated switches "
    "belong together",
    "nvidia-switch-architecture": "use switches of a listed generation",
    "nvidia-switch-lock": "let the fabric manager lock the switches before the guest starts",
    "nvidia-switch-vbios": "update the switch's firmware, or list this one",
    "nvidia-switch-measurement": "list the measurements that belong to this firmware and place",
    "nvidia-switch-device-id": "run on a board whose switches the manifest lists",
}
"""What usually mends a failed finding, by its code."""


def described(asked: AttachedDevices) -> list[str]:
    """What this entry accepts beside its machine, one phrase each."""
    gpus, switches = asked.gpus, asked.switches
    listed = "any" if gpus.policy.device_ids == "any" else f"{len(gpus.policy.device_ids)} listed"
    said = [
        f"exactly {gpus.count} GPU of NVIDIA: {', '.join(gpus.policy.architectures)}",
        f"GPUs: {listed}, modes: {', '.join(gpus.policy.modes)}",
        f"GPU drivers: {_versions(gpus.policy.drivers)}, VBIOS: {_versions(gpus.policy.vbios)}",
        f"GPU measurements: {len(gpus.policy.measurements)} listed, the others zero",
    ]
    if switches is not None:
        kinds = ", ".join(switches.policy.architectures)
        said.append(f"exactly {switches.count} NVSwitch of NVIDIA: {kinds}")
    return said


def left_open(asked: AttachedDevices) -> list[str]:
    """One sentence for each thing about the devices that this entry does not close."""
    gpus = asked.gpus.policy
    said = [BUS, REVOCATION, DEVTOOLS, *_open_gpu(gpus)]
    policies: list[NvidiaGpuPolicy | NvidiaSwitchPolicy] = [gpus]
    if asked.switches is not None:
        policies.append(asked.switches.policy)
    if any(one.development_roots is not None for one in policies):
        said.insert(0, SIMULATED)
    if any("any" in one.measurements.values() for one in policies):
        said.append(ANY_MEASUREMENT)
    if gpus.drivers == "any" or any(one.vbios == "any" for one in policies):
        said.append(ANY_VERSION)
    if asked.switches is not None and asked.switches.policy.lock == "any":
        said.append(UNLOCKED)
    if asked.switches is not None and not asked.switches.policy.lists_machines:
        said.append(ANY_SWITCH)
    return said


def _open_gpu(policy: NvidiaGpuPolicy) -> list[str]:
    said = [] if policy.lists_machines else [ANY_GPU]
    if "protected-pcie" in policy.modes:
        said.append(OPEN_LINKS)
    if "unsaid" in policy.modes:
        said.append(UNSAID)
    return said


def _versions(asked: str | list[str] | DriverFloors | VbiosFloors) -> str:
    if isinstance(asked, DriverFloors | VbiosFloors):
        return f"at least {' or '.join(asked.at_least)}"
    return asked if isinstance(asked, str) else " or ".join(asked)
