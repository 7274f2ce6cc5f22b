"""Puts one file together of everything that verifying needs, and takes it apart where it is used.

What a bundle is, is told in `cleanroom.attestation.bundle`.
"""

import base64
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime

from cleanroom.attestation.bundle import Bundle
from cleanroom.attestation.collateral import Collateral
from cleanroom.attestation.evidence import Evidence
from cleanroom.attestation.formats.amd_certificates import (
    AMD_SUITE,
    LEAVES,
    certified_chip,
    certified_tcb,
    product_name,
    read_endorsements,
)
from cleanroom.attestation.formats.snp import read_tcb
from cleanroom.attestation.formats.x509 import Certificate, read_certificate
from cleanroom.attestation.policy import Product
from cleanroom.collateral.amd import AmdMachine, KeyDistribution
from cleanroom.collateral.cache import Source
from cleanroom.collateral.intel import IntelMachine, Provisioning
from cleanroom.collateral.needs import amd_endorsements, machines_of

__all__ = ["Bundle", "assemble", "complete", "endorsement_files"]

CHAIN_LENGTH = 3
"""Leaf, intermediate and root."""


def assemble(
    machines: Iterable[AmdMachine | IntelMachine], source: Source, now: datetime
) -> Bundle:
    """The bundle for some machines.

    Args:
        machines: from `needs.machines_of`.
        source: asks vendors, or looks into a cache.
        now: when it is put together, aware.

    Raises:
        CollateralMissing: a part is nowhere.
        TransportError: a vendor does not answer.
    """
    known = list(machines)
    chips = [one for one in known if isinstance(one, AmdMachine)]
    platforms = [one for one in known if isinstance(one, IntelMachine)]
    amd, intel = KeyDistribution(source), Provisioning(source)
    return Bundle(
        format="https://cleanroom.dev/collateral/v1",
        fetched_at=now.replace(microsecond=0),
        certificates=sorted({each for chip in chips for each in amd.certificates(chip)}),
        collateral=Collateral(
            amd_crls=sorted({amd.revocations(chip) for chip in chips}),
            intel=intel.collateral(platforms) if platforms else None,
        ),
    )


def complete(evidence: Evidence, bundle: Bundle, product: Product | None = None) -> Evidence:
    """The evidence with those certificates of the bundle that it lacks.

    Only certificates of AMD travel beside evidence; everything else is in `bundle.collateral`.

    Args:
        evidence: of any platform.
        bundle: where certificates are looked for.
        product: the processor, where an old report of AMD's does not say.

    Raises:
        EvidenceRejected: the evidence cannot be read.
    """
    machines = machines_of(evidence, product)
    chips = [one for one in machines if isinstance(one, AmdMachine)]
    if not chips:
        return evidence
    given = read_endorsements(amd_endorsements(evidence))
    kept = [read_certificate(one, AMD_SUITE) for one in bundle.certificates]
    added = [one.encoded for one in _lacking(chips[0], given, kept)]
    # NOTE: whatever else evidence may hold stays as it is.
    carried = [base64.b64encode(one).decode() for one in [*evidence.endorsements, *added]]
    return Evidence.from_plain(evidence.to_plain() | {"endorsements": carried})


def _lacking(
    chip: AmdMachine, given: Sequence[Certificate], kept: Sequence[Certificate]
) -> Iterator[Certificate]:
    """What of a chip's chain was not given, leaf first, as far as it is kept."""
    by_name = {one.subject: one for one in (*kept, *given)}
    leaves = [one for one in given if one.common_name in LEAVES.values()]
    leaves += [one for one in kept if _certifies(one, chip)]
    at = leaves[0] if leaves else None
    for _ in range(CHAIN_LENGTH):
        if at is not None and at not in given:
            yield at
        at = by_name.get(at.issuer) if at is not None else None


def _certifies(certificate: Certificate, chip: AmdMachine) -> bool:
    if certificate.common_name != LEAVES[chip.kind] or product_name(certificate) != chip.product:
        return False
    certified = read_tcb(certified_tcb(certificate, chip.product), chip.product)
    return certified == chip.tcb and certified_chip(certificate, chip.product) == chip.chip_id


def endorsement_files(bundle: Bundle) -> dict[str, bytes]:
    """What a machine's launcher sends along with evidence, by file name.

    AMD's certificates as they are, and Intel's documents as one canonical record.
    """
    chips = {f"amd-{place:03}.der": one for place, one in enumerate(bundle.certificates)}
    intel = bundle.collateral.intel
    return chips if intel is None else {**chips, "intel.json": intel.to_bytes()}
