"""Revocation lists of the simulated AMD, in all the hands that may hold one."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cache
from pathlib import Path

from cleanroom.attestation.binding import Binding
from cleanroom.attestation.bundle import Bundle
from cleanroom.attestation.collateral import Collateral
from cleanroom.attestation.evidence import Evidence
from enclave.attester import Attester
from tests.support.platform import NOW, other_platform, simulated_platform

OLD, NEW, FUTURE = -20, -5, 5
"""When a list was issued, in days from `NOW`; each is in force for thirty."""


@cache
def listed(*revoked: str, days: int = NEW, forged: bool = False) -> Collateral:
    """A list that revokes these intermediates.

    Args:
        revoked: such as `SEV-Genoa`.
        days: when it was issued, from `NOW`.
        forged: signed by an attacker's root of the same name.
    """
    platform = other_platform() if forged else simulated_platform()
    return Collateral(amd_crls=[platform.revocations(revoked, NOW + timedelta(days=days))])


@cache
def unrelated() -> Collateral:
    """A good list that another authority of this machine's family issued: no AMD root."""
    from tests.support.platform import simulated_tdx

    intel = simulated_tdx().collateral()
    return Collateral(amd_crls=[intel.root_crl])


@dataclass(frozen=True)
class Carrying:
    """A guest that sends collateral along with its evidence."""

    guest: Attester
    collateral: Collateral

    @property
    def measurement(self) -> bytes:
        """The guest's."""
        return self.guest.measurement

    @property
    def host_data(self) -> bytes:
        """The guest's."""
        return self.guest.host_data

    def collect(self, binding: Binding) -> Evidence:
        """The guest's evidence, with what it carries."""
        return self.guest.collect(binding).carrying(self.collateral)

    def derive_key(self, context: bytes) -> bytes:
        """The guest's."""
        return self.guest.derive_key(context)


def bundle_file(file: Path, collateral: Collateral, now: datetime = NOW) -> Path:
    """The collateral as an operator or a party gets it: a bundle without certificates."""
    packed = Bundle(
        format="https://cleanroom.dev/collateral/v1",
        fetched_at=now,
        certificates=[],
        collateral=collateral,
    )
    file.write_bytes(packed.to_bytes())
    return file
