"""Make-believe GPUs and switches: real formats, signed under a root that was made for one room.

Nothing here protects anything: whoever runs it holds every key. Verifiers accept it only where the
manifest pins the root of this very board.
"""

import hashlib
import secrets
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Self

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from cleanroom.attestation.evidence import Device, DeviceEvidence
from cleanroom.attestation.formats.nvidia import FORMAT_VERSION, FWID, PDI_SIZE, PROTECTED_PCIE
from cleanroom.attestation.formats.spdm import SIGNATURE_SIZE
from cleanroom.attestation.policy.devices import AttachedDevices
from cleanroom.encoding import Bytes, Digest, Instant, Record, content_digest, frame
from enclave.attester.certifying import pem
from enclave.attester.issuing_nvidia import (
    AUTHORITIES,
    ROOT_NAME,
    Signer,
    composite_device_id,
    issue_authority,
    issue_leaf,
    tcb_info,
)
from enclave.attester.keeping import keep, load_ec_key, private_bytes, read_kept
from enclave.attester.measuring_nvidia import (
    DEBUG_BLOCKS,
    GPU_BLOCKS,
    SWITCH_BLOCKS,
    Linked,
    good_blocks,
    gpu_fields,
    message,
    signature,
    switch_fields,
)
from enclave.attester.scenarios_nvidia import SCENARIOS, NvidiaScenario, NvidiaScenarioName

BOARD_FILE = "simulated-nvidia-board.json"
CURVE = ec.SECP384R1()
ORDER_BITS = 383
"""Derived secrets are below the order of P-384, whatever they are."""
FIRMWARE = hashlib.sha384(b"simulated firmware").digest()
SERIAL_PREFIX = {"nvidia-gpu": 0x41, "nvidia-switch": 0x50}
"""The first byte of a boot ROM's serial number, before the device's identifier."""


class NvidiaBoardSecrets(Record):
    """What the file holds: private keys (PKCS #8, DER), the seed, and certificates (DER)."""

    made_at: Instant
    """Certificates are valid since then."""
    issuer_key: Bytes
    """Of both authorities below the root."""
    seed: Bytes
    """What the devices' keys and identifiers come from, 32 bytes."""
    root: Bytes
    authorities: list[Bytes]
    """Below the root, the issuer of boot ROMs last."""


class SimulatedNvidiaBoard:
    """One make-believe board of GPUs and switches; its `repr` shows its root only."""

    def __init__(self, kept: NvidiaBoardSecrets) -> None:
        self._kept = kept

    @classmethod
    def create(cls, directory: Path, now: datetime) -> Self:
        """Make a board and keep it in `directory`.

        Raises:
            Usage: there is one already.
        """
        root, issuer = (ec.generate_private_key(CURVE) for _ in range(2))
        since = now.replace(microsecond=0)
        itself, family = Signer(ROOT_NAME, root, since), Signer(AUTHORITIES[0], issuer, since)
        kept = NvidiaBoardSecrets(
            made_at=since,
            issuer_key=private_bytes(issuer),
            seed=secrets.token_bytes(32),
            root=issue_authority(ROOT_NAME, root.public_key(), itself),
            authorities=[
                issue_authority(AUTHORITIES[0], issuer.public_key(), itself),
                issue_authority(AUTHORITIES[1], issuer.public_key(), family),
            ],
        )
        return cls(keep(directory / BOARD_FILE, kept))

    @classmethod
    def load(cls, directory: Path) -> Self:
        """The board kept in `directory`.

        Raises:
            FileMissing: there is none.
        """
        return cls(read_kept(directory / BOARD_FILE, NvidiaBoardSecrets))

    @property
    def root_fingerprint(self) -> Digest:
        """What a device's policy pins as one of its `development_roots`."""
        return content_digest(self._kept.root)

    def devices(
        self, gpus: int = 1, switches: int = 0, scenario: NvidiaScenarioName = "good"
    ) -> list["SimulatedDevice"]:
        """GPUs, then switches, each linked to all of the other kind.

        Args:
            gpus: how many.
            switches: how many; with any the GPUs are in protected PCIe mode.
            scenario: what is wrong with the first device; all others are good.
        """
        listed: list[tuple[Device, int]] = [("nvidia-gpu", at) for at in range(gpus)]
        listed += [("nvidia-switch", at) for at in range(switches)]
        linked: dict[Device, tuple[bytes, ...]] = {
            "nvidia-gpu": tuple(self._pdi("nvidia-switch", at) for at in range(switches)),
            "nvidia-switch": tuple(self._pdi("nvidia-gpu", at) for at in range(gpus)),
        }
        return [
            self.device(kind, index, "good" if at else scenario, linked[kind])
            for at, (kind, index) in enumerate(listed)
        ]

    def device(
        self,
        kind: Device,
        index: int = 0,
        scenario: NvidiaScenarioName = "good",
        peers: tuple[bytes, ...] = (),
    ) -> "SimulatedDevice":
        """One device of this board, which answers whoever asks.

        Args:
            kind: GPU or switch.
            index: which of them.
            scenario: what is wrong with it.
            peers: identifiers of the devices that it is linked to.
        """
        chosen = SCENARIOS[scenario]
        peers = (*peers, self._pdi(kind, 10**6)) if chosen.stranger else peers
        key = self._key(kind, index + 1 if chosen.other_signer else index, "firmware")
        linked = Linked(self._pdi(kind, index), peers)
        return SimulatedDevice(kind, index, chosen, linked, self._chain(kind, index, chosen), key)

    def policy(self, gpus: int = 1, switches: int = 0) -> AttachedDevices:
        """What a machine's entry asks for, to accept this board's good devices."""
        asked: dict[str, object] = {"gpus": {"count": gpus, "policy": self._gpu_policy(switches)}}
        if switches:
            asked["switches"] = {
                "count": switches,
                "policy": {
                    "platform": "nvidia-switch",
                    "measurements": _listed("nvidia-switch", SWITCH_BLOCKS),
                    "vbios": ["96.10.73.00.01"],
                    "development_roots": [self.root_fingerprint],
                },
            }
        return AttachedDevices.from_plain(asked)

    def _gpu_policy(self, switches: int) -> dict[str, object]:
        return {
            "platform": "nvidia-gpu",
            "architectures": ["hopper"],
            "measurements": _listed("nvidia-gpu", GPU_BLOCKS),
            "drivers": ["590.12"],
            "vbios": ["96.00.A5.00.01"],
            "modes": ["protected-pcie"] if switches else ["multi"],
            "development_roots": [self.root_fingerprint],
        }

    def _chain(self, kind: Device, index: int, scenario: NvidiaScenario) -> bytes:
        kept, since = self._kept, self._kept.made_at
        is_gpu = (kind == "nvidia-gpu") != scenario.wrong_kind
        chip = ("GB100" if scenario.blackwell else "GH100") if is_gpu else "LS_10"
        part = "GSP" if is_gpu else "FSP"
        rom, firmware = (self._key(kind, index, one) for one in ("rom", "firmware"))
        serial = int.from_bytes(bytes([SERIAL_PREFIX[kind]]) + self._pdi(kind, index), "big")
        name = f"{chip} A01 {part} BROM"
        provisioner = Signer(AUTHORITIES[1], load_ec_key(kept.issuer_key), since)
        above = [issue_authority(name, rom.public_key(), provisioner, serial)]
        if scenario.long_chain:
            above.insert(0, issue_authority(name, rom.public_key(), Signer(name, rom, since), 1))
        blackwell, key = scenario.blackwell, rom.public_key()
        dice = tcb_info(FIRMWARE) if blackwell else composite_device_id(key, FIRMWARE)
        leaf_name = f"{chip} A01 {part} FMC LF"
        leaf = issue_leaf(leaf_name, firmware.public_key(), Signer(name, rom, since), dice)
        return pem(leaf, *above, *reversed(kept.authorities), kept.root)

    def _key(self, kind: Device, index: int, use: str) -> ec.EllipticCurvePrivateKey:
        number = int.from_bytes(self._derived(kind, index, use, 48), "big")
        return ec.derive_private_key((number >> (384 - ORDER_BITS)) | 1, CURVE)

    def _pdi(self, kind: Device, index: int) -> bytes:
        return self._derived(kind, index, "identifier", PDI_SIZE)

    def _derived(self, kind: Device, index: int, use: str, length: int) -> bytes:
        bound = frame(
            "cleanroom/simulated-nvidia/v1", kind.encode(), str(index).encode(), use.encode()
        )
        return HKDF(SHA256(), length, salt=None, info=bound).derive(self._kept.seed)

    def __repr__(self) -> str:
        return f"SimulatedNvidiaBoard({self.root_fingerprint})"


