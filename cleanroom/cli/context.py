"""Where a command is: which manifest, which identity, which coordinator.

Everything comes from `cleanroom.yaml`, found from the working directory upwards, and the
`.cleanroom/config.toml` beside it; options on the command line win. No command needs an address
every time.
"""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, ParamSpec, TypeVar

import click

from cleanroom.errors import FileMissing, Usage

if TYPE_CHECKING:
    from cleanroom.client.identity import Identity
    from cleanroom.client.manifest_file import ManifestFile
    from cleanroom.client.room import Room

MANIFEST_NAME = "cleanroom.yaml"
Arguments = ParamSpec("Arguments")
Outcome = TypeVar("Outcome")


def find_manifest(given: Path | None) -> Path:
    """The manifest that a command is about.

    Raises:
        FileMissing: none is given and none lies in this directory or above.
    """
    if given is not None:
        if not given.is_file():
            raise FileMissing(f"there is no manifest {given.name!r} at that path")
        return given
    here = Path.cwd()
    for directory in (here, *here.parents):
        if (directory / MANIFEST_NAME).is_file():
            return directory / MANIFEST_NAME
    raise FileMissing(
        f"there is no {MANIFEST_NAME} in this directory or above",
        hint="run the command where the manifest is, or make one with `cleanroom init`",
    )


def load_manifest(given: Path | None) -> "ManifestFile":
    """Read the manifest that a command is about."""
    from cleanroom.client.manifest_file import ManifestFile  # noqa: PLC0415 - start-up time

    return ManifestFile.load(find_manifest(given))


def load_identity(manifest: Path, given: Path | None) -> "Identity":
    """The party's identity: the option, else the configured one, else the only `*.key` beside.

    Raises:
        FileMissing: there is none, or several and none is chosen.
    """
    from cleanroom.client.identity import Identity  # noqa: PLC0415 - start-up time
    from cleanroom.client.memory import Memory  # noqa: PLC0415 - start-up time

    path = given or Memory(manifest.parent).identity_path
    if path is None:
        beside = sorted(manifest.parent.glob("*.key"))
        if len(beside) != 1:
            raise FileMissing(
                f"{len(beside)} identity files (*.key) lie beside the manifest, expected 1",
                hint="name one with --identity, or make one with `cleanroom key new`",
            )
        path = beside[0]
    return Identity.load(path)


def open_room(
    manifest: Path | None, identity: Path | None, coordinator: str | None, *, simulated: bool
) -> "Room":
    """Connect to the room as this party; what the connection used is remembered.

    Raises:
        Usage: no coordinator is named and none is remembered.
        NotTrusted: the room does not prove to be the one this party agreed to.
    """
    from cleanroom.client.memory import Memory  # noqa: PLC0415 - start-up time
    from cleanroom.client.room import connect  # noqa: PLC0415 - start-up time

    loaded = load_manifest(manifest)
    me = load_identity(loaded.path, identity)
    memory = Memory(loaded.path.parent)
    address = coordinator or memory.coordinator
    if address is None:
        raise Usage(
            "no coordinator is known for this manifest",
            hint="name it once with --coordinator HOST:PORT; it is remembered",
        )
    allowed = simulated or memory.allow_simulated
    room = connect(loaded, identity=me, coordinator=address, allow_simulated=allowed)
    memory.remember(coordinator=address, identity=identity, allow_simulated=allowed)
    return room


def manifest_option(command: Callable[Arguments, Outcome]) -> Callable[Arguments, Outcome]:
    """`--manifest FILE`."""
    return click.option(
        "--manifest",
        "manifest_path",
        type=click.Path(path_type=Path, dir_okay=False),
        help=f"The manifest; by default {MANIFEST_NAME} in this directory or above.",
    )(command)


def json_option(command: Callable[Arguments, Outcome]) -> Callable[Arguments, Outcome]:
    """`--json`."""
    return click.option("--json", "as_json", is_flag=True, help="Write JSON to standard output.")(
        command
    )


def identity_option(command: Callable[Arguments, Outcome]) -> Callable[Arguments, Outcome]:
    """`--identity FILE`."""
    return click.option(
        "--identity",
        "identity_path",
        type=click.Path(path_type=Path, dir_okay=False),
        help="Your identity file; by default the only *.key beside the manifest.",
    )(command)


def room_options(command: Callable[Arguments, Outcome]) -> Callable[Arguments, Outcome]:
    """What every command that talks to a room takes."""
    for option in (
        click.option(
            "--allow-simulated",
            is_flag=True,
            help="Accept a room of simulated platforms (development only).",
        ),
        click.option("--coordinator", metavar="HOST:PORT", help="Where the coordinator is."),
    ):
        command = option(command)
    return manifest_option(identity_option(json_option(command)))
