"""A make-believe Nitro Secure Module under a root of its own: real documents, no enclave.

As in `simulated`, the keys are made per room and stay in one file of mode 0600, and whoever has the
file can sign anything. Evidence passes exactly the code that real documents pass, and is accepted
only where a manifest pins this root.
"""

import hashlib
import secrets
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Self

import cbor2
from cryptography.hazmat.primitives.asymmetric import ec

from cleanroom.attestation.binding import Binding, binding_of
from cleanroom.attestation.evidence import Evidence
from cleanroom.attestation.formats.cbor import BREAK, OPEN_MAP
from cleanroom.attestation.formats.nitro import MEASURED, PCR_SIZE
from cleanroom.attestation.policy import NitroPolicy
from cleanroom.encoding import Bytes, Digest, Instant, Record, content_digest, frame
from enclave.attester.deriving import derived
from enclave.attester.issuing_nitro import (
    AUTHORITIES,
    ROOT_NAME,
    Issuer,
    Window,
    issue_authority,
    issue_leaf,
)
from enclave.attester.keeping import keep, load_ec_key, private_bytes, read_kept
from enclave.attester.scenarios_nitro import SCENARIOS, NitroScenario, NitroScenarioName
from enclave.attester.signing_cose import sign1

PLATFORM_FILE = "simulated-nitro-platform.json"
CHAIN_HOURS = (-48, 25 * 365 * 24)
"""The root of AWS lives 30 years; here everything but the leaf lives as long as a room may."""
REGISTERS = 16
"""How many registers a module signs."""


class NitroPlatformSecrets(Record):
    """What the file holds: private keys (PKCS #8, DER), the seed, and certificates (DER)."""

    made_at: Instant
    """Leaves are valid around this time."""
    root_key: Bytes
    issuer_key: Bytes
    """Of every authority below the root."""
    module_key: Bytes
    """Signs documents."""
    seed: Bytes
    """What derived keys and the enclave's identity come from, 32 bytes."""
    root: Bytes
    authorities: list[Bytes]
    """Below the root, the issuer of leaves last."""


class SimulatedNitroPlatform:
    """One make-believe parent instance; its `repr` shows its root only."""

    def __init__(self, kept: NitroPlatformSecrets) -> None:
        self._kept = kept

    @classmethod
    def create(cls, directory: Path, now: datetime) -> Self:
        """Make a machine and keep it in `directory`.

        Raises:
            Usage: there is one already.
        """
        root, issuer, module = (ec.generate_private_key(ec.SECP384R1()) for _ in range(3))
        window = Window.around(now, CHAIN_HOURS)
        itself = Issuer(ROOT_NAME, root)
        kept = NitroPlatformSecrets(
            made_at=now.replace(microsecond=0),
            root_key=private_bytes(root),
            issuer_key=private_bytes(issuer),
            module_key=private_bytes(module),
            seed=secrets.token_bytes(32),
            root=issue_authority(ROOT_NAME, root.public_key(), itself, window, None),
            authorities=_authorities(AUTHORITIES, itself, issuer, window),
        )
        return cls(keep(directory / PLATFORM_FILE, kept))

    @classmethod
    def load(cls, directory: Path) -> Self:
        """The machine kept in `directory`.

        Raises:
            FileMissing: there is none.
        """
        return cls(read_kept(directory / PLATFORM_FILE, NitroPlatformSecrets))

    @property
    def root_fingerprint(self) -> Digest:
        """What a manifest pins as one of its `development_roots`."""
        return content_digest(self._kept.root)

    @property
    def root_certificate(self) -> bytes:
        """The root, DER."""
        return self._kept.root

    @property
    def module_id(self) -> str:
        """The make-believe enclave."""
        named = hashlib.sha256(frame("cleanroom/simulated-module/v1", self._kept.seed)).hexdigest()
        return f"i-{named[:17]}-enc{named[17:33]}"

    def policy(self, measurement: bytes) -> NitroPolicy:
        """An entry that accepts enclaves of this machine, as a manifest would have it.

        Args:
            measurement: the image's PCR0, 48 bytes.
        """
        pcrs = registers_of(measurement, self.module_id)
        listed = {f"pcr{number}": [pcrs[number].hex()] for number in MEASURED}
        return NitroPolicy.from_plain(
            {
                "platform": "nitro",
                **listed,
                "host_data": "any",
                "development_roots": [self.root_fingerprint],
            }
        )

    def attester(
        self, measurement: bytes, scenario: NitroScenarioName = "good"
    ) -> "SimulatedNitroAttester":
        """An enclave on this machine.

        Args:
            measurement: what was launched (PCR0), 48 bytes.
            scenario: what is wrong with it.
        """
        chosen, kept = SCENARIOS[scenario], self._kept
        names = (*AUTHORITIES, "one-more.simulated") if chosen.long_path else AUTHORITIES
        bundle, issuer = [kept.root, *kept.authorities], load_ec_key(kept.issuer_key)
        if chosen.long_path:
            window = Window.around(kept.made_at, CHAIN_HOURS)
            above = Issuer(AUTHORITIES[-1], issuer)
            bundle.append(issue_authority(names[-1], issuer.public_key(), above, window, 0))
        module = load_ec_key(kept.module_key)
        window = Window.around(kept.made_at, chosen.leaf_hours)
        return SimulatedNitroAttester(
            measurement=measurement,
            module_id=self.module_id,
            scenario=chosen,
            certificate=issue_leaf(module.public_key(), Issuer(names[-1], issuer), window),
            bundle=bundle[::-1] if chosen.reversed_bundle else bundle,
            key=load_ec_key(kept.root_key) if chosen.other_signer else module,
            seed=kept.seed,
            made_at=kept.made_at,
        )

    def __repr__(self) -> str:
        return f"SimulatedNitroPlatform({self.root_fingerprint})"


