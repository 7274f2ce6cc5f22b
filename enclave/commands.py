"""The verbs that run the enclave: `demo`, `coordinator`, `worker`.

They are registered with the command line through the entry point `cleanroom.commands`, because
`cleanroom` never imports `enclave`. Serving replaces this process by the enclave's own entry
module, so that nothing of the command line stays in what is measured.
"""

import os
import sys
from collections.abc import Callable, Sized
from pathlib import Path
from typing import Literal, NoReturn

import click

from cleanroom.cli import console
from cleanroom.cli.context import json_option
from cleanroom.client.machine import Item
from cleanroom.errors import MachineUnfit

register = {
    "coordinator": ("enclave.commands:coordinator", "make and serve a room (operator)"),
    "worker": ("enclave.commands:worker", "serve a worker (operator)"),
    "demo": ("enclave.commands:demo", "two parties, one room, a verified receipt"),
    "doctor": ("enclave.commands:platforms", "which platform could be proven here"),
}
"""Verb to (where it lives, what it does); under `doctor`, what it examines too."""
DEFAULT_LISTEN = "127.0.0.1:7443"
_directory = click.Path(path_type=Path, file_okay=False)
_file = click.Path(path_type=Path, dir_okay=False)
_endorsements = click.option(
    "--endorsements",
    type=click.Path(path_type=Path, exists=True),
    multiple=True,
    help="From `cleanroom attestation collateral endorsements`, where evidence comes without.",
)
_collateral = click.option(
    "--collateral",
    type=_file,
    help="From `cleanroom attestation collateral bundle`; read again when it is replaced.",
)
_evidence = click.option(
    "--evidence", help="The platform to prove, where this machine shows several (see `doctor`)."
)
_workers_on = click.option(
    "--workers-on",
    type=click.Choice(["sev-snp", "tdx"]),
    default="sev-snp",
    show_default=True,
    help="The platform that workers are simulated on.",
)


def platforms() -> list[Item]:
    """What `cleanroom doctor` says of confidential platforms: each one, found or what it lacks."""
    from enclave.attester.hardware import Absent, look  # noqa: PLC0415 - start-up time
    from enclave.attester.machine import Machine  # noqa: PLC0415 - start-up time

    return [
        Item(
            f"platform {' / '.join(row.platforms)}",
            "note" if isinstance(seen, Absent) else "ok",
            seen.missing if isinstance(seen, Absent) else f"{seen.platform}: {seen.how}",
            row.needs,
        )
        for row, seen in look(Machine())
    ] + _devices()


def _devices() -> list[Item]:
    from enclave.attester import nscq, nvml  # noqa: PLC0415 - start-up time

    def of(kind: str, many: str, expected: str, look: Callable[[], Sized]) -> Item:
        try:
            found = len(look())
        except MachineUnfit as absent:
            return Item(f"devices {kind}", "note", absent.message, expected)
        return Item(f"devices {kind}", "ok" if found else "note", f"{found} {many}", expected)

    return [
        of(
            "nvidia-gpu",
            "GPUs",
            "NVIDIA's driver, and GPUs in confidential mode, where a manifest asks for them",
            lambda: nvml.attached_gpus(nvml.load_library()),
        ),
        of(
            "nvidia-switch",
            "switches",
            "NVIDIA's library of switches, where a manifest asks for protected PCIe",
            lambda: nscq.attached_switches(nscq.load_switches()),
        ),
    ]


@click.group()
def coordinator() -> None:
    """Make and serve a room: the operator's side."""


@coordinator.command()
@click.argument("directory", type=_directory)
@click.option(
    "--mode",
    type=click.Choice(["development", "production"]),
    default="development",
    show_default=True,
)
@click.option("--role", "roles", multiple=True, default=("cpu",), show_default=True)
@_workers_on
@click.option("--named", is_flag=True, help="Name images by what development builders sign.")
def init(
    directory: Path,
    mode: Literal["production", "development"],
    roles: tuple[str, ...],
    workers_on: Literal["sev-snp", "tdx"],
    *,
    named: bool,
) -> None:
    """Make a room's lineage (and a simulated platform), and print what the manifest needs.

    The same text goes to DIRECTORY/attestation.yaml, for `cleanroom init --attestation`.
    """
    from enclave.local import begin  # noqa: PLC0415 - start-up time

    begin(directory, mode, roles, workers_on, named=named)
    console.emit((directory / "attestation.yaml").read_text(encoding="utf-8").rstrip())
    if named:
        console.say(
            f"{directory / 'reference-values'} goes along: beside every copy of the manifest"
        )
    console.next_step(f"give {directory / 'attestation.yaml'} to whoever writes the manifest")


