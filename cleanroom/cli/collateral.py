"""`cleanroom attestation collateral`: what vendors say, fetched, packed into a file, and shown."""

import os
import time
import urllib.request
from datetime import datetime
from pathlib import Path
from typing import get_args

import click

from cleanroom.attestation.policy import Product
from cleanroom.cli import console
from cleanroom.cli.attestation_files import (
    FILE,
    TIME,
    given_time,
    read_all_evidence,
    read_bundle,
)
from cleanroom.cli.context import json_option
from cleanroom.collateral.amd import AmdMachine
from cleanroom.collateral.bundle import Bundle, assemble, endorsement_files
from cleanroom.collateral.cache import Cache, Offline, Online, Source
from cleanroom.collateral.fetching import HttpsFetch
from cleanroom.collateral.freshness import moment_of, windows
from cleanroom.collateral.intel import IntelMachine
from cleanroom.collateral.needs import machines_of
from cleanroom.collateral.retrying import retrying
from cleanroom.encoding import instant_text
from cleanroom.errors import Usage

cache_option = click.option(
    "--cache",
    "directory",
    type=click.Path(path_type=Path, file_okay=False),
    help="Where answers are kept; by default in your cache directory.",
)
product_option = click.option(
    "--product", type=click.Choice(get_args(Product)), help="For old SEV-SNP reports."
)
evidence_argument = click.argument("evidence", type=FILE, nargs=-1, required=True)


@click.group()
def collateral() -> None:
    """Fetch what vendors say about machines, and keep it in one file for those without network."""


@collateral.command()
@evidence_argument
@product_option
@cache_option
@json_option
def pull(
    evidence: tuple[Path, ...], product: Product | None, directory: Path | None, *, as_json: bool
) -> None:
    """Ask AMD and Intel for everything that verifying this EVIDENCE needs, and keep the answers."""
    fetch = retrying(HttpsFetch(proxies=urllib.request.getproxies()), time.sleep)
    online = Online(fetch, _cache(directory), lambda: given_time(None))
    _report(_assemble(evidence, product, online), as_json=as_json)
    console.next_step(f"cleanroom attestation collateral bundle {evidence[0]} --out bundle.json")


@collateral.command()
@evidence_argument
@product_option
@cache_option
@click.option("--out", type=FILE, required=True, help="The bundle.")
@json_option
def bundle(
    evidence: tuple[Path, ...],
    product: Product | None,
    directory: Path | None,
    out: Path,
    *,
    as_json: bool,
) -> None:
    """Pack what `pull` kept for this EVIDENCE into one file; asks nobody."""
    packed = _assemble(evidence, product, Offline(_cache(directory)))
    out.write_bytes(packed.to_bytes())
    _report(packed, as_json=as_json)
    console.next_step(f"cleanroom attestation verify {evidence[0]} --collateral {out}")


@collateral.command()
@click.argument("file", type=FILE)
@click.option("--out", type=click.Path(path_type=Path), required=True, help="A new directory.")
def endorsements(file: Path, out: Path) -> None:
    """Write a bundle's parts for `worker serve --endorsements` and `coordinator serve`."""
    if out.exists():
        raise Usage(f"the directory {out.name!r} exists already, expected a new one")
    out.mkdir(parents=True)
    for name, content in endorsement_files(read_bundle(file)).items():
        (out / name).write_bytes(content)
        console.emit(str(out / name))
    console.next_step(f"cleanroom worker serve … --endorsements {out}")


@collateral.command()
@click.argument("file", type=FILE)
@click.option("--at", type=TIME, help="As of then, such as 2026-11-20T12:00:00Z.")
@click.option("--grace-s", type=int, default=0, show_default=True, help="After its end.")
@json_option
def show(file: Path, at: datetime | None, grace_s: int, *, as_json: bool) -> None:
    """Print what is in a bundle and until when; exit 4 when a part is out of date."""
    kept = read_bundle(file)
    _report(kept, as_json=as_json)
    moment_of(kept, given_time(at), grace_s=grace_s)


def _assemble(paths: tuple[Path, ...], product: Product | None, source: Source) -> Bundle:
    machines: list[AmdMachine | IntelMachine] = []
    for path in paths:
        for evidence in read_all_evidence(path):
            machines += machines_of(evidence, product)
    if not machines:
        raise Usage(
            "this evidence carries all that it needs, expected SEV-SNP, TDX or SGX",
            hint="verify it without a bundle",
        )
    return assemble(machines, source, given_time(None))


def _report(kept: Bundle, *, as_json: bool) -> None:
    parts = windows(kept)
    if as_json:
        plain = [
            {
                "kind": one.kind,
                "name": one.name,
                "from": instant_text(one.start),
                "until": instant_text(one.end),
            }
            for one in parts
        ]
        fetched = instant_text(kept.fetched_at)
        console.emit_json("attestation-collateral", {"fetched_at": fetched, "parts": plain})
        return
    rows = [(one.kind, one.name, f"{one.start:%Y-%m-%d}", f"{one.end:%Y-%m-%d}") for one in parts]
    console.emit(console.table(("kind", "what", "from", "until"), rows))


def _cache(directory: Path | None) -> Cache:
    if directory is not None:
        return Cache(directory)
    home = os.environ.get("XDG_CACHE_HOME") or str(Path.home() / ".cache")
    return Cache(Path(home) / "cleanroom" / "collateral")
