"""A make-believe AMD with a root of its own: real formats, real signatures, no hardware.

Its evidence passes exactly the code that real evidence passes, and is accepted only where a
manifest pins this root. The keys are made per room and stay in one file of mode 0600; none ships
with the package. It proves nothing about the machine: whoever has the file can sign anything.
"""

import hashlib
import secrets
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Self

from cryptography.hazmat.primitives.asymmetric import ec, rsa

from cleanroom.attestation.binding import Binding, binding_of
from cleanroom.attestation.evidence import Evidence
from cleanroom.attestation.formats.amd_certificates import AMD_SUITE
from cleanroom.attestation.formats.x509 import read_certificate
from cleanroom.attestation.policy import Product
from cleanroom.encoding import Bytes, Digest, Instant, Record, content_digest, frame
from enclave.attester.deriving import derived
from enclave.attester.issuing import (
    Leaf,
    issue_intermediate,
    issue_leaf,
    issue_revocations,
    issue_root,
)
from enclave.attester.keeping import (
    keep,
    load_ec_key,
    load_rsa_key,
    private_bytes,
    read_kept,
)
from enclave.attester.reporting import Launch, sign_report
from enclave.attester.scenarios import SCENARIOS, Scenario, ScenarioName

PLATFORM_FILE = "simulated-platform.json"
CHAIN_YEARS = 25
"""How long AMD's own root and intermediates live."""
PRODUCTS: tuple[Product, ...] = ("Milan", "Genoa", "Turin")


class PlatformSecrets(Record):
    """What the file holds: private keys (PKCS #8, DER), the seed, and the chain."""

    made_at: Instant
    """Certificates are valid from a day before."""
    ark_key: Bytes
    ask_key: Bytes
    chip_key: Bytes
    """Signs reports, as VCEK and as VLEK."""
    seed: Bytes
    """What derived keys come from, 32 bytes."""
    ark: Bytes
    """The root certificate, DER."""
    intermediates: dict[str, Bytes]
    """ASKs and ASVKs by common name, DER."""


class SimulatedPlatform:
    """One make-believe machine; its `repr` shows its root only."""

    def __init__(self, kept: PlatformSecrets) -> None:
        self._kept = kept
        self._ask_key = load_rsa_key(kept.ask_key)
        self._chip_key = load_ec_key(kept.chip_key)

    @classmethod
    def create(cls, directory: Path, now: datetime) -> Self:
        """Make a machine and keep it in `directory`; takes about half a second (RSA-4096 keys).

        Raises:
            Usage: there is one already.
        """
        ark_key, ask_key = _new_rsa_key(), _new_rsa_key()
        chip_key = ec.generate_private_key(ec.SECP384R1())
        ark = issue_root(ark_key, now, CHAIN_YEARS)
        names = [f"SEV-{kind}{product}" for kind in ("", "VLEK-") for product in PRODUCTS]
        kept = PlatformSecrets(
            made_at=now.replace(microsecond=0),
            ark_key=private_bytes(ark_key),
            ask_key=private_bytes(ask_key),
            chip_key=private_bytes(chip_key),
            seed=secrets.token_bytes(32),
            ark=ark,
            intermediates={
                name: issue_intermediate(name, ask_key, ark_key, now, CHAIN_YEARS) for name in names
            },
        )
        return cls(keep(directory / PLATFORM_FILE, kept))

    @classmethod
    def load(cls, directory: Path) -> Self:
        """The machine kept in `directory`.

        Raises:
            FileMissing: there is none.
        """
        return cls(read_kept(directory / PLATFORM_FILE, PlatformSecrets))

    @property
    def root_fingerprint(self) -> Digest:
        """What a manifest pins as one of its `development_roots`."""
        return content_digest(self._kept.ark)

    @property
    def root_certificate(self) -> bytes:
        """The root, DER."""
        return self._kept.ark

    def chip_id(self, product: Product) -> bytes:
        """The make-believe processor: 64 bytes, of which Turin has 8."""
        chip = hashlib.sha512(frame("cleanroom/simulated-chip/v1", self._kept.seed)).digest()
        return chip[:8].ljust(64, b"\0") if product == "Turin" else chip

    def attester(
        self,
        measurement: bytes,
        host_data: bytes,
        product: Product = "Genoa",
        scenario: ScenarioName = "good",
    ) -> "SimulatedAttester":
        """A guest on this machine.

        Args:
            measurement: what was launched, 48 bytes.
            host_data: what the launcher tied to it, 32 bytes.
            product: the processor it pretends to run on.
            scenario: what is wrong with it.
        """
        chosen = SCENARIOS[scenario]
        launch = Launch(measurement, host_data, product, self.chip_id(product), chosen)
        leaf = self._leaf(launch, chosen)
        name = f"SEV-{'VLEK-' if chosen.signing_key == 'vlek' else ''}{product}"
        endorsements = [leaf, self._kept.intermediates[name], self._kept.ark]
        return SimulatedAttester(launch, self._chip_key, endorsements, self._kept.seed)

    def revocations(self, revoked: tuple[str, ...], now: datetime, days: int = 30) -> bytes:
        """A revocation list of this machine's root, DER.

        Args:
            revoked: common names of intermediates, such as `SEV-Genoa`.
            now: when the list is issued.
            days: until the next list.
        """
        serials = tuple(
            read_certificate(self._kept.intermediates[name], AMD_SUITE).serial for name in revoked
        )
        return issue_revocations(serials, load_rsa_key(self._kept.ark_key), now, days)

    def _leaf(self, launch: Launch, scenario: Scenario) -> bytes:
        leaf = Leaf(
            product=launch.product,
            kind=scenario.signing_key,
            tcb=scenario.reported_tcb(launch.product),
            chip_id=launch.chip_id,
            from_day=scenario.leaf_days[0],
            to_day=scenario.leaf_days[1],
        )
        return issue_leaf(leaf, self._chip_key.public_key(), self._ask_key, self._kept.made_at)

    def __repr__(self) -> str:
        return f"SimulatedPlatform({self.root_fingerprint})"


@dataclass(frozen=True, slots=True)
class SimulatedAttester:
    """An `Attester` on a make-believe machine."""

    launch: Launch
    key: ec.EllipticCurvePrivateKey = field(repr=False)
    endorsements: list[bytes] = field(repr=False)
    seed: bytes = field(repr=False)

    @property
    def measurement(self) -> bytes:
        """What was launched, 48 bytes."""
        return self.launch.measurement

    @property
    def host_data(self) -> bytes:
        """What the launcher tied to it, 32 bytes."""
        return self.launch.host_data

    def collect(self, binding: Binding) -> Evidence:
        """Fresh evidence that carries `binding`, unless the scenario spoils it."""
        report = sign_report(self.launch, binding_of(binding), self.key)
        return Evidence(platform="sev-snp", report=report, endorsements=self.endorsements)

    def derive_key(self, context: bytes) -> bytes:
        """A secret of this machine, measurement and guest policy; 32 bytes (HKDF, RFC 5869)."""
        policy = self.launch.scenario.policy.to_bytes(8, "little")
        label = "cleanroom/simulated-key/v1"
        return derived(self.seed, label, self.measurement, policy, context)


def _new_rsa_key() -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(public_exponent=65537, key_size=4096)
