"""Is this GPU's evidence authentic? The steps are in `silicon.nvidia`; here are its claims.

Checks of its own: the report names its firmware (FWID), and its two words on open links, the
feature flag and the status of protected PCIe, agree.
"""

from datetime import datetime
from typing import Literal, cast

from cleanroom.attestation.anchors import Anchors
from cleanroom.attestation.claims.nvidia_gpu import GpuMode, NvidiaGpuClaims
from cleanroom.attestation.collateral import Collateral
from cleanroom.attestation.evidence import DeviceEvidence
from cleanroom.attestation.formats import nvidia as opaque_fields
from cleanroom.attestation.formats.nvidia import Opaque, hexadecimal_version, pdis_of
from cleanroom.attestation.rejection import rejected
from cleanroom.attestation.silicon import nvidia

MODES: dict[int, str] = {0: "multi", 1: "single", 2: "protected-pcie"}
"""OpaqueDataFeatureFlag of NVIDIA's attestation-sdk: MPT, SPT, PPCIE."""
SWITCHES: dict[int, str] = {0xAA: "enabled", 0x55: "disabled"}
"""How GPUs write on and off (nvtrust, `NVDEC_STATUS`)."""


def authenticate(
    evidence: DeviceEvidence, *, anchors: Anchors, collateral: Collateral, now: datetime
) -> NvidiaGpuClaims:
    """The claims in `evidence`, once NVIDIA's chain vouches for them.

    Raises:
        EvidenceRejected: the first step that does not hold.
    """
    del collateral  # NVIDIA publishes nothing that is judged offline.
    device = nvidia.authenticate(
        evidence,
        anchors=anchors,
        now=now,
        kinds=("hopper", "blackwell"),
        names_firmware=True,
    )
    opaque = device.opaque
    mode, protected_pcie = _links(opaque)
    return NvidiaGpuClaims(
        platform="nvidia-gpu",
        assurance=anchors.assurance,
        anchor=device.root.fingerprint,
        evidence=evidence.digest,
        verified_at=now.replace(microsecond=0),
        report_data=device.measurements.nonce.hex(),
        architecture=cast('Literal["hopper", "blackwell"]', device.architecture),
        chip=device.chip,
        device_id=device.device_id,
        pdi=device.pdi.hex(),
        measurements=nvidia.measured(device.measurements),
        driver_version=opaque.text(opaque_fields.DRIVER),
        vbios_version=hexadecimal_version(opaque.octets(opaque_fields.VBIOS, 8)),
        fwid=device.fwid.hex(),
        mode=mode,
        protected_pcie=protected_pcie,
        video_decoder=_decoder(opaque),
        board_id=opaque.fields.get(opaque_fields.BOARD, b"").hex(),
        chip_sku=opaque.text(opaque_fields.CHIP_SKU),
        project=f"{opaque.text(opaque_fields.PROJECT)}-{opaque.text(opaque_fields.PROJECT_SKU)}",
        switch_pdis=[one.hex() for one in pdis_of(_switches(opaque), "little")],
        unnamed_fields=opaque.unnamed,
    )


def _links(opaque: Opaque) -> tuple[GpuMode, bool]:
    said = opaque.choice(opaque_fields.FEATURE, 2, MODES) or "unsaid"
    protected = opaque.choice(opaque_fields.PROTECTED_PCIE, 1, SWITCHES) == "enabled"
    if said != "unsaid" and protected != (said == "protected-pcie"):
        raise rejected(
            "the feature flag",
            found=f"{said} beside protected PCIe {'enabled' if protected else 'disabled'}",
            expected="both to say the same",
        )
    return cast("GpuMode", said), protected


def _decoder(opaque: Opaque) -> Literal["enabled", "disabled", "unsaid"]:
    said = opaque.choice(opaque_fields.NVDEC0, 1, SWITCHES) or "unsaid"
    return cast('Literal["enabled", "disabled", "unsaid"]', said)


def _switches(opaque: Opaque) -> bytes:
    return opaque.fields.get(opaque_fields.PDIS, b"")