@coordinator.command()
@click.argument("directory", type=_directory)
@click.option("--genesis", type=_file, required=True, help="From `cleanroom manifest genesis`.")
@click.option("--listen", default=DEFAULT_LISTEN, show_default=True, metavar="HOST:PORT")
@_endorsements
@_evidence
@_collateral
def serve(  # noqa: PLR0917 - one parameter for each option
    directory: Path,
    genesis: Path,
    listen: str,
    endorsements: tuple[Path, ...],
    evidence: str | None,
    collateral: Path | None,
) -> None:
    """Serve the room of DIRECTORY until it is ended (SIGTERM)."""
    arguments = ["--directory", str(directory.resolve()), "--genesis", str(genesis)]
    arguments += ["--listen", listen, *_sent_along(endorsements, evidence, collateral)]
    _become("enclave.coordinator.main", [*arguments, *_platform(directory)])


@coordinator.command("erase")
@click.argument("directory", type=_directory)
@click.option("--yes", is_flag=True, help="Do not ask.")
@json_option
def erase_room(directory: Path, *, yes: bool, as_json: bool) -> None:
    """Erase the room of DIRECTORY for good: its seed, its state, all that was sealed to it.

    Backups that were made without the file `seed` do not open any more; a copy of it keeps them.
    """
    from enclave.coordinator.journal import FILE  # noqa: PLC0415 - start-up time
    from enclave.coordinator.seed import erase  # noqa: PLC0415

    if not yes:
        click.confirm(f"erase the room in {directory}? Nothing brings it back", abort=True)
    gone = erase(directory, FILE)
    if as_json:
        console.emit_json("coordinator-erase", {"erased": gone})
        return
    console.emit(f"erased: {', '.join(gone)}")


@click.group()
def worker() -> None:
    """Serve a worker: the operator's side."""


@worker.command("serve")
@click.option("--coordinator", "address", required=True, metavar="HOST:PORT")
@click.option("--genesis", type=_file, required=True, help="From `cleanroom manifest genesis`.")
@click.option("--role", default="cpu", show_default=True, help="A role of the manifest.")
@click.option("--directory", type=_directory, default=Path("worker"), show_default=True)
@click.option("--node-ip", default="127.0.0.2", show_default=True, help="Where peers reach it.")
@click.option("--room", type=_directory, help="The room's directory, for a simulated platform.")
@_endorsements
@_evidence
@_collateral
def serve_worker(  # noqa: PLR0913, PLR0917 - one parameter for each option
    address: str,
    genesis: Path,
    role: str,
    directory: Path,
    node_ip: str,
    room: Path | None,
    endorsements: tuple[Path, ...],
    evidence: str | None,
    collateral: Path | None,
) -> None:
    """Serve one worker until it is ended (SIGTERM)."""
    arguments = ["--coordinator", address, "--genesis", str(genesis), "--role", role]
    arguments += ["--directory", str(directory.resolve()), "--node-ip", node_ip]
    arguments += _sent_along(endorsements, evidence, collateral)
    _become("enclave.worker.main", [*arguments, *(_worker_platform(room) if room else [])])


@click.command()
@click.option("--directory", type=_directory, default=Path("demo-room"), show_default=True)
@click.option("--rows", type=click.IntRange(2_000, 10_000_000), default=100_000, show_default=True)
@click.option("--seed", type=int, default=7, show_default=True)
@click.option("--keep", is_flag=True, help="Leave the room running and say how to go on.")
@click.option("--clean", is_flag=True, help="Only end and remove what a kept room left.")
@_workers_on
@json_option
def demo(
    directory: Path,
    rows: int,
    seed: int,
    workers_on: Literal["sev-snp", "tdx"],
    *,
    keep: bool,
    clean: bool,
    as_json: bool,
) -> None:
    """A bank and a shop: from nothing to a verified receipt, on this machine."""
    from enclave.demo.kept import remove_kept  # noqa: PLC0415 - start-up time
    from enclave.demo.story import tell  # noqa: PLC0415

    remove_kept(directory)
    if clean:
        console.say(f"{directory} is removed")
        return
    told = tell(directory, rows=rows, seed=seed, keep=keep, workers_on=workers_on)
    if as_json:
        console.emit_json("demo", told)


def _platform(directory: Path) -> list[str]:
    """The simulated platform of a room's directory, where it has one."""
    simulated = directory / "platform"
    return ["--platform", str(simulated)] if simulated.is_dir() else []


def _worker_platform(room: Path) -> list[str]:
    from enclave.launching import worker_platform  # noqa: PLC0415 - start-up time

    simulated = worker_platform(room)
    return ["--platform", str(simulated)] if simulated.is_dir() else []


def _sent_along(
    endorsements: tuple[Path, ...], evidence: str | None, collateral: Path | None
) -> list[str]:
    named = [word for path in endorsements for word in ("--endorsements", str(path.resolve()))]
    named += ["--evidence", evidence] if evidence else []
    return [*named, "--collateral", str(collateral.resolve())] if collateral else named


def _become(module: str, arguments: list[str]) -> NoReturn:
    os.execv(sys.executable, [sys.executable, "-I", "-m", module, *arguments])  # noqa: S606
