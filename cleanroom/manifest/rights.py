"""Who may run what: part of the plan of a manifest, in words for people.

What a run takes of a worker's memory is told as for the largest inputs that were signed.
"""

from cleanroom.encoding import Record
from cleanroom.manifest.model import Manifest, Predict
from cleanroom.manifest.needs import at_most, free_megabytes, needed
from cleanroom.manifest.words import plural


class Right(Record):
    """Who may run a computation."""

    computation: str
    """Which."""
    parties: list[str]
    """Who may ask for a run."""
    most_runs: int
    """Over the life of this manifest."""
    memory_mb: int
    """Free memory, in MB, that each worker needs for the largest inputs; an estimate."""
    words: str
    """With which parameters, how long and where."""


def right_to(manifest: Manifest, name: str) -> Right:
    """Who may run a computation, how, and what it takes at most."""
    computation = manifest.computations[name]
    gang, limits = computation.workers, computation.limits
    memory = free_megabytes(needed(manifest, computation, at_most(manifest, computation)))
    words = [f"on {plural(gang.count, f'`{gang.role}` worker')}"]
    words += [f"up to {memory:,} MB of memory{' each' if gang.count > 1 else ''}"]
    words += [f"up to {limits.timeout_s} s"]
    for parameter, allowed in computation.ranges.items():
        least, most, usual = (_told(each) for each in (allowed.min, allowed.max, allowed.default))
        default = f"{usual} if not named" if usual else "required"
        unit = " rows" if parameter == "limit" else ""
        words.append(f"`{parameter}` from {least} to {most}{unit}, {default}")
    if isinstance(computation, Predict):
        words.append(f"up to {plural(computation.limits.max_rows_per_submitter, 'row')} each")
    return Right(
        computation=name,
        parties=computation.submitters,
        most_runs=limits.max_runs,
        memory_mb=memory,
        words=", ".join(words),
    )


def _told(number: int | str | None) -> str:
    """A number for people; empty for none."""
    return f"{number:,}" if isinstance(number, int) else number or ""
