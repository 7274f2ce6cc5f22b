"""What a launcher says about the platform, and the attester that comes of it.

Both programs take the same four options. None of them is trusted: evidence is judged by others.
"""

import argparse
from pathlib import Path
from typing import NamedTuple

from enclave.attester import Attester
from enclave.attester.beside import Beside, devices_beside, nothing_beside
from enclave.attester.hardware import COLLECTED, detect, read_endorsements
from enclave.attester.machine import Machine
from enclave.attester.measure import installed_code_digest, measurement_of
from enclave.attester.supply import Supply


class Platform(NamedTuple):
    """What this process proves itself with."""

    name: str
    """The platform's name in evidence, or `simulated`."""
    attester: Attester
    beside: Beside
    supply: Supply
    """What vendors say about the room's machines."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Say what a launcher may say about the platform."""
    parser.add_argument("--platform", type=Path, help="directory of a simulated platform")
    parser.add_argument(
        "--endorsements",
        type=Path,
        action="append",
        default=[],
        metavar="PATH",
        help="what evidence needs: a file, or a directory of files; may be repeated",
    )
    parser.add_argument(
        "--evidence", choices=COLLECTED, help="which platform, where this machine shows several"
    )
    parser.add_argument("--collateral", type=Path, help="a bundle of what vendors say")


def chosen(options: argparse.Namespace, role: str, genesis: bytes) -> Platform:
    """The platform: simulated where one was named, else the hardware below.

    Args:
        options: with the arguments above.
        role: what is started, for the simulated measurement.
        genesis: the genesis digest, 32 bytes, which a simulated launcher ties to its guest.

    Raises:
        FileMissing: an endorsement, the bundle, or the simulated platform is missing.
        MachineUnfit: the hardware below is none that is known, or not the one that is wanted.
    """
    supply = Supply(options.collateral)
    if options.platform is None:
        found = detect(Machine(), options.evidence)
        attester = found.begin(read_endorsements(options.endorsements))
        return Platform(found.platform, attester, devices_beside(found.platform), supply)
    # NOTE: an enclave image has no simulator installed, so it is looked for only when asked for
    from enclave.attester.simulated_machines import start_guest  # noqa: PLC0415

    measurement = measurement_of(role, installed_code_digest())
    guest = start_guest(options.platform, measurement, genesis)
    return Platform("simulated", guest, nothing_beside, supply)
