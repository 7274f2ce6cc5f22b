"""Which roots may vouch: the vendors', or development roots of one room; never both at once."""

from collections.abc import Iterable
from dataclasses import dataclass

from cleanroom.attestation.claims import Assurance
from cleanroom.attestation.policy import AppraisalPolicy, CcaPolicy, TpmPolicy
from cleanroom.attestation.policy.devices import GuestWithDevices
from cleanroom.attestation.roots import VENDOR_ROOTS, Vendor
from cleanroom.encoding import Digest
from cleanroom.errors import ManifestRule

PUBLISHED = frozenset().union(*VENDOR_ROOTS.values())
"""Every root that some vendor published."""


@dataclass(frozen=True, slots=True)
class Anchors:
    """Fingerprints of roots, all of one assurance; make it with one of the class methods."""

    assurance: Assurance
    """What evidence under these roots is worth."""
    fingerprints: frozenset[Digest]
    """SHA-256 of each root certificate, DER."""
    registered: frozenset[Digest] = frozenset()
    """SHA-256 of the keys of single machines that the parties registered, for makers who publish
    no root (Arm), and names of the keys of TPMs; none while the anchors are simulated: there they
    stand among the roots."""

    def __post_init__(self) -> None:
        published = self.fingerprints & PUBLISHED
        if not self.fingerprints:
            raise ManifestRule("anchors hold no root, expected at least one")
        if self.assurance == "hardware" and published != self.fingerprints:
            raise ManifestRule("anchors for hardware hold a root that no vendor published")
        if self.assurance == "simulated" and published:
            raise ManifestRule(
                "development roots hold a vendor's root, expected simulated ones only"
            )

    def roots_of(self, vendor: Vendor) -> frozenset[Digest]:
        """The anchors that may vouch for a platform of `vendor`.

        A development root is of no vendor: which entry of the manifest it stands for is appraised.
        """
        if self.assurance == "simulated":
            return self.fingerprints
        return self.fingerprints & VENDOR_ROOTS[vendor]

    def registered_keys(self) -> frozenset[Digest]:
        """The anchors that may vouch for a machine whose maker publishes no root."""
        return self.fingerprints if self.assurance == "simulated" else self.registered

    @classmethod
    def vendor(cls) -> "Anchors":
        """The vendors' published roots."""
        return cls("hardware", PUBLISHED)

    @classmethod
    def development(cls, roots: Iterable[Digest]) -> "Anchors":
        """The simulated roots that a manifest pins.

        Raises:
            ManifestRule: none is given, or one is a vendor's.
        """
        return cls("simulated", frozenset(roots))

    @classmethod
    def of(cls, policies: Iterable[AppraisalPolicy]) -> "Anchors":
        """The roots that these policies trust.

        Raises:
            ManifestRule: some accept only simulated evidence and some only real.
        """
        policies = list(policies)
        pinned = [roots for policy in policies for roots in _pinned(policy)]
        simulated = {root for roots in pinned if roots is not None for root in roots}
        if not simulated:
            return cls("hardware", PUBLISHED, _registered(policies))
        if any(roots is None for roots in pinned):
            raise ManifestRule("attestation policies mix development_roots with real hardware")
        return cls.development(simulated)


def _pinned(policy: AppraisalPolicy) -> list[list[Digest] | None]:
    """What an entry pins for its machine, then for each kind of device beside it."""
    beside = policy.devices if isinstance(policy, GuestWithDevices) else None
    return [policy.development_roots, *([] if beside is None else beside.development_roots)]


def _registered(policies: list[AppraisalPolicy]) -> frozenset[Digest]:
    machines = [policy.platforms for policy in policies if isinstance(policy, CcaPolicy)]
    tpms = [policy.keys for policy in policies if isinstance(policy, TpmPolicy)]
    return frozenset(
        [one.public_key for listed in machines for one in listed]
        + [name for listed in tpms for name in listed]
    )
