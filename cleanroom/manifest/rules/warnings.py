"""What is allowed, but what everybody who signs should know."""

from collections.abc import Iterator

from cleanroom.attestation.resolving import names_in
from cleanroom.errors import Problem
from cleanroom.manifest.keeping import makers
from cleanroom.manifest.model import (
    CurveOutput,
    EvaluationOutput,
    IntersectCount,
    Manifest,
    MetricsOutput,
    ModelOutput,
    Predict,
)
from cleanroom.manifest.rules.joining import trainings

JUDGING = MetricsOutput | EvaluationOutput | CurveOutput
"""Outputs that are about rows that test."""


def simulated(manifest: Manifest) -> Iterator[Problem]:
    """Simulated machines protect nothing."""
    names = [name for name, policy in manifest.attestation.items() if policy.development_roots]
    if names:
        yield Problem(
            "machines are simulated: whoever runs them can read everything; use no real data",
            where=f"attestation.{names[0]}.development_roots",
        )


def any_host(manifest: Manifest) -> Iterator[Problem]:
    """`host_data: any` accepts machines that were launched for another room."""
    for name, policy in manifest.attestation.items():
        if policy.host_data == "any":
            yield Problem(
                f"policy {name!r} does not tie a machine to this room: an operator may start one "
                "with a first manifest of their own",
                where=f"attestation.{name}.host_data",
                hint="write `genesis` where the platform lets the launcher set host data",
            )


def lone_builders(manifest: Manifest) -> Iterator[Problem]:
    """With `threshold: 1` one builder, or one stolen key, says what an image measures."""
    for name, named in names_in(manifest.attestation).items():
        if named.threshold == 1:
            yield Problem(
                f"the image of policy {name!r} is one builder's word: nobody else need have built "
                "it and measured the same",
                where=f"attestation.{name}.reference_values.threshold",
                hint="let a second builder sign, and ask for 2",
            )


def no_witnesses(manifest: Manifest) -> Iterator[Problem]:
    """Without witnesses, limits survive a restart but not a rollback."""
    yield Problem(
        "no witnesses are named: limits and privacy budgets hold over restarts, but whoever can "
        "put back an older copy of the coordinator's disk can have runs counted again",
        where=f"computations.{next(iter(manifest.computations))}.limits.max_runs",
    )


def threshold_without_noise(manifest: Manifest) -> Iterator[Problem]:
    """A threshold alone does not protect against differencing."""
    for name, computation in manifest.computations.items():
        if not isinstance(computation, IntersectCount) or computation.limits.max_runs == 1:
            continue
        for output_id, output in computation.outputs.items():
            if output.dp is None:
                yield Problem(
                    "min_group alone is no protection against differencing: who runs it twice over "
                    "inputs that differ in one unit learns whether that unit matched",
                    where=f"computations.{name}.outputs.{output_id}",
                )


def lone_units(manifest: Manifest) -> Iterator[Problem]:
    """With `min_group: 1` a single unit is released."""
    for name, computation in manifest.computations.items():
        for output_id, output in computation.outputs.items():
            if output.gate.min_group == 1 and computation.loss is None:
                yield Problem(
                    "min_group is 1: a single person's match is released",
                    where=f"computations.{name}.outputs.{output_id}.gate.min_group",
                )


def models_remember(manifest: Manifest) -> Iterator[Problem]:
    """A model that leaves without noise may tell who it was trained on."""
    for name, computation in manifest.computations.items():
        for output_id, output in computation.outputs.items():
            if isinstance(output, ModelOutput) and output.recipients and computation.loss is None:
                yield Problem(
                    "the model leaves without noise: whoever holds it may find out whether a "
                    "person was among the training rows, and guess at that person's values",
                    where=f"computations.{name}.outputs.{output_id}",
                )


def known_rows_are_left_out(manifest: Manifest) -> Iterator[Problem]:
    """Who holds a model of stacked rows leaves its own rows out of what is told of the test."""
    for name, training in trainings(manifest):
        kept = {
            party
            for output in training.outputs.values()
            if isinstance(output, ModelOutput)
            for party in output.recipients
        }
        for output_id, output in training.outputs.items():
            both = sorted(kept.intersection(output.recipients))
            if training.join == "concat" and both and isinstance(output, JUDGING):
                yield Problem(
                    f"{both[0]!r} gets the model, too: of what this says of all rows that test it "
                    "subtracts what it knows of its own, and has the rest for the others' rows, "
                    "however few",
                    where=f"computations.{name}.outputs.{output_id}",
                    hint="let the model stay in the room, or tell this to others only",
                )


def models_stay_unused(manifest: Manifest) -> Iterator[Problem]:
    """A model that stays, and that no computation uses, is of use to nobody."""
    for name, (computation, output_id) in makers(manifest).items():
        dataset = manifest.datasets.get(name)
        if dataset is not None and not dataset.allow.computations:
            yield Problem(
                "the model stays in the room, and no computation uses it: it ends with the room",
                where=f"computations.{computation}.outputs.{output_id}",
                hint=f"name recipients, or let a `predict` or `evaluate` name {name!r}",
            )


def models_can_be_copied(manifest: Manifest) -> Iterator[Problem]:
    """Answers of a model, enough of them, are a copy of it."""
    for name, computation in manifest.computations.items():
        if isinstance(computation, Predict):
            yield Problem(
                "a model can be copied from enough of its answers: the budget bounds how many a "
                "submitter gets, not what is learned from them",
                where=f"computations.{name}.limits.max_rows_per_submitter",
                hint="fewer rows, fewer decimals, or `class` alone tell less",
            )


def told_early(manifest: Manifest) -> Iterator[Problem]:
    """Live values are out before the run is over."""
    for name, computation in manifest.computations.items():
        for output_id, output in computation.outputs.items():
            if isinstance(output, CurveOutput) and output.live:
                yield Problem(
                    "values are told live: also of a run that is cancelled or fails, and no "
                    "receipt names them",
                    where=f"computations.{name}.outputs.{output_id}.live",
                )


def consent_runs_out(manifest: Manifest) -> Iterator[Problem]:
    """A dataset's `max_releases` ends before the runs that its computations may have."""
    for name, dataset in manifest.declared.items():
        runs = sum(
            manifest.computations[computation].limits.max_runs
            for computation in dataset.allow.computations
        )
        if dataset.allow.max_releases < runs:
            yield Problem(
                f"max_releases is {dataset.allow.max_releases}, fewer than the {runs} runs that "
                "its computations may have",
                where=f"datasets.{name}.allow.max_releases",
            )
