"""Intel's provisioning certification service (PCS, version 4): lists, TCB levels, identities.

See https://api.portal.trustedservices.intel.com/content/documentation.html. Issuer chains come in
headers, URL-encoded; documents are kept byte for byte, for that is what is signed.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal
from urllib.parse import unquote

from cleanroom.attestation.collateral import IntelCollateral, SignedDocument
from cleanroom.attestation.formats.intel_documents import signed_part
from cleanroom.attestation.formats.pck import read_pck
from cleanroom.attestation.formats.quote import Quote, Tee
from cleanroom.attestation.formats.x509 import pem_certificates, read_certificate
from cleanroom.attestation.rejection import rejected
from cleanroom.attestation.silicon.intel import INTEL_SUITE
from cleanroom.collateral.cache import Source
from cleanroom.collateral.fetching import Answer

PCS = "https://api.trustedservices.intel.com"
ROOT_CRL = "https://certificates.trustedservices.intel.com/IntelSGXRootCA.der"
TCB_CHAIN = "tcb-info-issuer-chain"
IDENTITY_CHAIN = "sgx-enclave-identity-issuer-chain"
Authority = Literal["platform", "processor"]
"""Which of Intel's authorities certified a platform: of several sockets, or of one."""


@dataclass(frozen=True, slots=True)
class IntelMachine:
    """A kind of platform, which is what Intel's documents are for."""

    tee: Tee
    fmspc: str
    """Family, model, stepping, platform and custom SKU: 12 lower-case hex digits."""
    authority: Authority


def machine_of(quote: Quote) -> IntelMachine:
    """The kind of platform that a quote's certificates name; nothing is verified.

    Raises:
        EvidenceRejected: there are no certificates of Intel's form in it.
    """
    chain = [
        read_certificate(one, INTEL_SUITE)
        for one in pem_certificates(quote.pck_chain.removesuffix(b"\0"))
    ]
    if len(chain) < 2:
        raise rejected("the PCK chain", found=f"{len(chain)} certificates", expected="three")
    platform = chain[1].common_name == "Intel SGX PCK Platform CA"
    return IntelMachine(
        tee=quote.tee,
        fmspc=read_pck(chain[0]).fmspc.hex(),
        authority="platform" if platform else "processor",
    )


@dataclass(frozen=True, slots=True)
class Provisioning:
    """Intel's service, or what is kept of it."""

    source: Source
    base: str = PCS
    root_crl: str = ROOT_CRL

    def collateral(self, machines: Iterable[IntelMachine]) -> IntelCollateral:
        """Everything that verifying quotes of these platforms needs; unverified.

        Raises:
            CollateralMissing: Intel knows no such platform.
            EvidenceRejected: what came is not of Intel's form.
        """
        known = sorted(set(machines), key=lambda one: (one.tee, one.fmspc, one.authority))
        authorities = sorted({one.authority for one in known})
        kinds = sorted({(one.tee, one.fmspc) for one in known})
        return IntelCollateral(
            root_crl=self.source.get(self.root_crl, lasting=False).body,
            pck_crls=[self._pck_crl(authority) for authority in authorities],
            tcb_infos=[self._tcb_info(tee, fmspc) for tee, fmspc in kinds],
            qe_identities=[self._identity(tee) for tee in sorted({tee for tee, _ in kinds})],
        )

    def _pck_crl(self, authority: Authority) -> bytes:
        address = f"{self.base}/sgx/certification/v4/pckcrl?ca={authority}&encoding=der"
        return self.source.get(address, lasting=False).body

    def _tcb_info(self, tee: Tee, fmspc: str) -> SignedDocument:
        address = f"{self.base}/{tee}/certification/v4/tcb?fmspc={fmspc}"
        answer = self.source.get(address, lasting=False)
        signed_part(answer.body, "tcbInfo")
        return _document(answer, TCB_CHAIN)

    def _identity(self, tee: Tee) -> SignedDocument:
        address = f"{self.base}/{tee}/certification/v4/qe/identity"
        answer = self.source.get(address, lasting=False)
        signed_part(answer.body, "enclaveIdentity")
        return _document(answer, IDENTITY_CHAIN)


def _document(answer: Answer, header: str) -> SignedDocument:
    chain = unquote(answer.headers.get(header, ""))
    if not chain:
        raise rejected(f"header {header}", found="missing", expected="the signer's certificates")
    return SignedDocument(document=answer.body, chain=chain.encode())
