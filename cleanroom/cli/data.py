"""`cleanroom data`: check a file against the manifest, encrypt it, upload it."""

from pathlib import Path

import click

from cleanroom.cli import console
from cleanroom.cli.context import (
    Visit,
    json_option,
    load_manifest,
    manifest_option,
    room_options,
)
from cleanroom.errors import Usage

_files = click.argument(
    "files",
    nargs=-1,
    required=True,
    type=click.Path(path_type=Path),
    metavar="FILE...",
)


@click.group()
def data() -> None:
    """Check, encrypt and upload datasets."""


@data.command()
@click.argument("dataset")
@_files
@manifest_option
@json_option
def check(
    dataset: str, files: tuple[Path, ...], manifest_path: Path | None, *, as_json: bool
) -> None:
    """Report on FILEs as DATASET, without sending anything; exit 3 if they do not fit."""
    from cleanroom.client.brought import report_on  # noqa: PLC0415 - brings pyarrow

    manifest = load_manifest(manifest_path).manifest
    if dataset not in manifest.declared:
        raise Usage(f"the dataset is {dataset!r}, expected one of {sorted(manifest.declared)}")
    report = report_on(list(files), dataset, manifest.declared[dataset])
    if as_json:
        console.emit_json("data-check", report.to_plain())
    else:
        console.emit(report.to_text().rstrip())
    report.require()
    console.next_step(f"cleanroom data add {dataset} {' '.join(str(file) for file in files)}")


@data.command()
@click.argument("dataset")
@_files
@room_options
def add(
    visit: Visit,
    dataset: str,
    files: tuple[Path, ...],
) -> None:
    """Check FILEs, encrypt them here, and upload them as a new version of DATASET.

    Only ciphertext leaves this machine, and only to the room that was just verified. An upload
    that broke off goes on where it stopped.
    """
    with visit.enter() as room:
        with console.progress(f"{dataset}: encrypt and upload") as progress:
            version = room.add(dataset, list(files), progress=progress)
        if visit.as_json:
            console.emit_json("data-add", {"dataset": dataset, "version": version})
        else:
            console.emit(version)
    console.next_step("cleanroom status")


@data.command("list")
@room_options
def list_versions(
    visit: Visit,
) -> None:
    """List the versions of every dataset, by digest."""
    with visit.enter() as room:
        held = room.status().versions
        rows = [(v.dataset, v.owner, v.added_at, v.digest) for each in held.values() for v in each]
        if visit.as_json:
            names = ("dataset", "owner", "added_at", "version")
            plain = [dict(zip(names, row, strict=True)) for row in rows]
            console.emit_json("data-list", {"versions": plain})
        else:
            console.emit(console.table(("dataset", "owner", "added", "version"), rows))
