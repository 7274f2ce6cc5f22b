"""May this party have this run? Pure rules over the manifest and what was used so far.

Nothing is counted here: `state.Room` counts. What is refused is refused before anything is logged.
"""

from collections.abc import Mapping
from datetime import datetime, timedelta

from cleanroom.errors import DatasetMissing, LimitReached, RunRefused
from cleanroom.manifest.choices import Choice, complete
from cleanroom.manifest.model import AnyComputation, Manifest
from cleanroom.protocol.run import RunRequest
from enclave.coordinator.state import Room


def allowed_computation(manifest: Manifest, request: RunRequest) -> AnyComputation:
    """The computation, once this party may submit it.

    Raises:
        RunRefused: it is not in the manifest, or not for this submitter.
    """
    computation = manifest.computations.get(request.computation)
    if computation is None:
        known = ", ".join(sorted(manifest.computations))
        raise RunRefused(
            f"there is no computation {request.computation!r}, expected one of {known}"
        )
    if request.submitter not in computation.submitters:
        raise RunRefused(
            f"{request.submitter!r} may not submit {request.computation!r}, "
            f"expected one of {computation.submitters}"
        )
    return computation


def complete_parameters(
    computation: AnyComputation, chosen: Mapping[str, Choice]
) -> dict[str, Choice]:
    """Every parameter of the computation: chosen within its range, or by its default.

    Raises:
        ParameterOutOfRange: one is unknown, missing without a default, or out of its range.
    """
    return complete(computation.ranges, chosen)


def chosen_versions(
    room: Room, computation: AnyComputation, wanted: Mapping[str, str]
) -> dict[str, str]:
    """The dataset version of each input: the one that was named, or the newest.

    Raises:
        RunRefused: an input is unknown, or a named version is not of its dataset.
        DatasetMissing: a dataset has no version yet.
    """
    unknown = sorted(set(wanted) - set(computation.reads))
    if unknown:
        raise RunRefused(f"inputs {unknown} are unknown, expected {sorted(computation.reads)}")
    return {
        name: _version(room, name, read.dataset, wanted.get(name))
        for name, read in computation.reads.items()
    }


def within_limits(room: Room, manifest: Manifest, request: RunRequest) -> RunRequest:
    """Return the request once neither `max_runs` nor any `max_releases` is used up.

    Runs that wait count as well: they have reserved their use.

    Raises:
        LimitReached: a limit is used up.
    """
    computation = manifest.computations[request.computation]
    allowed = computation.limits.max_runs
    if room.uses_of(request.computation) >= allowed:
        raise LimitReached(f"max_runs of {request.computation!r} is used up, it was {allowed}")
    for read in computation.reads.values():
        allow = manifest.datasets[read.dataset].allow
        if request.computation not in allow.computations:
            raise RunRefused(f"dataset {read.dataset!r} may not be read by {request.computation!r}")
        if room.releases_of(read.dataset) >= allow.max_releases:
            raise LimitReached(
                f"max_releases of {read.dataset!r} is used up, it was {allow.max_releases}"
            )
    return request


def deadline_of(room: Room, computation: AnyComputation, submitted_at: datetime) -> datetime:
    """When a run is ended: its timeout, but never after manifest, approvals or images end."""
    latest = submitted_at + timedelta(seconds=computation.limits.timeout_s)
    not_after = room.in_force(submitted_at).manifest.metadata.not_after
    return min(latest, not_after, room.ends_at or not_after)


def _version(room: Room, name: str, dataset: str, wanted: str | None) -> str:
    held = [digest for digest, one in room.versions.items() if one.version.dataset == dataset]
    if not held:
        raise DatasetMissing(f"dataset {dataset!r} has no version yet")
    if wanted is None:
        return held[-1]
    if wanted not in held:
        raise RunRefused(
            f"input {name!r} asks for a version that dataset {dataset!r} does not have"
        )
    return wanted
