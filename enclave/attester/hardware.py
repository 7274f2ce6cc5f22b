"""Which confidential machine this process runs on, by the device that its guest kernel shows."""

from collections.abc import Callable
from pathlib import Path

from cleanroom.attestation.evidence import MOST_ENDORSEMENTS
from cleanroom.errors import FileMissing, MachineUnfit
from enclave.attester import Attester, sev_snp
from enclave.attester.sev_guest import SEV_GUEST
from enclave.attester.tdx import TdxAttester
from enclave.attester.tsm import TSM_ROOT, ConfigFs

TDX_GUEST = Path("/dev/tdx_guest")


def detect(
    tsm: Path = TSM_ROOT,
    sev_guest: Path = SEV_GUEST,
    tdx_guest: Path = TDX_GUEST,
    endorsements: tuple[bytes, ...] = (),
) -> Attester:
    """The attester of the hardware below.

    Args:
        tsm: where configfs-tsm is mounted.
        sev_guest: the device of SEV-SNP guests.
        tdx_guest: the device of TDX guests.
        endorsements: what to send along: certificates, or Intel's collateral.

    Raises:
        MachineUnfit: this is no confidential machine that is known here.
    """
    known: dict[Path, Callable[[], Attester]] = {
        sev_guest: lambda: sev_snp.detect(tsm, sev_guest, endorsements),
        tdx_guest: lambda: TdxAttester(ConfigFs(tsm), endorsements=endorsements),
    }
    for device, attester in known.items():
        if device.exists() and tsm.is_dir():
            return attester()
    raise MachineUnfit(
        "this machine shows no confidential platform, expected a guest of SEV-SNP or TDX",
        hint="start it as a confidential VM with Linux 6.7 or newer; for development, use a "
        "simulated room",
    )


def read_endorsements(directory: Path | None) -> tuple[bytes, ...]:
    """What is to be sent along with evidence: each file of a directory, in order of their names.

    None of it is trusted: whoever verifies the evidence judges it.

    Args:
        directory: certificates, certificate tables, or Intel's documents; None for nothing.

    Raises:
        FileMissing: it is no directory, or holds too much.
    """
    if directory is None:
        return ()
    if not directory.is_dir():
        raise FileMissing("the directory of endorsements is missing")
    files = sorted(path for path in directory.iterdir() if path.is_file())
    if len(files) > MOST_ENDORSEMENTS:
        raise FileMissing(f"{len(files)} endorsements, expected at most {MOST_ENDORSEMENTS}")
    return tuple(path.read_bytes() for path in files)
