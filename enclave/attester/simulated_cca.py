"""A make-believe Arm CCA platform with keys of its own: real tokens, no realm.

As in `simulated`, the keys are made per room and stay in one file of mode 0600, and whoever has the
file can sign anything. Evidence passes exactly the code that real tokens pass, and is accepted only
where a manifest pins this platform's key.
"""

import hashlib
import secrets
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Self

import cbor2
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from cleanroom.attestation.binding import Binding, binding_of
from cleanroom.attestation.evidence import Evidence
from cleanroom.attestation.formats.cca import (
    COLLECTION_TAG,
    EAT_CWT,
    PLATFORM,
    PLATFORM_PROFILES,
    REALM,
    REALM_PROFILE,
    WRAPPED_TAG,
)
from cleanroom.attestation.policy import CcaPolicy
from cleanroom.encoding import Bytes, Digest, Instant, Record, content_digest
from enclave.attester.deriving import derived
from enclave.attester.keeping import keep, load_ec_key, private_bytes, read_kept
from enclave.attester.scenarios_cca import FIRMWARE, SCENARIOS, CcaScenario, CcaScenarioName
from enclave.attester.signing_cose import sign1

PLATFORM_FILE = "simulated-cca-platform.json"
SIGNER = hashlib.sha256(b"simulated firmware signer").digest()
IMPLEMENTATION = hashlib.sha256(b"simulated implementation").digest()
"""A kind of platform that nobody makes."""
PERSONALIZATION_SIZE = 64


class CcaPlatformSecrets(Record):
    """What the file holds: private keys (PKCS #8, DER) and the seed."""

    made_at: Instant
    platform_key: Bytes
    """CPAK: signs platform tokens."""
    realm_key: Bytes
    """RAK: signs realm tokens."""
    stray_key: Bytes
    """A key that nothing vouches for; scenarios need one."""
    seed: Bytes
    """What derived keys come from, 32 bytes."""


class SimulatedCcaPlatform:
    """One make-believe machine; its `repr` shows its public key's digest only."""

    def __init__(self, kept: CcaPlatformSecrets) -> None:
        self._kept = kept

    @classmethod
    def create(cls, directory: Path, now: datetime) -> Self:
        """Make a machine and keep it in `directory`.

        Raises:
            Usage: there is one already.
        """
        platform, realm, stray = (
            private_bytes(ec.generate_private_key(ec.SECP384R1())) for _ in range(3)
        )
        kept = CcaPlatformSecrets(
            made_at=now.replace(microsecond=0),
            platform_key=platform,
            realm_key=realm,
            stray_key=stray,
            seed=secrets.token_bytes(32),
        )
        return cls(keep(directory / PLATFORM_FILE, kept))

    @classmethod
    def load(cls, directory: Path) -> Self:
        """The machine kept in `directory`.

        Raises:
            FileMissing: there is none.
        """
        return cls(read_kept(directory / PLATFORM_FILE, CcaPlatformSecrets))

    @property
    def public_key(self) -> bytes:
        """The platform's public key (CPAK): SubjectPublicKeyInfo, DER."""
        return _spki(load_ec_key(self._kept.platform_key))

    @property
    def root_fingerprint(self) -> Digest:
        """What a manifest pins as one of its `development_roots`."""
        return content_digest(self.public_key)

    @property
    def instance_id(self) -> bytes:
        """The make-believe platform: 01 and the digest of its key, 33 bytes."""
        return b"\x01" + hashlib.sha256(self.public_key).digest()

    def policy(self, measurement: bytes) -> CcaPolicy:
        """An entry that accepts realms of this machine, as a manifest would have it.

        Args:
            measurement: the realm's initial measurement; 32, 48 or 64 bytes.
        """
        registered = {
            "public_key": self.root_fingerprint,
            "implementation_id": IMPLEMENTATION.hex(),
            "instance_id": self.instance_id.hex(),
        }
        software = {
            kind: {"measurements": [_firmware(kind).hex()], "signer_ids": [SIGNER.hex()]}
            for kind in FIRMWARE
        }
        return CcaPolicy.from_plain(
            {
                "platform": "cca",
                "platforms": [registered],
                "initial_measurements": [measurement.hex()],
                "host_data": "genesis",
                "software": software,
                "platform_configs": ["01"],
                "development_roots": [self.root_fingerprint],
            }
        )

    def attester(
        self, measurement: bytes, host_data: bytes, scenario: CcaScenarioName = "good"
    ) -> "SimulatedCcaAttester":
        """A realm on this machine.

        Args:
            measurement: what was launched (RIM); 32, 48 or 64 bytes.
            host_data: what the launcher tied to it, 32 bytes; zeros follow in the RPV.
            scenario: what is wrong with it.
        """
        chosen, kept = SCENARIOS[scenario], self._kept
        stray = load_ec_key(kept.stray_key)
        return SimulatedCcaAttester(
            measurement=measurement,
            host_data=host_data,
            instance_id=self.instance_id,
            scenario=chosen,
            public_key=self.public_key,
            platform_key=stray if chosen.other_platform_key else load_ec_key(kept.platform_key),
            named_key=load_ec_key(kept.realm_key),
            realm_key=stray if chosen.other_realm_key else load_ec_key(kept.realm_key),
            seed=kept.seed,
        )

    def __repr__(self) -> str:
        return f"SimulatedCcaPlatform({self.root_fingerprint})"


