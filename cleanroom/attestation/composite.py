"""Evidence of several parts: a machine, and the devices beside it, bound to each other both ways.

    base      = the 64 bytes that the conversation expects
    device i  carries  SHA-256(bind("cleanroom/device/v1", base, its platform, i))   as its nonce
    machine   carries  bind("cleanroom/composite/v1", base, digest of each device's evidence)

The devices are asked first, then the machine. So a device's evidence is of this conversation and
of this place in the list, and the machine vouches for these very devices and no others: none can
be left out, added, exchanged or turned around. Without devices the machine carries `base` itself,
which is the same as ever. See `docs/adr/0006-composite-evidence.md`.

What this cannot say is that a device is on the bus of the machine: the measured code that asked it
is what knows.
"""

import hashlib
from collections.abc import Sequence
from datetime import datetime

from cleanroom.attestation.anchors import Anchors
from cleanroom.attestation.binding import Binding, bind, check_binding
from cleanroom.attestation.claims import DeviceClaims
from cleanroom.attestation.collateral import Collateral
from cleanroom.attestation.devices import DEVICES
from cleanroom.attestation.evidence import Device, DeviceEvidence
from cleanroom.attestation.rejection import rejected
from cleanroom.encoding import raw_digest

INDEX_SIZE = 4
"""How a device's place is written, big-endian; in bytes."""


def device_nonce(base: Binding, device: Device, index: int) -> bytes:
    """What the device at `index` must sign: 32 bytes, for that is what its request has room for.

    Args:
        base: the binding of the conversation.
        device: its kind.
        index: its place among all devices, from 0.
    """
    place = index.to_bytes(INDEX_SIZE, "big")
    bound = bind("cleanroom/device/v1", base, device.encode(), place)
    return hashlib.sha256(bound).digest()


def machine_binding(base: Binding, attached: Sequence[DeviceEvidence]) -> Binding:
    """What the machine beside these devices must carry; `base` where there are none.

    Args:
        base: the binding of the conversation.
        attached: the devices' evidence, in its order.
    """
    if not attached:
        return base
    digests = [raw_digest(one.digest) for one in attached]
    return bind("cleanroom/composite/v1", base, *digests)


def verify_attached(
    attached: Sequence[DeviceEvidence],
    *,
    base: Binding,
    anchors: Anchors,
    collateral: Collateral,
    now: datetime,
) -> list[DeviceClaims]:
    """The claims of every device, in order, once all of them hold.

    Args:
        attached: from anybody; nothing in it is trusted yet.
        base: the binding of the conversation.
        anchors: the roots that may vouch.
        collateral: what vendors say beside certificates.
        now: the time to check validity at, aware.

    Raises:
        EvidenceRejected: some layout, chain or signature does not hold, or a device is there twice.
        BindingMismatch: some device answered another conversation, or for another place.
    """
    claims = [
        _verify_device(one, device_nonce(base, one.platform, index), anchors, collateral, now)
        for index, one in enumerate(attached)
    ]
    seen: set[str] = set()
    for one in claims:
        if one.device_id in seen:
            raise rejected(
                f"the device {one.device_id[:23]}…", found="there twice", expected="each once"
            )
        seen.add(one.device_id)
    return claims


def _verify_device(
    evidence: DeviceEvidence, nonce: bytes, anchors: Anchors, collateral: Collateral, now: datetime
) -> DeviceClaims:
    authenticate = DEVICES[evidence.platform]
    claims = authenticate(evidence, anchors=anchors, collateral=collateral, now=now)
    check_binding(bytes.fromhex(claims.report_data), nonce)
    return claims
