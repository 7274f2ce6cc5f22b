"""AMD's key distribution service (KDS): certificates of chips and products, revocation lists.

Addresses are those of AMD 57230 (VCEK Certificate and KDS Interface Specification). The service
serves no VLEK certificate: those come with the evidence.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from cleanroom.attestation.formats.amd_certificates import AMD_SUITE
from cleanroom.attestation.formats.snp import TURIN_HWID_SIZE, SnpReport, read_tcb
from cleanroom.attestation.formats.x509 import pem_certificates, read_certificate
from cleanroom.attestation.policy import Product
from cleanroom.collateral.cache import Source
from cleanroom.errors import Usage

KDS = "https://kdsintf.amd.com"
SPL_NAMES: Mapping[str, str] = {
    "fmc": "fmcSPL",
    "bl": "blSPL",
    "tee": "teeSPL",
    "snp": "snpSPL",
    "ucode": "ucodeSPL",
}
"""Parameters of the address by the component of the TCB, in their order; only Turin has `fmc`."""
KeyKind = Literal["vcek", "vlek"]


@dataclass(frozen=True, slots=True)
class AmdMachine:
    """A chip at certain patch levels, which is what a VCEK certificate is for."""

    product: Product
    kind: KeyKind
    """Which kind of key signs its reports."""
    chip_id: bytes
    """CHIP_ID of the report, 64 bytes."""
    tcb: Mapping[str, int]
    """Reported patch levels by component."""


def machine_of(report: SnpReport, product: Product | None = None) -> AmdMachine:
    """The machine that a report names; nothing is verified.

    Args:
        report: as read.
        product: what it runs on, where the report is of version 2 and does not say.

    Raises:
        Usage: nobody says what the product is.
    """
    named = report.product or product
    if named is None:
        raise Usage(
            "the report is of version 2 and names no processor",
            hint="say which product it is of: --product Milan, Genoa or Turin",
        )
    octets = report.fields.octets
    return AmdMachine(
        product=named,
        kind=report.signing_key,
        chip_id=octets["chip_id"],
        tcb=read_tcb(octets["reported_tcb"], named),
    )


def vcek_url(machine: AmdMachine, base: str = KDS) -> str:
    """The address of a chip's certificate at its patch levels.

    Turin's hardware id is the first 8 bytes of its CHIP_ID, and its TCB has one component more.
    """
    size = TURIN_HWID_SIZE if machine.product == "Turin" else len(machine.chip_id)
    levels = "&".join(
        f"{name}={machine.tcb[component]:02}"
        for component, name in SPL_NAMES.items()
        if component in machine.tcb
    )
    return f"{base}/vcek/v1/{machine.product}/{machine.chip_id[:size].hex()}?{levels}"


def chain_url(machine: AmdMachine, base: str = KDS) -> str:
    """The address of the product's intermediate (ASK or ASVK) and root (ARK), PEM."""
    return f"{base}/{machine.kind}/v1/{machine.product}/cert_chain"


def crl_url(machine: AmdMachine, base: str = KDS) -> str:
    """The address of the product's revocation list, DER."""
    return f"{base}/{machine.kind}/v1/{machine.product}/crl"


@dataclass(frozen=True, slots=True)
class KeyDistribution:
    """AMD's service, or what is kept of it."""

    source: Source
    base: str = KDS

    def certificates(self, machine: AmdMachine) -> list[bytes]:
        """The chip's certificate (VCEK only), its intermediate and its root; DER, unverified.

        Raises:
            CollateralMissing: AMD knows no such chip or patch levels, or hides its id.
            EvidenceRejected: what came is no certificate of AMD's form.
        """
        chain = self.source.get(chain_url(machine, self.base), lasting=True).body
        found = list(pem_certificates(chain))
        if machine.kind == "vcek" and any(machine.chip_id):
            leaf = self.source.get(vcek_url(machine, self.base), lasting=True).body
            found.insert(0, leaf)
        return [read_certificate(one, AMD_SUITE).encoded for one in found]

    def revocations(self, machine: AmdMachine) -> bytes:
        """The product's revocation list, DER, unverified."""
        return self.source.get(crl_url(machine, self.base), lasting=False).body
