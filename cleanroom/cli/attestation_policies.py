"""What `cleanroom attestation` compares evidence with: entries of a file, or those of a manifest.

Entries that name reference values are resolved first, as everywhere: with the builders' envelopes
that were given, or with those beside the manifest.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import click

from cleanroom.attestation.policy import AppraisalPolicy
from cleanroom.attestation.resolving import resolve
from cleanroom.attestation.told import ToldEntry, tell
from cleanroom.cli.attestation_files import FILE, given_time, read_file, read_policies
from cleanroom.cli.context import load_manifest
from cleanroom.client.signed_values import values_in
from cleanroom.errors import Usage
from cleanroom.manifest.genesis import Genesis

UNKNOWN_GENESIS = bytes(32)
"""Compared where no entry asks for the genesis."""
reference_values_option = click.option(
    "--reference-values",
    "values",
    type=FILE,
    multiple=True,
    help="What a builder signed, for entries that name it; with --policy; repeatable.",
)


@dataclass(frozen=True, slots=True)
class Asked:
    """What evidence is to be compared with."""

    policies: Mapping[str, AppraisalPolicy]
    genesis: bytes
    """Of the room, 32 bytes."""


def asked_of(
    policy: Path | None,
    manifest_path: Path | None,
    genesis: Path | None,
    values: tuple[Path, ...],
    now: datetime,
) -> Asked:
    """What evidence is compared with: entries in a file, or those of a manifest.

    Raises:
        Usage: it is not said which, or for which room.
        ReferenceValuesRefused: what an entry names is not here, or does not hold.
    """
    if policy is not None and manifest_path is not None:
        raise Usage("both --policy and --manifest are given, expected one of them")
    if policy is None:
        _no_values(values)
        loaded = load_manifest(manifest_path)
        entries = resolve(loaded.manifest.attestation, loaded.reference_values(), now=now)
        return Asked(entries, Genesis.of(loaded.manifest).digest)
    policies = resolve(read_policies(policy), values_in(values), now=now)
    if genesis is not None:
        return Asked(policies, Genesis.from_bytes(read_file(genesis).strip()).digest)
    tied = sorted(name for name, entry in policies.items() if entry.host_data == "genesis")
    if tied:
        raise Usage(
            f"the entry {tied[0]!r} asks for host data of a room and no room is named",
            hint="give the room's --genesis, or verify with its --manifest",
        )
    return Asked(policies, UNKNOWN_GENESIS)


def told_of(
    policy: Path | None, manifest_path: Path | None, values: tuple[Path, ...]
) -> dict[str, ToldEntry]:
    """What entries accept, in words; values that are not here are said to be unknown."""
    if policy is not None:
        return tell(read_policies(policy), values_in(values), given_time(None))
    _no_values(values)
    loaded = load_manifest(manifest_path)
    return tell(loaded.manifest.attestation, loaded.reference_values(), given_time(None))


def _no_values(values: tuple[Path, ...]) -> None:
    if values:
        raise Usage(
            "--reference-values is given without --policy",
            hint="what a manifest names lies in reference-values/ beside it",
        )