@dataclass(frozen=True, slots=True)
class SimulatedCcaAttester:
    """An `Attester` in a make-believe realm."""

    measurement: bytes
    """What was launched (RIM)."""
    host_data: bytes
    """What the launcher tied to it, 32 bytes."""
    instance_id: bytes
    scenario: CcaScenario
    public_key: bytes = field(repr=False)
    platform_key: ec.EllipticCurvePrivateKey = field(repr=False)
    named_key: ec.EllipticCurvePrivateKey = field(repr=False)
    """The realm key whose digest the platform signs."""
    realm_key: ec.EllipticCurvePrivateKey = field(repr=False)
    """The realm key that stands in the realm token and signs it."""
    seed: bytes = field(repr=False)

    def platform_claims(self) -> dict[int, object]:
        """What the platform says, before it is signed."""
        scenario = self.scenario
        kinds = (*FIRMWARE, "EXTRA") if scenario.more_firmware else FIRMWARE
        return {
            265: PLATFORM_PROFILES[0 if scenario.legacy else 1],
            10: hashlib.sha256(self._encoded(self.named_key)).digest(),
            2396: IMPLEMENTATION,
            256: self.instance_id,
            2401: scenario.config,
            2395: scenario.lifecycle,
            2399: [self._component(kind) for kind in kinds],
            2402: "sha-256",
        }

    def realm_claims(self, binding: Binding) -> dict[int, object]:
        """What the realm manager says, before it is signed."""
        scenario, size = self.scenario, len(self.measurement)
        spoiled = bytes([self.measurement[0] ^ 1]) + self.measurement[1:]
        first = b"\x11" * size if scenario.extended else bytes(size)
        return {
            **({} if scenario.legacy else {265: REALM_PROFILE}),
            10: hashlib.sha512(binding).digest() if scenario.other_binding else binding,
            44235: self.host_data.ljust(PERSONALIZATION_SIZE, b"\0"),
            44238: spoiled if scenario.other_realm else self.measurement,
            44239: [first, *[bytes(size)] * 3],
            44236: {32: "sha-256", 48: "sha-384", 64: "sha-512"}[size],
            44237: self._encoded(self.realm_key),
            44240: "sha-256",
        }

    def collect(self, binding: Binding) -> Evidence:
        """Fresh evidence that carries `binding`, unless the scenario spoils it."""
        return self.signed(self.platform_claims(), self.realm_claims(binding_of(binding)))

    def signed(self, platform: dict[int, object], realm: dict[int, object]) -> Evidence:
        """Evidence with claims of any kind, signed by both keys."""
        tokens = {
            PLATFORM: sign1(cbor2.dumps(platform), self.platform_key, tagged=True),
            REALM: sign1(cbor2.dumps(realm), self.realm_key, tagged=True),
        }
        return Evidence(
            platform="cca",
            report=collection(tokens, wrapped=self.scenario.form == "wrapped"),
            endorsements=[self.public_key],
        )

    def derive_key(self, context: bytes) -> bytes:
        """A secret of this machine and realm; 32 bytes (HKDF, RFC 5869).

        Real realms have none: see `cca.CcaAttester`.
        """
        return derived(self.seed, "cleanroom/simulated-cca-key/v1", self.measurement, context)

    def _encoded(self, key: ec.EllipticCurvePrivateKey) -> bytes:
        numbers = key.public_key().public_numbers()
        x, y = numbers.x.to_bytes(48, "big"), numbers.y.to_bytes(48, "big")
        if self.scenario.legacy:
            return b"\x04" + x + y
        return cbor2.dumps({1: 2, -1: 2, -2: x, -3: y})

    def _component(self, kind: str) -> dict[int, object]:
        old = kind == self.scenario.old_firmware
        measured = hashlib.sha256(b"old " + kind.encode()).digest() if old else _firmware(kind)
        return {1: kind, 2: measured, 4: "1.0", 5: SIGNER, 6: "sha-256"}


def collection(tokens: dict[int, bytes], *, wrapped: bool) -> bytes:
    """Both tokens as they travel.

    Args:
        tokens: signed tokens by their labels.
        wrapped: whether each stands in a wrapper (tag 907), or as it is (tag 399).
    """
    if not wrapped:
        return COLLECTION_TAG + cbor2.dumps(tokens)
    return WRAPPED_TAG + cbor2.dumps({label: [EAT_CWT, one] for label, one in tokens.items()})


def _firmware(kind: str) -> bytes:
    return hashlib.sha256(b"simulated " + kind.encode()).digest()


def _spki(key: ec.EllipticCurvePrivateKey) -> bytes:
    return key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
