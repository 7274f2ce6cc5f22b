"""`init`, `check`, `plan`, `approve`: writing a manifest and agreeing to it, all offline."""

from datetime import timedelta
from pathlib import Path

import click

from cleanroom.cli import console
from cleanroom.cli.context import (
    MANIFEST_NAME,
    excerpts,
    identity_option,
    json_option,
    load_identity,
    load_manifest,
    manifest_option,
)
from cleanroom.client.clock import system_clock
from cleanroom.client.drafting import TEMPLATES, compose_file
from cleanroom.errors import Usage
from cleanroom.manifest.plan import exposure_in_words

SHORTEST_PREFIX = 8
"""Hex digits of a digest that a person must repeat at least."""


@click.command()
@click.option("--template", type=click.Choice(TEMPLATES), default="overlap", show_default=True)
@click.option(
    "--party",
    "parties",
    type=click.Path(path_type=Path, dir_okay=False),
    multiple=True,
    help="A PARTY.party.yaml of `cleanroom key new`; once for each party, in order.",
)
@click.option(
    "--attestation",
    type=click.Path(path_type=Path, dir_okay=False),
    help="The attestation.yaml of `cleanroom coordinator init`.",
)
@click.option("--name", help="The room's name.")
@click.option("--days", type=click.IntRange(1, 3650), default=90, show_default=True)
@click.option("--out", type=click.Path(path_type=Path), default=Path(MANIFEST_NAME))
def init(  # noqa: PLR0917 - click passes them by name
    template: str,
    parties: tuple[Path, ...],
    attestation: Path | None,
    name: str | None,
    days: int,
    out: Path,
) -> None:
    """Write a manifest from a template; an existing file is never overwritten."""
    start = system_clock()
    compose_file(
        out,
        template,
        parties=parties,
        attestation=attestation,
        name=name,
        not_before=start,
        not_after=start + timedelta(days=days),
    )
    console.emit(str(out))
    console.next_step("edit it, then run `cleanroom check`")


@click.command()
@manifest_option
@json_option
def check(manifest_path: Path | None, *, as_json: bool) -> None:
    """List every problem of the manifest with its place; exit 3 if there is any."""
    loaded = load_manifest(manifest_path)
    with excerpts(loaded.path):
        warnings = loaded.check().warnings
    if as_json:
        plain = [{"where": each.where, "message": each.message} for each in warnings]
        console.emit_json("check", {"digest": loaded.digest, "warnings": plain})
    else:
        for warning in warnings:
            console.say(f"warning: {console.problem_line(warning)}")
        console.emit(f"{loaded.path.name} is well formed: {loaded.digest}")
    console.next_step("cleanroom plan")


@click.command()
@manifest_option
@json_option
def plan(manifest_path: Path | None, *, as_json: bool) -> None:
    """Show who contributes, who learns what, and what is not protected."""
    loaded = load_manifest(manifest_path)
    with excerpts(loaded.path):
        told = loaded.plan()
    if as_json:
        console.emit_json("plan", told.to_plain())
    else:
        console.emit(told.to_text().rstrip())
    console.next_step(f"cleanroom approve {loaded.digest}")


@click.command()
@click.argument("digest", required=False)
@manifest_option
@identity_option
@click.option("--yes", is_flag=True, help="Do not ask.")
def approve(
    digest: str | None, manifest_path: Path | None, identity_path: Path | None, *, yes: bool
) -> None:
    """Sign the manifest whose DIGEST `plan` showed, as approvals/PARTY.json."""
    loaded = load_manifest(manifest_path)
    me = load_identity(loaded.path, identity_path)
    if digest is not None:
        _same_digest(digest, loaded.digest)
    for line in exposure_in_words(loaded.check().manifest, me.party):
        console.say(line)
    console.say(f"manifest {loaded.digest}")
    if digest is None and not yes:
        click.confirm(f"Sign it as {me.party}?", abort=True, err=True)
    written = loaded.approve(me)
    console.emit(str(written))
    console.next_step("exchange approvals/*.json with the other parties, then `cleanroom propose`")


def _same_digest(given: str, actual: str) -> str:
    digits = given.removeprefix("sha256:")
    if len(digits) < SHORTEST_PREFIX or not actual.removeprefix("sha256:").startswith(digits):
        raise Usage(
            f"the manifest's digest is {actual}, expected {given}",
            hint="the file changed since `cleanroom plan`: read the plan again",
        )
    return actual
