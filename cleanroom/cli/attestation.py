"""`cleanroom attestation`: evidence by itself — verified, shown, explained — and what it needs.

Verifying is in `attestation_verify`, what it needs from vendors in `collateral`.
"""

from pathlib import Path
from typing import get_args

import click

from cleanroom.attestation.closing import gaps
from cleanroom.attestation.evidence import Platform
from cleanroom.attestation.profiles import PROFILES, ProfileName, profile
from cleanroom.attestation.table import PLATFORMS
from cleanroom.attestation.unverified import sayings
from cleanroom.cli import console
from cleanroom.cli.attestation_files import (
    FILE,
    evidence_facts,
    given_time,
    read_evidence,
    read_proof,
)
from cleanroom.cli.attestation_policies import reference_values_option, told_of
from cleanroom.cli.attestation_verify import verify
from cleanroom.cli.collateral import collateral
from cleanroom.cli.context import json_option, manifest_option
from cleanroom.manifest.author import block_text

UNVERIFIED = "UNVERIFIED: nobody vouches for any of this; run `cleanroom attestation verify`"


@click.group()
def attestation() -> None:
    """Verify evidence by itself, and say what policies accept and leave open."""


attestation.add_command(collateral)
attestation.add_command(verify)


@attestation.command()
@click.argument("file", type=FILE)
@click.option("--platform", type=click.Choice(sorted(PLATFORMS)), help="What the file is of.")
@json_option
def show(file: Path, platform: Platform | None, *, as_json: bool) -> None:
    """Print what evidence says about itself; nothing of it is verified."""
    proof = read_proof(file, given_time(None))
    evidence = proof.statement.evidence if proof else read_evidence(file, platform=platform)
    told = sayings(evidence)
    if as_json:
        console.emit_json(
            "attestation-show",
            {
                "verified": False,
                **evidence_facts(evidence),
                "says": {one.field: one.value for one in told},
            },
        )
        return
    console.say(UNVERIFIED)
    rows = [(name, str(value)) for name, value in evidence_facts(evidence).items()]
    console.emit(console.table(("UNVERIFIED", "value"), [*rows, *told]))


@attestation.command()
@manifest_option
@click.option("--policy", type=FILE, help="Entries of `attestation`; instead of a manifest.")
@reference_values_option
@json_option
def explain(
    manifest_path: Path | None, policy: Path | None, values: tuple[Path, ...], *, as_json: bool
) -> None:
    """Say what each policy entry accepts, what it leaves open, and what would close that."""
    told = told_of(policy, manifest_path, values)
    if as_json:
        plain = {
            name: {
                "accepts": entry.words,
                "open": [
                    {"what": gap.open, "closed_by": gap.closed_by} for gap in gaps(entry.policy)
                ],
            }
            for name, entry in told.items()
        }
        console.emit_json("attestation-explain", {"policies": plain})
        return
    for name, entry in told.items():
        console.emit(f"{name}: {'; '.join(entry.words)}")
        for gap in gaps(entry.policy):
            console.emit(f"  open: {gap.open}\n    close with: {gap.closed_by}")


@attestation.command("profile")
@click.argument("name", type=click.Choice(get_args(ProfileName)))
@click.option("--measurement", "measurements", multiple=True, help="96 hex digits; repeatable.")
@click.option("--chip", "machines", multiple=True, help="128 hex digits; repeatable.")
@json_option
def print_profile(
    name: ProfileName, measurements: tuple[str, ...], machines: tuple[str, ...], *, as_json: bool
) -> None:
    """Print a ready `attestation` block to paste; what is not given accepts nothing."""
    chosen = profile(name, list(measurements), list(machines))
    if as_json:
        plain = {key: entry.to_plain() for key, entry in chosen.entries.items()}
        console.emit_json("attestation-profile", {"name": name, "attestation": plain})
        return
    console.say(f"{name}: {PROFILES[name][0]}; f…f stands for values that you fill in")
    console.emit(block_text({"attestation": chosen.entries}).rstrip())
    console.next_step("cleanroom attestation explain")