@dataclass(frozen=True, slots=True)
class SimulatedDevice:
    """A `DeviceAttester` of a make-believe device."""

    kind: Device
    index: int
    scenario: NvidiaScenario
    linked: Linked
    chain: bytes = field(repr=False)
    key: ec.EllipticCurvePrivateKey = field(repr=False)

    def collect(self, nonce: bytes) -> DeviceEvidence:
        """Fresh evidence that carries `nonce`, unless the scenario spoils it."""
        asked = hashlib.sha256(nonce).digest() if self.scenario.other_nonce else nonce
        content = message(asked, self.blocks(), self.fields())
        signed = bytes(SIGNATURE_SIZE) if self.scenario.masked else signature(content, self.key)
        return DeviceEvidence(
            platform=self.kind, report=content + signed, endorsements=[self.chain]
        )

    def blocks(self) -> dict[int, bytes]:
        """What the device measures."""
        blocks = good_blocks(self.kind, GPU_BLOCKS if self._is_gpu else SWITCH_BLOCKS)
        spoiled: tuple[int, ...] = DEBUG_BLOCKS if self.scenario.debug else ()
        if self.scenario.spoiled_block is not None:
            spoiled = (self.scenario.spoiled_block,)
        return blocks | {index: hashlib.sha384(b"another").digest() for index in spoiled}

    def fields(self) -> dict[int, bytes]:
        """What the device adds to its measurements."""
        chosen = self.scenario
        if not self._is_gpu:
            fields = switch_fields(self.linked, self.index, locked=not chosen.unlocked)
        else:
            fwid = hashlib.sha384(b"another").digest() if chosen.other_firmware else FIRMWARE
            mode = 2 if self.linked.others else 0
            told = None if chosen.unsaid else mode
            fields = gpu_fields(fwid, told, self.linked, decoder=chosen.debug)
        if chosen.contradiction:
            fields[PROTECTED_PCIE] = b"\xaa"
        if chosen.no_firmware:
            fields.pop(FWID, None)
        if chosen.newer_format:
            fields[FORMAT_VERSION] = b"\x02\0"
        return fields | ({200: b"?"} if chosen.unnamed_field else {})

    @property
    def _is_gpu(self) -> bool:
        return self.kind == "nvidia-gpu"


def _listed(kind: Device, count: int) -> dict[str, list[str]]:
    """Measurements of a good device, as a policy lists them."""
    blocks = good_blocks(kind, count)
    return {str(index): [value.hex()] for index, value in blocks.items() if any(value)}
