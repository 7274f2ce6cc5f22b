"""Which make-believe machine is kept in a directory: a room may mix several platforms."""

from collections.abc import Callable, Mapping
from pathlib import Path

from cleanroom.errors import FileMissing, Usage
from enclave.attester import (
    Attester,
    simulated,
    simulated_cca,
    simulated_nitro,
    simulated_tdx,
)
from enclave.attester.simulated import SimulatedPlatform
from enclave.attester.simulated_cca import SimulatedCcaPlatform
from enclave.attester.simulated_nitro import SimulatedNitroPlatform
from enclave.attester.simulated_tdx import SimulatedTdxPlatform

Start = Callable[[Path, bytes, bytes], Attester]
"""A guest on the machine kept in a directory, with a measurement and 32 bytes of host data."""
MACHINES: Mapping[str, Start] = {
    simulated.PLATFORM_FILE: lambda kept, measurement, host_data: SimulatedPlatform.load(
        kept
    ).attester(measurement, host_data),
    simulated_tdx.PLATFORM_FILE: lambda kept, measurement, host_data: SimulatedTdxPlatform.load(
        kept
    ).attester(measurement, host_data),
    simulated_cca.PLATFORM_FILE: lambda kept, measurement, host_data: SimulatedCcaPlatform.load(
        kept
    ).attester(measurement, host_data),
    # Nothing is tied to a Nitro enclave from outside.
    simulated_nitro.PLATFORM_FILE: lambda kept, measurement, _: SimulatedNitroPlatform.load(
        kept
    ).attester(measurement),
}
"""Every kind of machine, by the file that it is kept in."""


def start_guest(directory: Path, measurement: bytes, host_data: bytes) -> Attester:
    """A guest on the one machine that is kept in `directory`.

    Args:
        directory: from `create` of one of the simulated platforms.
        measurement: what is launched, 48 bytes.
        host_data: what the launcher ties to it, 32 bytes.

    Raises:
        FileMissing: no machine is kept there.
        Usage: several are.
    """
    kept = [name for name in MACHINES if (directory / name).is_file()]
    if not kept:
        raise FileMissing("no simulated machine is kept there, expected one")
    if len(kept) > 1:
        raise Usage(f"several simulated machines are kept there, expected one: {sorted(kept)}")
    return MACHINES[kept[0]](directory, measurement, host_data)
