"""Which platform this process collects evidence of: by a table, without guessing.

Finding is told in `finding`. Here is the order, and its reasons. What is there is said; two
platforms of the same rank, or none, are one error. A wrong choice costs nothing but time: evidence
of a platform that the manifest does not name is accepted nowhere.
"""

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import NamedTuple

from cleanroom.attestation.evidence import MOST_ENDORSEMENTS, Platform
from cleanroom.errors import FileMissing, MachineUnfit, Problem
from enclave.attester import finding
from enclave.attester.finding import Found
from enclave.attester.machine import Machine


class Row(NamedTuple):
    """One way for a machine to be confidential."""

    platforms: tuple[Platform, ...]
    """What its evidence may be named."""
    rank: int
    """Lower ones come first; of one rank, only one may be there."""
    needs: str
    """What must be in the guest, in words."""
    find: Callable[[Machine], Found]


BY_NAME_ONLY = 4
"""Rows of this rank count only when they are asked for."""
ROWS: tuple[Row, ...] = (
    # A paravisor owns the processor's interface: a device that the guest sees is not the whole
    # machine's, and evidence without the paravisor's words would say nothing about the guest.
    Row(
        ("azure-snp", "azure-tdx"),
        0,
        "/dev/tpmrm0 with the paravisor's report at index 0x1400001",
        finding.azure_guest,
    ),
    # The same device as any SEV-SNP guest's, but what it measures is Microsoft's utility VM: only
    # with Microsoft's endorsement does its report mean something.
    Row(
        ("azure-aci",),
        1,
        "/security-context-* of the container's runtime, and a SEV-SNP guest's device",
        finding.azure_container,
    ),
    # Processors and hypervisors that sign what they launched. A guest has one of them; two at once
    # would be a machine that nobody knows.
    Row(("nitro",), 2, "/dev/nsm", finding.nitro_enclave),
    Row(("cca",), 2, "configfs-tsm answered by arm_cca_guest (Linux 6.13)", finding.cca_realm),
    Row(
        ("sev-snp",),
        2,
        "configfs-tsm answered by sev_guest (Linux 6.7), or /dev/sev-guest (Linux 5.19)",
        finding.sev_snp_guest,
    ),
    Row(
        ("tdx",),
        2,
        "configfs-tsm answered by tdx_guest (Linux 6.7), or /dev/tdx_guest with a quote service",
        finding.tdx_guest,
    ),
    # After the processor's own word: a vTPM outside of the guest says only what its cloud vouches
    # for. Where both are there, the manifest's author may prefer it, and asks for it by name.
    Row(
        ("gcp-vtpm",), 3, "/dev/tpmrm0 with Google's certificate at 0x1c10002", finding.gcp_instance
    ),
    # Any laptop has one and its memory is open to the host, so it is never chosen by itself.
    Row(("tpm",), BY_NAME_ONLY, "/dev/tpmrm0, and to be asked for by name", finding.tpm_machine),
)
"""Every platform that can be collected here, in the order in which it is looked for."""
COLLECTED: tuple[Platform, ...] = tuple(name for row in ROWS for name in row.platforms)
"""Their names."""


class Absent(NamedTuple):
    """A platform that is not there."""

    missing: str
    """What of it, in words."""


def look(machine: Machine, rows: Iterable[Row] = ROWS) -> list[tuple[Row, Found | Absent]]:
    """Look at everything once; nothing is chosen, and nothing raises."""
    return [(row, _seen(row, machine)) for row in rows]


def detect(machine: Machine, wanted: Platform | None = None) -> Found:
    """The platform to collect evidence of.

    Args:
        machine: the machine below.
        wanted: the only platform that counts; None to take the first of the table.

    Raises:
        MachineUnfit: none is there, several are, or not the one that is wanted.
    """
    sightings = look(machine, [row for row in ROWS if _counts(row, wanted)])
    seen = [
        (row.rank, found)
        for row, found in sightings
        if isinstance(found, Found) and wanted in {None, found.platform}
    ]
    if not seen:
        raise _nothing(sightings, wanted)
    first = min(rank for rank, _ in seen)
    fitting = [found for rank, found in seen if rank == first]
    if len(fitting) > 1:
        names = ", ".join(found.platform for found in fitting)
        raise MachineUnfit(
            f"this machine shows {names} at once, expected one platform",
            hint="say which one with --evidence",
        )
    return fitting[0]


def read_endorsements(places: Iterable[Path]) -> tuple[bytes, ...]:
    """What is to be sent along with evidence: files, and each file of a directory by name.

    None of it is trusted: whoever verifies the evidence judges it.

    Args:
        places: certificates, certificate tables, or Intel's documents.

    Raises:
        FileMissing: a place is missing, or they hold too much.
    """
    files = [file for place in places for file in _files(place)]
    if len(files) > MOST_ENDORSEMENTS:
        raise FileMissing(f"{len(files)} endorsements, expected at most {MOST_ENDORSEMENTS}")
    return tuple(file.read_bytes() for file in files)


def _seen(row: Row, machine: Machine) -> Found | Absent:
    try:
        return row.find(machine)
    except MachineUnfit as refused:
        return Absent(refused.message)


def _counts(row: Row, wanted: Platform | None) -> bool:
    return row.rank != BY_NAME_ONLY if wanted is None else wanted in row.platforms


def _nothing(
    sightings: Iterable[tuple[Row, Found | Absent]], wanted: Platform | None
) -> MachineUnfit:
    lacking = [
        Problem(
            seen.missing if isinstance(seen, Absent) else f"this is {seen.platform}",
            where=_named(row),
        )
        for row, seen in sightings
    ]
    expected = wanted or "a guest of " + ", ".join(one.where for one in lacking)
    return MachineUnfit(
        f"this machine shows no {wanted or 'confidential platform'}, expected {expected}",
        hint="`cleanroom doctor` says what each platform lacks; for development, use a simulated "
        "room",
        problems=lacking,
    )


def _named(row: Row) -> str:
    return " or ".join(row.platforms)


def _files(place: Path) -> list[Path]:
    if place.is_file():
        return [place]
    if not place.is_dir():
        raise FileMissing("the endorsements are missing, expected a directory or a file")
    return sorted(path for path in place.iterdir() if path.is_file())
