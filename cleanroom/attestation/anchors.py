"""Which roots may vouch: the vendors', or development roots of one room; never both at once."""

from collections.abc import Iterable
from dataclasses import dataclass

from cleanroom.attestation.claims import Assurance
from cleanroom.attestation.policy import AppraisalPolicy
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
        pinned = [policy.development_roots for policy in policies]
        simulated = {root for roots in pinned if roots is not None for root in roots}
        if not simulated:
            return cls.vendor()
        if any(roots is None for roots in pinned):
            raise ManifestRule("attestation policies mix development_roots with real hardware")
        return cls.development(simulated)
