"""Collects evidence in a real CCA realm; never tested on hardware by this project's own tests.

Realm managers give a realm no key of its own: what must survive a restart cannot be sealed here, so
a coordinator runs elsewhere, and `derive_key` says so.
"""

from functools import cached_property

from cleanroom.attestation.binding import BINDING_LENGTH, Binding, binding_of
from cleanroom.attestation.evidence import Evidence
from cleanroom.attestation.formats.cca import RealmClaims, read_collection, read_realm
from cleanroom.attestation.formats.cose import read_sign1
from cleanroom.attestation.platforms.cca import REALM_SUITES
from enclave.attester.keyless import refuse_key
from enclave.attester.tsm import Reports

PROVIDER = "arm_cca_guest"
GENESIS_LENGTH = 32


class CcaAttester:
    """An `Attester` in a CCA realm.

    Args:
        reports: by configfs-tsm (`reports_of`).
        platform_key: the platform's public key (CPAK) to send along: SubjectPublicKeyInfo, DER.
    """

    def __init__(self, reports: Reports, platform_key: bytes) -> None:
        self._reports = reports
        self._platform_key = platform_key

    @property
    def measurement(self) -> bytes:
        """The realm's initial measurement (RIM); 32, 48 or 64 bytes."""
        return self._own_claims.initial

    @property
    def host_data(self) -> bytes:
        """What the launcher tied to this realm: the first 32 bytes of its personalization."""
        return self._own_claims.personalization[:GENESIS_LENGTH]

    def collect(self, binding: Binding) -> Evidence:
        """Fresh evidence that carries `binding` as the realm's challenge.

        Raises:
            MachineUnfit: the platform gives no token.
        """
        raw = self._reports(binding_of(binding))
        return Evidence(platform="cca", report=raw.report, endorsements=[self._platform_key])

    def derive_key(self, context: bytes) -> bytes:
        """There is none.

        Raises:
            MachineUnfit: always.
        """
        del context
        refuse_key("cca", "realm managers derive none for a realm")

    @cached_property
    def _own_claims(self) -> RealmClaims:
        raw = self._reports(bytes(BINDING_LENGTH))
        _, token = read_collection(raw.report)
        return read_realm(read_sign1(token, "own token", REALM_SUITES).payload)
