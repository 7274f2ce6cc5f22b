"""Intel's hierarchy: who certifies a platform, and who signs what Intel says about platforms.

Steps 2 to 5 of `silicon.dcap`. Names are those of Intel's "SGX PCK Certificate and CRL Profile
Specification".
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from cleanroom.attestation.anchors import Anchors
from cleanroom.attestation.collateral import IntelCollateral, SignedDocument
from cleanroom.attestation.formats import x509
from cleanroom.attestation.formats.crl import RevocationList, require_current, require_unrevoked
from cleanroom.attestation.formats.intel_documents import (
    EnclaveIdentity,
    TcbInfo,
    read_enclave_identity,
    read_tcb_info,
    require_in_force,
    signed_part,
)
from cleanroom.attestation.formats.pck import Pck, read_pck
from cleanroom.attestation.formats.quote import Quote, Tee
from cleanroom.attestation.formats.signatures import Suite, der_signature, require_signed
from cleanroom.attestation.formats.x509 import Certificate, pem_certificates, read_certificate
from cleanroom.attestation.rejection import rejected
from cleanroom.errors import EvidenceRejected

INTEL_SUITE: Suite = "ecdsa-p256-sha256"
"""How everything in Intel's hierarchy is signed."""
PCK_NAME = "Intel SGX PCK Certificate"
PCK_AUTHORITIES = frozenset({"Intel SGX PCK Platform CA", "Intel SGX PCK Processor CA"})
SIGNER_NAME = "Intel SGX TCB Signing"
DOCUMENTS: dict[Tee, tuple[str, str]] = {"sgx": ("SGX", "QE"), "tdx": ("TDX", "TD_QE")}
"""Which TCB info and which enclave identity each kind of quote needs."""


@dataclass(frozen=True, slots=True)
class Chain:
    """The certificates of a platform, down from an anchor."""

    leaf: Certificate
    """The PCK certificate."""
    authority: Certificate
    root: Certificate


def require_chain(quote: Quote, anchors: Anchors, now: datetime) -> Chain:
    """Step 2: the PCK chain inside the quote, which ends at an anchor.

    Raises:
        EvidenceRejected: a certificate is missing, or the chain does not hold.
    """
    # Intel's quoting library ends the text with a zero byte.
    found = _read_chain(quote.pck_chain.removesuffix(b"\0"), 3, "the PCK chain")
    leaf, authority, root = found
    if root.fingerprint not in anchors.roots_of("intel"):
        raise rejected(
            "the root of the PCK chain",
            found=root.fingerprint,
            expected="a root that is trusted here",
            cause="simulated evidence has its own root, which production policies do not trust",
        )
    _require_name(leaf, frozenset({PCK_NAME}))
    _require_name(authority, PCK_AUTHORITIES)
    x509.require_authority(root, signs_more=True)
    x509.require_authority(authority)
    for certificate, issuer in ((root, root), (authority, root), (leaf, authority)):
        _require_issued(certificate, issuer, now)
    return Chain(leaf, authority, root)


def require_unrevoked_chain(
    chain: Chain, collateral: IntelCollateral, now: datetime
) -> list[RevocationList]:
    """Step 3: neither the authority nor the PCK is revoked; gives the lists that say so.

    Raises:
        EvidenceRejected: a list is missing, out of date, of another issuer, or names one of them.
    """
    steps = (
        (chain.authority, chain.root, [collateral.root_crl]),
        (chain.leaf, chain.authority, collateral.pck_crls),
    )
    return [
        require_current(require_unrevoked(certificate, issuer, lists, now), issuer, now)
        for certificate, issuer, lists in steps
    ]


def platform_of(chain: Chain) -> Pck:
    """What the PCK certificate says about the platform."""
    return read_pck(chain.leaf)


@dataclass(frozen=True, slots=True)
class Judge:
    """Opens what Intel signed, under the root that vouches for the platform (steps 4 and 5)."""

    root: Certificate
    collateral: IntelCollateral
    now: datetime

    def tcb_info(self, tee: Tee, pck: Pck) -> TcbInfo:
        """The levels of this platform.

        Raises:
            EvidenceRejected: there are none, or they are not signed or not in force.
        """
        wanted = DOCUMENTS[tee][0], pck.fmspc.hex(), pck.pce_id.hex()
        for signed in self.collateral.tcb_infos:
            inner, signature = signed_part(signed.document, "tcbInfo")
            info = read_tcb_info(inner)
            if (info.id, info.fmspc, info.pce_id) == wanted:
                self._require_signed(signed, inner, signature, "TCB info")
                require_in_force(info, self.now, "TCB info")
                return info
        raise _missing(f"{wanted[0]} TCB info of FMSPC {wanted[1]}")

    def quoting_enclave(self, tee: Tee) -> EnclaveIdentity:
        """What the quoting enclave must be.

        Raises:
            EvidenceRejected: it is missing, not signed, or not in force.
        """
        wanted = DOCUMENTS[tee][1]
        for signed in self.collateral.qe_identities:
            inner, signature = signed_part(signed.document, "enclaveIdentity")
            identity = read_enclave_identity(inner)
            if identity.id == wanted:
                self._require_signed(signed, inner, signature, "QE identity")
                require_in_force(identity, self.now, "QE identity")
                return identity
        raise _missing(f"{wanted} identity")

    def _require_signed(
        self, signed: SignedDocument, inner: bytes, signature: bytes, what: str
    ) -> None:
        signer, root = _read_chain(signed.chain, 2, f"the chain of {what}")
        if root.fingerprint != self.root.fingerprint:
            raise rejected(
                f"the root of {what}", found=root.fingerprint, expected="the root of the PCK chain"
            )
        _require_name(signer, frozenset({SIGNER_NAME}))
        _require_issued(signer, root, self.now)
        newest = require_unrevoked(signer, root, [self.collateral.root_crl], self.now)
        require_current(newest, root, self.now)
        require_signed(inner, der_signature(signature), signer.public_key, what, INTEL_SUITE)


def _read_chain(text: bytes, size: int, what: str) -> list[Certificate]:
    found = [read_certificate(encoded, INTEL_SUITE) for encoded in pem_certificates(text)]
    if len(found) != size:
        raise rejected(what, found=f"{len(found)} certificates", expected=f"{size}, leaf first")
    return found


def _require_name(certificate: Certificate, names: Iterable[str]) -> None:
    if certificate.common_name not in names:
        raise rejected(
            "certificate name", found=certificate.common_name, expected=" or ".join(sorted(names))
        )


def _require_issued(certificate: Certificate, issuer: Certificate, now: datetime) -> None:
    x509.require_understood(certificate)
    x509.require_valid(certificate, now)
    x509.require_issued(certificate, issuer)


def _missing(what: str) -> EvidenceRejected:
    return rejected(
        "Intel's collateral",
        found=f"without {what}",
        expected="it",
        cause="fetch Intel's collateral for this platform",
    )