@dataclass(frozen=True, slots=True)
class SimulatedNitroAttester:
    """An `Attester` in a make-believe enclave."""

    measurement: bytes
    """What was launched (PCR0), 48 bytes."""
    module_id: str
    scenario: NitroScenario
    certificate: bytes = field(repr=False)
    bundle: list[bytes] = field(repr=False)
    key: ec.EllipticCurvePrivateKey = field(repr=False)
    seed: bytes = field(repr=False)
    made_at: datetime

    @property
    def host_data(self) -> bytes:
        """Zeros: a launcher ties nothing to an enclave; 32 bytes."""
        return bytes(32)

    def document(self, binding: Binding) -> dict[str, object]:
        """What the module says, before it is signed."""
        return {
            "module_id": self.module_id,
            "digest": "SHA384",
            "timestamp": int(self.made_at.timestamp()) * 1000,
            "pcrs": self._registers(),
            "certificate": self.certificate,
            "cabundle": self.bundle,
            "public_key": b"a public key" if self.scenario.attached else None,
            "user_data": self._user_data(binding),
            "nonce": b"a nonce" if self.scenario.attached else None,
        }

    def collect(self, binding: Binding) -> Evidence:
        """Fresh evidence that carries `binding`, unless the scenario spoils it."""
        payload = cbor2.dumps(self.document(binding_of(binding)))
        if self.scenario.open_map:
            payload = OPEN_MAP + payload[1:] + BREAK
        return self.signed(payload)

    def signed(self, payload: bytes) -> Evidence:
        """Evidence with a payload of any kind, signed by the module's key."""
        report = sign1(payload, self.key, tagged=self.scenario.tagged)
        return Evidence(platform="nitro", report=report, endorsements=[])

    def derive_key(self, context: bytes) -> bytes:
        """A secret of this machine and image; 32 bytes (HKDF, RFC 5869).

        Real enclaves have none: see `nitro.NitroAttester`.
        """
        return derived(self.seed, "cleanroom/simulated-nitro-key/v1", self.measurement, context)

    def _registers(self) -> dict[int, bytes]:
        pcrs = registers_of(self.measurement, self.module_id)
        if self.scenario.debug:
            pcrs |= dict.fromkeys(MEASURED, bytes(PCR_SIZE))
        if self.scenario.spoiled_register is not None:
            pcrs[self.scenario.spoiled_register] = hashlib.sha384(b"another").digest()
        return pcrs

    def _user_data(self, binding: Binding) -> bytes | None:
        if self.scenario.no_user_data:
            return None
        return hashlib.sha512(binding).digest() if self.scenario.other_binding else binding


def registers_of(measurement: bytes, module_id: str) -> dict[int, bytes]:
    """What a good enclave's registers hold.

    Args:
        measurement: PCR0, 48 bytes.
        module_id: the enclave.
    """
    instance = module_id.rpartition("-")[0].encode()
    return dict.fromkeys(range(REGISTERS), bytes(PCR_SIZE)) | {
        0: measurement,
        1: hashlib.sha384(b"simulated kernel").digest(),
        2: hashlib.sha384(measurement).digest(),
        4: hashlib.sha384(bytes(PCR_SIZE) + instance).digest(),
    }


def _authorities(
    names: tuple[str, ...], root: Issuer, key: ec.EllipticCurvePrivateKey, window: Window
) -> list[bytes]:
    issued, issuer = [], root
    for below, name in zip(reversed(range(len(names))), names, strict=True):
        issued.append(issue_authority(name, key.public_key(), issuer, window, below))
        issuer = Issuer(name, key)
    return issued
