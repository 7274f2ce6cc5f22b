"""What an output tells its recipients at worst, in words and numbers.

The sentences are made of the manifest alone; they promise no more than the rules enforce. What a
threshold without noise does not protect is said by `rules.warnings`.
"""

from collections.abc import Iterable, Mapping
from math import ceil, log
from typing import assert_never

from cleanroom.ledger.loss import Loss
from cleanroom.manifest.budgets import budgets, costs_of
from cleanroom.manifest.keeping import sources
from cleanroom.manifest.model import (
    Computation,
    CountNoise,
    CountOutput,
    CurveOutput,
    Evaluate,
    EvaluationOutput,
    ImportanceOutput,
    IntersectCount,
    IntersectRows,
    Manifest,
    MetricsOutput,
    ModelOutput,
    Predict,
    Privacy,
    RowsOutput,
    ScoresOutput,
    Training,
    TrainingOutput,
)


def exposure_in_words(manifest: Manifest, party: str) -> list[str]:
    """What others learn from the data of `party`, one sentence for each recipient and output.

    Args:
        manifest: a manifest whose rules hold.
        party: the one who is about to sign.
    """
    said = [
        f"with this, `{recipient}` learns {learned(manifest, name, output_id, recipient)}"
        for name, computation in manifest.computations.items()
        if party in owners(manifest, computation)
        for output_id, output in computation.outputs.items()
        for recipient in output.recipients
        if recipient != party
    ]
    for dataset, privacy in budgets(manifest):
        if manifest.datasets[dataset].owner == party:
            words = permitted_loss(privacy, costs_of(manifest, dataset))
            said.append(f"of `{dataset}`, all runs together tell {words}")
    return said or [f"with this, nobody learns anything from the data of `{party}`"]


def learned(manifest: Manifest, computation_id: str, output_id: str, recipient: str) -> str:
    """What `recipient` learns at most from one output of a computation, over all its runs."""
    computation = manifest.computations[computation_id]
    if isinstance(computation, IntersectCount):
        return _counts(manifest, computation, computation.outputs[output_id])
    if isinstance(computation, IntersectRows):
        return _rows(manifest, computation, computation.outputs[output_id], recipient)
    if isinstance(computation, Predict):
        return _scored(manifest, computation, computation.outputs[output_id])
    if isinstance(computation, Evaluate):
        return _judged(manifest, computation, computation.outputs[output_id])
    return _trained(manifest, computation, computation.outputs[output_id])


def owners(manifest: Manifest, computation: Computation) -> list[str]:
    """The parties whose datasets a computation reads, sorted."""
    return sorted({manifest.datasets[name].owner for name in sources(manifest, computation)})


def models_of(manifest: Manifest, computation: Training) -> str:
    """What the models of a training are: how many, and what they tell from what."""
    models = plural(computation.limits.max_runs, "model")
    return f"at most {models} that tell {_lesson(manifest, computation)}"


def permitted_loss(privacy: Privacy, costs: Mapping[str, Loss]) -> str:
    """What a budget allows, in words.

    Args:
        privacy: the budget.
        costs: what one run costs, by computation.
    """
    unit, limit = listed(f"`{column}`" for column in privacy.unit), privacy.limit
    fits = [
        f"{plural(limit.fits(cost), 'run')} of {name} ({cost} each)" for name, cost in costs.items()
    ]
    enough = f"enough for {' or '.join(fits)}" if fits else "which no computation is charged to"
    return f"at most {limit} about all rows with the same {unit}, {enough}; never refilled"


def listed(words: Iterable[str]) -> str:
    """`a`, `a and b` or `a, b and c`."""
    *most, last = words
    return f"{', '.join(most)} and {last}" if most else last


def plural(number: int, word: str) -> str:
    """`1 run`, `10 runs`."""
    return f"{number:,} {word}" if number == 1 else f"{number:,} {word}s"


def largest_result(computation: IntersectRows, output: RowsOutput) -> int:
    """The most rows that one run may release to one output."""
    limit = computation.parameters.limit
    return output.max_rows if limit is None else min(output.max_rows, limit.max)


def _counts(manifest: Manifest, computation: IntersectCount, output: CountOutput) -> str:
    gate, runs = output.gate, computation.limits.max_runs
    if output.dp is not None:
        return _noisy_counts(manifest, computation, output, output.dp)
    rounded = f", rounded to the nearest {gate.round_to:,}" if gate.round_to > 1 else ", exact"
    kind = "rounded overlap count" if gate.round_to > 1 else "overlap count"
    return (
        f"at most {plural(runs, kind)} of {_common(manifest, computation)}{rounded}, "
        f"withheld below {plural(gate.min_group, 'unit')} of any owner"
    )


