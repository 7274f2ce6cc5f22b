"""A make-believe Intel with a root of its own: TDX quotes and collateral, no hardware.

Its evidence passes exactly the code that real evidence passes, and is accepted only where a
manifest pins this root. As in `simulated`, the keys are made per room and stay in one file of mode
0600, and whoever has the file can sign anything. The collateral travels with the evidence, so a
room needs no service to fetch it from.
"""

import hashlib
import secrets
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Self

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec

from cleanroom.attestation.binding import Binding, binding_of
from cleanroom.attestation.collateral import IntelCollateral
from cleanroom.attestation.evidence import Evidence
from cleanroom.attestation.policy import TdxPolicy
from cleanroom.encoding import Bytes, Digest, Instant, Record, content_digest, frame
from enclave.attester.certifying import pem
from enclave.attester.deriving import derived
from enclave.attester.documents_intel import (
    EVALUATION,
    FMSPC,
    OTHER_FMSPC,
    PCE_SVN,
    enclave_identity,
    tcb_info,
)
from enclave.attester.issuing_intel import (
    AUTHORITY_NAME,
    PCK_NAME,
    ROOT_NAME,
    SIGNER_NAME,
    issue,
    issue_list,
    sgx_extension,
    sign_document,
    window_of,
)
from enclave.attester.keeping import keep, load_ec_key, private_bytes, read_kept
from enclave.attester.quoting import (
    QuoteKeys,
    TdxLaunch,
    event_log,
    measured_events,
    registers_after,
    sign_quote,
)
from enclave.attester.scenarios_tdx import (
    SCENARIOS,
    TdxScenario,
    TdxScenarioName,
)

PLATFORM_FILE = "simulated-tdx-platform.json"
CHAIN_DAYS = (-2, 25 * 365)


class TdxPlatformSecrets(Record):
    """What the file holds: private keys (PKCS #8, DER), the seed, and certificates (DER)."""

    made_at: Instant
    """Certificates and collateral are valid from a day before."""
    root_key: Bytes
    authority_key: Bytes
    signer_key: Bytes
    pck_key: Bytes
    attestation_key: Bytes
    seed: Bytes
    """What derived keys and the platform's identity come from, 32 bytes."""
    root: Bytes
    authority: Bytes
    signer: Bytes


