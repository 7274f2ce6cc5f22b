"""The rules between fields, and whether a manifest is in force.

`check` reports every problem at once, with the path of each. The rules themselves live in
`rules`, one function for each; this module only runs them. It reads no clock.
"""

from dataclasses import dataclass
from datetime import datetime

from cleanroom.encoding import instant_text
from cleanroom.errors import ManifestOutdated, ManifestRule, Problem
from cleanroom.manifest.model import Manifest
from cleanroom.manifest.rules import RULES, WARNINGS


@dataclass(frozen=True, slots=True)
class CheckedManifest:
    """A manifest whose fields fit each other; made by `check` only."""

    manifest: Manifest
    """What was checked."""
    warnings: tuple[Problem, ...]
    """What is allowed but deserves a second look before signing."""


def check(manifest: Manifest) -> CheckedManifest:
    """Return the manifest as checked, once every rule between its fields holds.

    Raises:
        ManifestRule: at least one does not; `problems` has all of them, each with its path.
    """
    problems = tuple(problem for rule in RULES for problem in rule(manifest))
    if problems:
        first, more = problems[0], len(problems) - 1
        others = f" (and {more} more)" if more else ""
        raise ManifestRule(f"{first.where}: {first.message}{others}", problems=problems)
    warnings = tuple(warning for rule in WARNINGS for warning in rule(manifest))
    return CheckedManifest(manifest, warnings)


def in_force(manifest: Manifest, now: datetime) -> Manifest:
    """Return the manifest once `now` lies within its time, both ends included.

    Args:
        manifest: what the parties agreed to.
        now: aware.

    Raises:
        ManifestOutdated: it is too early or too late.
    """
    metadata = manifest.metadata
    start, end = instant_text(metadata.not_before), instant_text(metadata.not_after)
    if now < metadata.not_before:
        raise ManifestOutdated(
            f"the manifest holds from {start}, and it is {instant_text(now)}",
            hint="wait, or check this machine's clock",
        )
    if now > metadata.not_after:
        raise ManifestOutdated(f"the manifest held until {end}, and it is {instant_text(now)}")
    return manifest