def _noisy_counts(
    manifest: Manifest, computation: IntersectCount, output: CountOutput, noise: CountNoise
) -> str:
    gate, runs = output.gate, computation.limits.max_runs
    rounded = f", then rounded to the nearest {gate.round_to:,}" if gate.round_to > 1 else ""
    # of a draw of scale 1/epsilon, 95 % are within ln(20) / epsilon
    spread = ceil(log(20) / float(noise.epsilon))
    return (
        f"at most {plural(runs, 'noisy overlap count')} of {_common(manifest, computation)}, each "
        f"with noise of {noise.loss} (within {plural(spread, 'unit')} in 95 of 100 runs)"
        f"{rounded}; withheld where the noisy count is below {plural(gate.min_group, 'unit')}"
    )


def _rows(
    manifest: Manifest, computation: IntersectRows, output: RowsOutput, recipient: str
) -> str:
    runs, rows = computation.limits.max_runs, largest_result(computation, output)
    columns = [_column(manifest, computation, name, recipient) for name in output.columns]
    return (
        f"in at most {plural(runs, 'run')} of at most {plural(rows, 'row')} each, "
        f"who is among {_common(manifest, computation)}, and for each of them "
        f"{listed(columns)}; withheld below {plural(output.gate.min_group, 'unit')} of any owner"
    )


def _scored(manifest: Manifest, computation: Predict, output: ScoresOutput) -> str:
    limits, gate = computation.limits, output.gate
    answers = [
        f"`{name}`" for name in output.columns if not name.startswith(computation.rows + ".")
    ]
    return (
        f"{listed(answers)} of the model `{computation.model.dataset}`, rounded to "
        f"{plural(output.decimals, 'decimal')}, for {_common(manifest, computation)}: for each "
        f"submitter at most {plural(limits.max_rows_per_submitter, 'row')} in at most "
        f"{plural(limits.max_runs, 'run')}; withheld below {plural(gate.min_group, 'unit')} of "
        "any owner"
    )


def _judged(manifest: Manifest, computation: Evaluate, output: MetricsOutput) -> str:
    return (
        f"the quality of the model `{computation.model.dataset}`, at most "
        f"{plural(computation.limits.max_runs, 'time')}: measured on "
        f"{_common(manifest, computation)}, rounded to {plural(output.decimals, 'decimal')}, "
        f"withheld below {plural(output.gate.min_group, 'unit')} of any owner or "
        f"{plural(output.min_test, 'test unit')}"
    )


def _trained(manifest: Manifest, computation: Training, output: TrainingOutput) -> str:
    if computation.loss is not None:
        return _trained_with_noise(manifest, computation, output, computation.loss)
    about, least = models_of(manifest, computation), plural(output.gate.min_group, "unit")
    match output:
        case MetricsOutput():
            return (
                f"the quality of {about}: measured on {computation.split.test_percent} % of the "
                f"units, which they did not learn from{_folded(computation)}, rounded to "
                f"{plural(output.decimals, 'decimal')}, withheld below {least} of any owner or "
                f"{plural(output.min_test, 'test unit')}{_alone(manifest, computation, output)}"
            )
        case EvaluationOutput():
            return (
                f"how the scores of {about} stand to the truth on the units that test: at most "
                f"{plural(output.points, 'point')} of ROC, lift and calibration, each about at "
                f"least {plural(output.min_bin, 'test unit')}, rounded to "
                f"{plural(output.decimals, 'decimal')}, withheld below {least} of any owner or "
                f"{plural(output.min_test, 'test unit')}{_alone(manifest, computation, output)}"
            )
        case CurveOutput():
            return (
                f"the loss of {about}, round by round as they grew, over all units that trained, "
                f"and over those that did not; rounded to {plural(output.decimals, 'decimal')}, "
                f"withheld below {least} of any owner or {plural(output.min_test, 'test unit')}"
                f"{'; as they grow, before the run is over' if output.live else ''}"
            )
        case ImportanceOutput():
            return (
                f"how much each feature matters to {about}; rounded to "
                f"{plural(output.decimals, 'decimal')}, withheld below {least} of any owner"
            )
        case ModelOutput():
            return (
                f"{about}, to keep and use for ever: they have no noise and may remember rows; "
                f"withheld below {least} of any owner"
            )
        case _ as unreachable:
            assert_never(unreachable)