class SimulatedTdxPlatform:
    """One make-believe machine; its `repr` shows its root only."""

    def __init__(self, kept: TdxPlatformSecrets) -> None:
        self._kept = kept

    @classmethod
    def create(cls, directory: Path, now: datetime) -> Self:
        """Make a machine and keep it in `directory`.

        Raises:
            Usage: there is one already.
        """
        keys = [ec.generate_private_key(ec.SECP256R1()) for _ in range(5)]
        root, authority, signer, pck, attestation = keys
        window = window_of(now, CHAIN_DAYS)
        kept = TdxPlatformSecrets(
            made_at=now.replace(microsecond=0),
            root_key=private_bytes(root),
            authority_key=private_bytes(authority),
            signer_key=private_bytes(signer),
            pck_key=private_bytes(pck),
            attestation_key=private_bytes(attestation),
            seed=secrets.token_bytes(32),
            root=issue(ROOT_NAME, root.public_key(), ROOT_NAME, root, window, path_length=1),
            authority=issue(
                AUTHORITY_NAME, authority.public_key(), ROOT_NAME, root, window, path_length=0
            ),
            signer=issue(SIGNER_NAME, signer.public_key(), ROOT_NAME, root, window),
        )
        return cls(keep(directory / PLATFORM_FILE, kept))

    @classmethod
    def load(cls, directory: Path) -> Self:
        """The machine kept in `directory`.

        Raises:
            FileMissing: there is none.
        """
        return cls(read_kept(directory / PLATFORM_FILE, TdxPlatformSecrets))

    @property
    def root_fingerprint(self) -> Digest:
        """What a manifest pins as one of its `development_roots`."""
        return content_digest(self._kept.root)

    @property
    def root_certificate(self) -> bytes:
        """The root, DER."""
        return self._kept.root

    @property
    def ppid(self) -> bytes:
        """The make-believe platform, 16 bytes."""
        return hashlib.sha256(frame("cleanroom/simulated-ppid/v1", self._kept.seed)).digest()[:16]

    def policy(self, measurement: bytes) -> TdxPolicy:
        """An entry that accepts guests of this machine, as a manifest would have it.

        Args:
            measurement: the image's MRTD, 48 bytes.
        """
        registers = registers_after(measured_events())
        image = {
            "mrtd": measurement.hex(),
            "rtmr1": registers[1].hex(),
            "rtmr2": registers[2].hex(),
        }
        return TdxPolicy.from_plain(
            {
                "platform": "tdx",
                "measurements": [image],
                "host_data": "genesis",
                "min_tcb_evaluation_number": EVALUATION,
                "development_roots": [self.root_fingerprint],
            }
        )

    def attester(
        self, measurement: bytes, host_data: bytes, scenario: TdxScenarioName = "good"
    ) -> "SimulatedTdxAttester":
        """A guest on this machine.

        Args:
            measurement: what was launched, 48 bytes.
            host_data: what the launcher tied to it, 32 bytes; zeros follow in MRCONFIGID.
            scenario: what is wrong with it.
        """
        chosen = SCENARIOS[scenario]
        pck = self._pck(chosen)
        serials = [x509.load_der_x509_certificate(pck).serial_number] if chosen.revoked else []
        keys = QuoteKeys(
            pck=load_ec_key(self._kept.pck_key),
            attestation=load_ec_key(self._kept.attestation_key),
            chain=pem(pck, self._kept.authority, self._kept.root),
        )
        launch = TdxLaunch(measurement, host_data.ljust(48, b"\0"), chosen)
        collateral = self.collateral(chosen.collateral_days, serials)
        return SimulatedTdxAttester(launch, host_data, keys, collateral, self._kept.seed)

    def collateral(
        self, days: tuple[int, int] = (-1, 365), revoked: list[int] | None = None
    ) -> IntelCollateral:
        """What this Intel says about its platforms.

        Args:
            days: from when to when it is in force, in days from when the platform was made.
            revoked: serial numbers of PCK certificates.
        """
        kept, window = self._kept, window_of(self._kept.made_at, days)
        signer, chain = load_ec_key(kept.signer_key), pem(kept.signer, kept.root)
        authority = load_ec_key(kept.authority_key)
        return IntelCollateral(
            root_crl=issue_list(ROOT_NAME, load_ec_key(kept.root_key), window, []),
            pck_crls=[issue_list(AUTHORITY_NAME, authority, window, revoked or [])],
            tcb_infos=[sign_document("tcbInfo", tcb_info(), signer, chain, window)],
            qe_identities=[
                sign_document("enclaveIdentity", enclave_identity(), signer, chain, window)
            ],
        )

    def _pck(self, scenario: TdxScenario) -> bytes:
        fmspc = OTHER_FMSPC if scenario.other_kind else FMSPC
        return issue(
            PCK_NAME,
            load_ec_key(self._kept.pck_key).public_key(),
            AUTHORITY_NAME,
            load_ec_key(self._kept.authority_key),
            window_of(self._kept.made_at, (-1, 7 * 365)),
            sgx=sgx_extension(self.ppid, fmspc, scenario.level, PCE_SVN),
        )

    def __repr__(self) -> str:
        return f"SimulatedTdxPlatform({self.root_fingerprint})"


@dataclass(frozen=True, slots=True)
class SimulatedTdxAttester:
    """An `Attester` on a make-believe TDX machine."""

    launch: TdxLaunch
    host_data: bytes
    """What the launcher tied to it, 32 bytes."""
    keys: QuoteKeys = field(repr=False)
    collateral: IntelCollateral = field(repr=False)
    seed: bytes = field(repr=False)

    @property
    def measurement(self) -> bytes:
        """What was launched, 48 bytes."""
        return self.launch.measurement

    def collect(self, binding: Binding) -> Evidence:
        """Fresh evidence that carries `binding`, unless the scenario spoils it."""
        scenario = self.launch.scenario
        kernel = b"another kernel" if scenario.other_kernel else b"kernel"
        told = b"a kernel that was not booted" if scenario.other_log else kernel
        return Evidence(
            platform="tdx",
            report=sign_quote(self.launch, binding_of(binding), self.keys),
            endorsements=[self.collateral.to_bytes()],
            event_log=event_log(measured_events(told)) if scenario.has_log else None,
        )

    def derive_key(self, context: bytes) -> bytes:
        """A secret of this machine, measurement and attributes; 32 bytes (HKDF, RFC 5869)."""
        attributes = self.launch.scenario.attributes.to_bytes(8, "little")
        label = "cleanroom/simulated-tdx-key/v1"
        return derived(self.seed, label, self.measurement, attributes, context)
