"""Is this NVIDIA device authentic? Measurements that it signed, under NVIDIA's device root.

The steps, in this order, the first fault ends it:

1. read the request, the response and the opaque fields strictly;
2. the chain is five certificates, leaf first: firmware, boot ROM, provisioner, family, root; the
   root is, by its fingerprint, an anchor of NVIDIA;
3. the chain: names, authority, validity at `now`, ECDSA P-384 signatures;
4. the boot ROM's certificate is of a chip of the kinds that the platform allows;
5. the signature over both messages under the leaf's key;
6. the firmware that the report names (FWID) is the one that the leaf's DICE extension names.

The requester's nonce is compared with the binding by `verifier`, for every device in the same way.

Checks that are deliberately not made: the responder's nonce (it is the device's own), the golden
measurements of NVIDIA (RIM: XML signatures, fetched; the manifest pins measurements instead), and
revocation (NVIDIA answers by OCSP only, and nothing is fetched during verification). Boot ROMs may
issue any number of certificates; that there are exactly five keeps one device's key from vouching
for another device.
"""

from dataclasses import dataclass
from datetime import datetime

from cleanroom.attestation.anchors import Anchors
from cleanroom.attestation.evidence import DeviceEvidence
from cleanroom.attestation.formats.chain import require_chain
from cleanroom.attestation.formats.nvidia import (
    FWID,
    PDI_SIZE,
    Architecture,
    Opaque,
    chip_of,
    firmware_id,
    read_opaque,
)
from cleanroom.attestation.formats.signatures import Suite, der_signature, require_signed
from cleanroom.attestation.formats.spdm import DIGEST_SIZE, Measurements, read_measurements
from cleanroom.attestation.formats.x509 import Certificate, pem_certificates, read_certificate
from cleanroom.attestation.rejection import rejected
from cleanroom.encoding import Digest, content_digest

NVIDIA_SUITE: Suite = "ecdsa-p384-sha384"
"""How everything of NVIDIA's hierarchy is signed: certificates and measurements."""
CHAIN_LENGTH = 5
"""MAX_CERT_CHAIN_LENGTH of NVIDIA's verifiers, for Hopper, Blackwell and switches."""
WHAT = "the measurements"


@dataclass(frozen=True, slots=True)
class AuthenticDevice:
    """Measurements that NVIDIA's chain vouches for; their nonce is not compared yet."""

    measurements: Measurements
    opaque: Opaque
    root: Certificate
    identity: Certificate
    """Of the boot ROM: what NVIDIA certified when the device was made."""
    chip: str
    """Such as `GH100`."""
    architecture: Architecture
    fwid: bytes
    """The firmware's digest that report and certificate agree on; empty where the report names
    none."""

    @property
    def device_id(self) -> Digest:
        """SHA-256 of the boot ROM's public key (SubjectPublicKeyInfo, DER)."""
        return content_digest(self.identity.public_key)

    @property
    def pdi(self) -> bytes:
        """The device's public identifier: the end of its identity certificate's serial number.

        NOTE: so on every device that was seen, and as switches name their GPUs; not documented.
        """
        end = self.identity.serial & (1 << 8 * PDI_SIZE) - 1
        return end.to_bytes(PDI_SIZE, "big")


def authenticate(
    evidence: DeviceEvidence,
    *,
    anchors: Anchors,
    now: datetime,
    kinds: tuple[Architecture, ...],
    names_firmware: bool,
) -> AuthenticDevice:
    """The device in `evidence`, once steps 1 to 6 hold.

    Args:
        evidence: from anybody.
        anchors: the roots that may vouch.
        now: the time to check validity at, aware.
        kinds: generations that the platform allows.
        names_firmware: whether a report without a FWID is refused.

    Raises:
        EvidenceRejected: the first step that does not hold.
    """
    # 1
    measurements = read_measurements(evidence.report)
    opaque = read_opaque(measurements.opaque)
    # 2
    leaf, identity, *above, root = _read_chain(evidence.endorsements)
    _require_anchor(root, anchors)
    # 3
    require_chain([root, *reversed(above), identity, leaf], now)
    # 4
    chip, architecture = chip_of(identity)
    if architecture not in kinds:
        raise rejected("the device", found=chip, expected=" or ".join(kinds))
    # 5
    signature = der_signature(measurements.signature)
    require_signed(measurements.signed, signature, leaf.public_key, WHAT, NVIDIA_SUITE)
    # 6
    fwid = _require_firmware(opaque, leaf, architecture, names_firmware=names_firmware)
    return AuthenticDevice(measurements, opaque, root, identity, chip, architecture, fwid)


def _read_chain(endorsements: list[bytes]) -> list[Certificate]:
    if len(endorsements) != 1:
        raise rejected(
            "endorsements", found=f"{len(endorsements)} of them", expected="one chain, PEM"
        )
    encoded = pem_certificates(endorsements[0])
    if len(encoded) != CHAIN_LENGTH:
        raise rejected(
            "the device's chain",
            found=f"{len(encoded)} certificates",
            expected=f"{CHAIN_LENGTH}: firmware, boot ROM, provisioner, family and root",
        )
    return [read_certificate(one, NVIDIA_SUITE) for one in encoded]


def _require_anchor(root: Certificate, anchors: Anchors) -> None:
    if root.fingerprint not in anchors.roots_of("nvidia"):
        raise rejected(
            "the last certificate of the device's chain",
            found=f"{root.common_name} ({root.fingerprint[:23]}…)",
            expected="a root that is trusted here",
            cause="simulated evidence has a root of its own, which production policies do not "
            "trust",
        )


def _require_firmware(
    opaque: Opaque, leaf: Certificate, architecture: Architecture, *, names_firmware: bool
) -> bytes:
    if FWID not in opaque.fields and not names_firmware:
        return b""
    fwid = opaque.octets(FWID, DIGEST_SIZE)
    if fwid != firmware_id(leaf, architecture):
        raise rejected(
            "the firmware that the report names (FWID)",
            found=f"{fwid.hex()[:16]}…",
            expected=f"what the certificate of {leaf.common_name} names",
            cause="the certificate is of another firmware, or of another device",
        )
    return fwid


def measured(measurements: Measurements) -> dict[str, str]:
    """The digests that are not zero, in hex, by their index in decimal."""
    return {str(index): value.hex() for index, value in measurements.blocks.items() if any(value)}
