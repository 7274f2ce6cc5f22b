"""Is this switch's evidence authentic? The steps are in `silicon.nvidia`; here are its claims.

A switch's report names no firmware (FWID), so step 6 is left out where it does not; its
measurements and its certificate's key are what tells the firmware.
"""

from datetime import datetime

from cleanroom.attestation.anchors import Anchors
from cleanroom.attestation.claims.nvidia_switch import NvidiaSwitchClaims
from cleanroom.attestation.collateral import Collateral
from cleanroom.attestation.evidence import DeviceEvidence
from cleanroom.attestation.formats import nvidia as opaque_fields
from cleanroom.attestation.formats.nvidia import MOST_CONNECTED, PDI_SIZE, Opaque, pdis_of
from cleanroom.attestation.formats.reader import Reader
from cleanroom.attestation.silicon import nvidia

LOCKS: dict[int, str] = {0: "open", 1: "locked"}
"""OPAQUE_FIELD_ID_SWITCH_LOCK_STATUS (nvtrust); every real sample has 1."""


def authenticate(
    evidence: DeviceEvidence, *, anchors: Anchors, collateral: Collateral, now: datetime
) -> NvidiaSwitchClaims:
    """The claims in `evidence`, once NVIDIA's chain vouches for them.

    Raises:
        EvidenceRejected: the first step that does not hold.
    """
    del collateral  # NVIDIA publishes nothing that is judged offline.
    device = nvidia.authenticate(
        evidence, anchors=anchors, now=now, kinds=("ls10",), names_firmware=False
    )
    opaque = device.opaque
    return NvidiaSwitchClaims(
        platform="nvidia-switch",
        assurance=anchors.assurance,
        anchor=device.root.fingerprint,
        evidence=evidence.digest,
        verified_at=now.replace(microsecond=0),
        report_data=device.measurements.nonce.hex(),
        architecture="ls10",
        chip=device.chip,
        device_id=device.device_id,
        pdi=opaque.octets(opaque_fields.PDIS, PDI_SIZE).hex(),
        measurements=nvidia.measured(device.measurements),
        vbios_version=opaque.text(opaque_fields.VBIOS),
        locked=opaque.choice(opaque_fields.LOCK, 2, LOCKS) == "locked",
        position=int.from_bytes(opaque.octets(opaque_fields.POSITION, 2), "little"),
        disabled_ports=opaque.fields.get(opaque_fields.DISABLED_PORTS, b"").hex(),
        gpu_pdis=[one.hex() for one in pdis_of(_gpus(opaque), "big")],
        unnamed_fields=opaque.unnamed,
    )


def _gpus(opaque: Opaque) -> bytes:
    """The identifiers of eight GPUs; the ports behind them are not read."""
    connected = Reader(opaque.fields.get(opaque_fields.CONNECTED, b""), "connected GPUs")
    return connected.take(MOST_CONNECTED * PDI_SIZE, "identifiers")
