"""A chain of certificates in order, root first (RFC 5280 §6.1), as some evidence carries it.

The caller knows the root by its fingerprint, so its signature of itself is not checked: it would
say nothing more. Not here either: policies of certificates and name constraints, which such chains
do not have (critical ones are refused), and revocation lists.
"""

from collections.abc import Sequence
from datetime import datetime
from itertools import pairwise

from cleanroom.attestation.formats import der, x509
from cleanroom.attestation.formats.der import Der
from cleanroom.attestation.formats.x509 import BASIC_CONSTRAINTS, KEY_USAGE, Certificate
from cleanroom.attestation.rejection import rejected

DIGITAL_SIGNATURE = 0x80
"""The first bit of KeyUsage (RFC 5280 §4.2.1.3)."""


def require_chain(chain: Sequence[Certificate], now: datetime) -> Certificate:
    """The last certificate, once each one vouches for the next.

    Args:
        chain: root first, leaf last; at least both. The root is an anchor already.
        now: the time to check validity at, aware.

    Raises:
        EvidenceRejected: names, authority, path lengths, validity, signatures or order are wrong.
    """
    leaf = chain[-1]
    for at, authority in enumerate(chain[:-1]):
        x509.require_authority(authority, signs_more=True)
        _require_path_length(authority, len(chain) - 2 - at)
    _require_leaf(leaf)
    for certificate in chain:
        x509.require_understood(certificate)
        x509.require_valid(certificate, now)
    for issuer, certificate in pairwise(chain):
        x509.require_issued(certificate, issuer)
    return leaf


def _require_path_length(authority: Certificate, below: int) -> None:
    constraints = _constraints(authority)
    constraints.true("cA")
    if constraints.more and constraints.integer("pathLenConstraint") < below:
        raise rejected(
            f"the path length of {authority.common_name}",
            found=f"exceeded by {below} authorities below it",
            expected="as many as it allows",
        )
    constraints.end()


def _require_leaf(leaf: Certificate) -> None:
    if BASIC_CONSTRAINTS in leaf.extensions and _constraints(leaf).true("cA"):
        raise rejected(leaf.common_name, found="an authority", expected="a leaf certificate")
    if KEY_USAGE not in leaf.extensions:
        raise rejected(f"the key usage of {leaf.common_name}", found="missing", expected="signing")
    usage = Der(leaf.extensions[KEY_USAGE].value, leaf.common_name)
    bits = usage.content(der.BIT_STRING, "key usage")
    if len(bits) < 2 or not bits[1] & DIGITAL_SIGNATURE:
        raise rejected(leaf.common_name, found="no key that signs documents", expected="one")


def _constraints(certificate: Certificate) -> Der:
    encoded = Der(certificate.extensions[BASIC_CONSTRAINTS].value, certificate.common_name)
    inside = encoded.inside(der.SEQUENCE, "constraints")
    encoded.end()
    return inside
