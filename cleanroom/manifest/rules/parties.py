"""Rules about time, versions, parties and their keys."""

from collections.abc import Iterator

from cleanroom.crypto import sealing, signing
from cleanroom.encoding import instant_text
from cleanroom.errors import Problem
from cleanroom.manifest.model import Manifest, PartyKey

KEY_LENGTHS = {
    "ed25519": signing.PUBLIC_KEY_LENGTH,
    sealing.ALGORITHM: sealing.PUBLIC_KEY_LENGTH,
}
"""Length of a raw public key by its algorithm, in bytes."""


def times_are_ordered(manifest: Manifest) -> Iterator[Problem]:
    """`not_before` is earlier than `not_after`."""
    start, end = manifest.metadata.not_before, manifest.metadata.not_after
    if start >= end:
        yield Problem(
            f"not_after is {instant_text(end)}, expected a time after "
            f"not_before ({instant_text(start)})",
            where="metadata.not_after",
        )


def version_follows_previous(manifest: Manifest) -> Iterator[Problem]:
    """Version 1 has no `previous`, every later version has one."""
    version, previous = manifest.metadata.version, manifest.metadata.previous
    if version == 1 and previous is not None:
        yield Problem("version 1 names a previous version, expected null", "metadata.previous")
    if version > 1 and previous is None:
        yield Problem(
            f"version {version} names no previous version, expected its digest",
            where="metadata.previous",
            hint=f"`cleanroom manifest show --digest` of version {version - 1} prints it",
        )


def keys_are_named(manifest: Manifest) -> Iterator[Problem]:
    """A key is named `<party>-<use>`, and a party has at most one key for each use."""
    for owner, path, key in _keys(manifest):
        expected = f"{owner}-{key.use}"
        if key.kid != expected:
            yield Problem(f"kid is {key.kid!r}, expected {expected!r}", where=f"{path}.kid")
    for name, party in manifest.parties.items():
        uses = [key.use for key in party.keys]
        for use in sorted({use for use in uses if uses.count(use) > 1}):
            yield Problem(
                f"party {name!r} has {uses.count(use)} keys for use {use!r}, expected one",
                where=f"parties.{name}.keys",
            )


def keys_fit_their_use(manifest: Manifest) -> Iterator[Problem]:
    """`receive` keys are mlkem768-x25519, all others ed25519, each of its exact length."""
    for _, path, key in _keys(manifest):
        expected = sealing.ALGORITHM if key.use == "receive" else "ed25519"
        if key.alg != expected:
            yield Problem(
                f"alg is {key.alg!r} for use {key.use!r}, expected {expected!r}",
                where=f"{path}.alg",
            )
        elif len(key.public) != KEY_LENGTHS[expected]:
            yield Problem(
                f"the public key is {len(key.public)} bytes, "
                f"expected {KEY_LENGTHS[expected]} bytes for {expected}",
                where=f"{path}.public",
                hint="paste the block that `cleanroom key show` prints",
            )


def keys_are_used_once(manifest: Manifest) -> Iterator[Problem]:
    """One public key belongs to one party and one use."""
    seen: dict[bytes, str] = {}
    for party, path, key in _keys(manifest):
        if key.public in seen:
            yield Problem(
                f"{key.kid!r} is the same public key as {seen[key.public]}, "
                "expected a key of its own",
                where=f"{path}.public",
                hint="one key, one use, one party: `cleanroom key new` makes all of them",
            )
        seen.setdefault(key.public, f"{key.kid!r} of {party!r}")


def everybody_approves(manifest: Manifest) -> Iterator[Problem]:
    """Every party has an `approve` key."""
    for name, party in manifest.parties.items():
        if all(key.use != "approve" for key in party.keys):
            yield Problem(
                f"party {name!r} has no key for use 'approve', expected one: every party signs",
                where=f"parties.{name}.keys",
            )


def roles_have_keys(manifest: Manifest) -> Iterator[Problem]:
    """Owners have a `provide` key, submitters a `submit` key, recipients a `receive` key."""
    for path, party, use in _needed(manifest):
        if party in manifest.parties:
            keys = manifest.parties[party].keys
            if all(key.use != use for key in keys):
                yield Problem(f"party {party!r} has no key for use {use!r}", where=path)


def _keys(manifest: Manifest) -> Iterator[tuple[str, str, PartyKey]]:
    for name, party in manifest.parties.items():
        for index, key in enumerate(party.keys):
            yield name, f"parties.{name}.keys.{index}", key


def _needed(manifest: Manifest) -> Iterator[tuple[str, str, str]]:
    for name, dataset in manifest.declared.items():
        yield f"datasets.{name}.owner", dataset.owner, "provide"
    for name, computation in manifest.computations.items():
        for party in computation.submitters:
            yield f"computations.{name}.submitters.{party}", party, "submit"
        for output_id, output in computation.outputs.items():
            for party in output.recipients:
                path = f"computations.{name}.outputs.{output_id}.recipients.{party}"
                yield path, party, "receive"