def _trained_with_noise(
    manifest: Manifest, computation: Training, output: TrainingOutput, loss: Loss
) -> str:
    """What an output tells where noise protects each unit, in all outputs of a run together."""
    about, least = models_of(manifest, computation), plural(output.gate.min_group, "unit")
    noise = (
        f"with noise of {loss} in all outputs of a run together, withheld where the noisy number "
        f"of units learned from is below {least}"
    )
    if isinstance(output, ModelOutput):
        return f"{about}, to keep and use for ever; {noise}"
    if isinstance(output, ImportanceOutput):
        return f"how much each feature matters to {about}; {noise}"
    tests = f"on about {computation.split.test_percent} % of the units, drawn afresh"
    return f"the quality of {about}: measured {tests}; {noise}"


def _folded(computation: Training) -> str:
    """What cross-validation tells besides."""
    if computation.folds is None:
        return ""
    return f", and mean and deviation over {computation.folds} parts of the others"


def _alone(
    manifest: Manifest, computation: Training, output: MetricsOutput | EvaluationOutput
) -> str:
    """What a comparison tells besides: how well each owner's features do without the others'."""
    if output.compare == "none":
        return ""
    labels, features = [], set()
    for read in computation.inputs.values():
        dataset = manifest.datasets[read.dataset]
        for column in dataset.columns:
            if column.name in read.columns and column.role == "label":
                labels.append(f"`{column.name}` of `{dataset.owner}`")
            if column.name in read.columns and column.role == "feature":
                features.add(f"`{dataset.owner}`")
    owners = " or ".join(sorted(features))
    if computation.join == "concat":
        return (
            f"; the same of models that learn {listed(labels)} from the rows of {owners} alone, so "
            "also what the others' rows add, unless fewer than "
            f"{plural(output.gate.min_group, 'unit')} of the owner train it, or fewer than "
            f"{plural(output.min_test, 'unit')} of the owner, or of all others, test it"
        )
    return (
        f"; the same of models that learn {listed(labels)} from the features of {owners} alone, "
        "so also what each of them adds"
    )


def _lesson(manifest: Manifest, computation: Training) -> str:
    """What is told from how many features of whom, and over which units."""
    told: dict[str, list[str]] = {"label": [], "weight": [], "feature": []}
    for read in computation.inputs.values():
        used = [c for c in manifest.datasets[read.dataset].columns if c.name in read.columns]
        for role in ("label", "weight"):
            told[role] += [f"`{c.name}` of `{read.dataset}`" for c in used if c.role == role]
        count = sum(column.role == "feature" for column in used)
        told["feature"].append(f"{plural(count, 'feature')} of `{read.dataset}`")
    weighed = f", rows weighted by {listed(told['weight'])}" if told["weight"] else ""
    units = _trained_on(manifest, computation)
    return f"{listed(told['label'])} from {listed(told['feature'])}{weighed}, trained on {units}"


def _trained_on(manifest: Manifest, computation: Training) -> str:
    """Whose units a training learns from, and what being there or not gives away."""
    if computation.join == "inner":
        return _common(manifest, computation)
    read = {name: f"`{each.dataset}`" for name, each in computation.inputs.items()}
    keys = listed(f"`{column}`" for column in computation.on)
    if computation.join == "concat":
        shared = "its first row" if computation.duplicates == "first" else "each of its rows"
        return (
            f"the units in any of {listed(read.values())}, one below the other; of a unit that "
            f"several have with the same {keys}, {shared} counts"
        )
    own = read.pop(str(computation.left))
    return (
        f"all units in {own}, with what {listed(read.values())} know of those with the same "
        f"{keys}; that they know nothing of a unit is told to the model, so it may tell how being "
        "known to them goes with the label"
    )


def _column(manifest: Manifest, computation: IntersectRows, name: str, recipient: str) -> str:
    source, _, column_id = name.partition(".")
    dataset_id = computation.inputs[source].dataset
    dataset = manifest.datasets[dataset_id]
    role = next(column.role for column in dataset.columns if column.name == column_id)
    place = f"`{column_id}` of `{dataset_id}`"
    if role == "identity" and dataset.owner != recipient:
        return f"a pseudonym instead of {place}"
    return f"{place} (its own)" if dataset.owner == recipient else place


def _common(manifest: Manifest, computation: Computation) -> str:
    read = [f"`{read.dataset}`" for read in computation.inputs.values()]
    keys = listed(f"`{column}`" for column in computation.on)
    parties = listed(
        sorted({manifest.datasets[each.dataset].owner for each in computation.inputs.values()})
    )
    if len(read) == 1:
        return f"the units in {read[0]} of {parties}"
    return f"the units in {listed(read)} of {parties} with the same {keys}"
