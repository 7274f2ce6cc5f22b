"""Where a command is: which manifest, which identity, which coordinator.

Everything comes from `cleanroom.yaml`, found from the working directory upwards, and the
`.cleanroom/config.toml` beside it; options on the command line win. No command needs an address
every time.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from functools import wraps
from pathlib import Path
from typing import TYPE_CHECKING, ParamSpec, TypeVar

import click

from cleanroom.errors import FileMissing, ManifestError

if TYPE_CHECKING:
    from cleanroom.attestation.collateral import Collateral
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

    path = find_manifest(given)
    with excerpts(path):
        return ManifestFile.load(path)


@contextmanager
def excerpts(path: Path) -> Iterator[None]:
    """Note the lines of the author's file, with carets, on an error about them."""
    try:
        yield
    except ManifestError as error:
        if any(problem.line for problem in error.problems):
            from cleanroom.manifest.diagnostics import render  # noqa: PLC0415 - start-up time

            text = path.read_text(encoding="utf-8", errors="replace")
            error.add_note(render(error.problems, text, path.name, code=error.code))
        raise


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


@dataclass(frozen=True, slots=True)
class Visit:
    """What the options of a command say about the room it talks to."""

    manifest: Path | None
    identity: Path | None
    coordinator: str | None
    allow_simulated: bool
    collateral: Path | None
    """A bundle of what vendors say; kept for later calls."""
    as_json: bool
    """Whether the result is written as JSON."""

    def load_manifest(self) -> "ManifestFile":
        """The manifest that the command is about."""
        return load_manifest(self.manifest)

    def known_collateral(self, now: datetime) -> "Collateral":
        """What this party knows from vendors by itself, once it has entered."""
        from cleanroom.client.collateral_files import (  # noqa: PLC0415 - start-up time
            known_collateral,
        )
        from cleanroom.client.memory import Memory  # noqa: PLC0415 - start-up time

        return known_collateral(None, Memory(self.load_manifest().path.parent).directory, now)

    def enter(self) -> "Room":
        """Connect to the room as this party; what the options said is remembered.

        Raises:
            Usage: no coordinator is named and none is remembered.
            NotTrusted: the room does not prove to be the one this party agreed to.
        """
        from cleanroom.client.collateral_files import keep_bundle  # noqa: PLC0415 - start-up time
        from cleanroom.client.memory import Memory  # noqa: PLC0415 - start-up time
        from cleanroom.client.room import connect  # noqa: PLC0415 - start-up time

        loaded = self.load_manifest()
        me = load_identity(loaded.path, self.identity)
        allowed = self.allow_simulated or None
        memory = Memory(loaded.path.parent)
        if self.collateral is not None:
            keep_bundle(self.collateral, memory.directory)
        room = connect(loaded, identity=me, coordinator=self.coordinator, allow_simulated=allowed)
        memory.remember(
            coordinator=self.coordinator, identity=self.identity, allow_simulated=allowed
        )
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


def collateral_option(command: Callable[Arguments, Outcome]) -> Callable[Arguments, Outcome]:
    """`--collateral FILE`."""
    return click.option(
        "--collateral",
        "bundle",
        type=click.Path(path_type=Path, dir_okay=False),
        help="A bundle of what vendors say; see `cleanroom attestation collateral bundle`.",
    )(command)


def identity_option(command: Callable[Arguments, Outcome]) -> Callable[Arguments, Outcome]:
    """`--identity FILE`."""
    return click.option(
        "--identity",
        "identity_path",
        type=click.Path(path_type=Path, dir_okay=False),
        help="Your identity file; by default the only *.key beside the manifest.",
    )(command)


def room_options(command: Callable[..., None]) -> Callable[..., None]:
    """What every command that talks to a room takes; it gets them as one `Visit`."""

    @wraps(command)
    def visiting(
        *,
        manifest_path: Path | None,
        identity_path: Path | None,
        coordinator: str | None,
        allow_simulated: bool,
        bundle: Path | None,
        as_json: bool,
        **own: object,
    ) -> None:
        visit = Visit(manifest_path, identity_path, coordinator, allow_simulated, bundle, as_json)
        command(visit, **own)

    simulated = click.option(
        "--allow-simulated",
        is_flag=True,
        help="Accept a room of simulated platforms (development only).",
    )
    address = click.option("--coordinator", metavar="HOST:PORT", help="Where the coordinator is.")
    return manifest_option(
        identity_option(address(simulated(collateral_option(json_option(visiting)))))
    )
