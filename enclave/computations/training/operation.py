"""Trainings as operations: join, learn, and lay out what may leave.

A run never fails because of what matched: where the joined rows cannot be learned from, every
output is withheld, exactly as if some owner had too few units.
"""

import functools
from collections.abc import Mapping, Sequence
from typing import Literal

import numpy as np
import pyarrow as pa

from cleanroom.dataset.model_file import ModelDescription
from cleanroom.encoding import content_digest
from cleanroom.errors import ComputationFailed, RunRefused
from cleanroom.manifest.choices import Choice
from cleanroom.manifest.model import (
    AnyComputation,
    AnyDataset,
    AnyTraining,
    CurveOutput,
    EvaluationOutput,
    ImportanceOutput,
    MetricsOutput,
    ModelOutput,
    TrainingOutput,
    TrainTorch,
)
from enclave.computations.failure import Reason, value_free
from enclave.computations.intersect import intersect
from enclave.computations.joins import (
    combine_left,
    combine_stacked,
    left_lines,
    stacked_lines,
)
from enclave.computations.matches import combine_lines, lines
from enclave.computations.plan import Lesson, Plan
from enclave.computations.release import Outcome, Rule
from enclave.computations.training.alone import shown, trials
from enclave.computations.training.columns import feature_of
from enclave.computations.training.evaluation import Trial, points
from enclave.computations.training.examples import (
    Examples,
    classes_of,
    examples,
    features_of,
    teaches,
)
from enclave.computations.training.folds import Crossed, crossed
from enclave.computations.training.lesson import plan_training, shape_of
from enclave.computations.training.live import Live, Tell, untold
from enclave.computations.training.optional import require_torch
from enclave.computations.training.rounds import AfterRound, unheard
from enclave.computations.training.seen import Fit, Fitted, S, Seen

Lines = Sequence[tuple[object, ...]]
"""The lines of an output's table."""
KINDS: dict[str, Literal["linear", "gbdt", "torch"]] = {
    "train.linear": "linear",
    "train.gbdt": "gbdt",
    "train.torch": "torch",
}
"""What a model is called, by the operation that made it."""


class Train:
    """Any training; which model it fits is its `op`."""

    def plan(
        self,
        computation: AnyComputation,
        datasets: Mapping[str, AnyDataset],
        parameters: Mapping[str, Choice],
    ) -> Plan:
        """See `Operation.plan`."""
        if not isinstance(computation, AnyTraining):
            raise RunRefused("the computation is not a training")
        if isinstance(computation, TrainTorch) and computation.dp is None:
            require_torch()
        return plan_training(computation, datasets, parameters)

    def match(self, plan: Plan, inputs: Sequence[pa.Table], secret: bytes) -> pa.Table:
        """The lines of this partition, as for `intersect.rows`, or as the join asks."""
        if plan.join == "left":
            return left_lines(inputs, plan.left, secret, plan.duplicates, plan.most)
        if plan.join == "concat":
            return stacked_lines(inputs, secret, plan.duplicates, plan.most)
        return lines(intersect(inputs, secret), inputs, plan.duplicates, plan.most)

    def combine(self, plan: Plan, parts: Sequence[pa.Table]) -> pa.Table:
        """All lines in the order of the first or left input's rows, no more than are used."""
        if plan.join == "left":
            return combine_left(parts, plan.left).slice(0, plan.most)
        if plan.join == "concat":
            return combine_stacked(parts).slice(0, plan.most)
        return combine_lines(parts).slice(0, plan.most)

    @value_free(Reason.TRAIN)
    def outcomes(
        self,
        plan: Plan,
        found: pa.Table,
        payload: Mapping[str, pa.Table],
        tell: Tell = untold,
    ) -> tuple[tuple[Rule, Outcome], ...]:
        """What was learned, for each output.

        Args:
            plan: see `Operation.outcomes`.
            found: likewise.
            payload: likewise.
            tell: told how far the joint fit is, and what of it may be known at once.

        Raises:
            DataMismatch: a row of an input breaks its column's rules, whether joined or not.
        """
        if plan.lesson is None:
            raise ComputationFailed("a training has no lesson")
        lesson = plan.lesson
        seen = examples(plan, lesson, found, payload)
        if lesson.noise is not None:
            # OpenDP and dp-accounting take seconds to import: only a run with noise pays
            from enclave.computations.training.private import learned, studied  # noqa: PLC0415

            return self.taught(plan, lesson, studied(seen, lesson, lesson.noise), learned)
        heard = live_of(plan, lesson, seen, tell).after_round
        joint, fit = (
            functools.partial(_pooled, op=plan.op, after_round=each) for each in (heard, unheard)
        )
        return self.taught(plan, lesson, seen, fit, joint)

    def taught(
        self, plan: Plan, lesson: Lesson, seen: S, fit: Fit[S], joint: Fit[S] | None = None
    ) -> tuple[tuple[Rule, Outcome], ...]:
        """What examples teach, for each output, wherever their rows are.

        Args:
            plan: the run's plan.
            lesson: its lesson.
            seen: the examples.
            fit: how to learn from them.
            joint: how to learn the joint model from them, where somebody hears of it.
        """
        fewest = min(seen.units.values())
        enough = any(fewest >= rule.min_group for rule in plan.rules)
        told = enough and teaches(seen, lesson)
        learned = _learned(plan, lesson, seen, fit, joint or fit) if told else {}
        shown = lesson.outputs
        return tuple(
            (rule, _outcome(rule, shown[rule.output], seen.units, learned.get(rule.output)))
            for rule in plan.rules
        )


def _pooled(
    seen: Examples,
    lesson: Lesson,
    classes: list[str],
    names: list[str],
    *,
    op: str,
    after_round: AfterRound,
) -> Fitted:
    # scikit-learn, XGBoost and torch take seconds to import: only a run that trains pays
    from enclave.computations.training import fitting  # noqa: PLC0415

    return fitting.FITS[op](seen, lesson, classes, names, after_round)


def _learned(
    plan: Plan, lesson: Lesson, seen: S, fit: Fit[S], joint: Fit[S]
) -> dict[str, pa.Table]:
    """The table of each output; none for a test on too few units."""
    features, classes = features_of(lesson), classes_of(lesson)
    names = [name for feature in features for name in feature.names]
    fitted = joint(seen, lesson, classes, names)
    label = feature_of(lesson, lesson.label)
    description = ModelDescription(
        kind=KINDS[plan.op],
        task=lesson.task,
        label=label.name,
        label_owner=label.owner,
        classes=classes,
        features=features,
        linear=fitted.linear,
        booster=content_digest(fitted.booster) if fitted.booster else None,
        network=fitted.network,
    )
    tested = list(trials(fit, fitted, seen, lesson)) if seen.test_units else []
    folds = crossed(fit, seen, lesson, classes, names) if lesson.folds else None

    def told(output: TrainingOutput) -> Lines:
        match output:
            case ModelOutput():
                return [(description.to_bytes().decode(), fitted.booster)]
            case CurveOutput():
                return _curve(output, fitted, seen, lesson)
            case ImportanceOutput():
                return _importance(description, fitted.weights(), lesson)
            case MetricsOutput() | EvaluationOutput():
                return _told(output, tested, seen, classes, folds)

    found = {name: told(output) for name, output in lesson.outputs.items()}
    return {name: _table(lesson.outputs[name], lines) for name, lines in found.items() if lines}


def _told(
    output: MetricsOutput | EvaluationOutput,
    tested: Sequence[Trial],
    seen: Seen,
    classes: list[str],
    folds: Crossed | None,
) -> Lines:
    """What a test tells, of the joint model or of each; nothing on too few units."""
    # scikit-learn takes seconds to import
    from enclave.computations.training import scores  # noqa: PLC0415

    if seen.test_units < output.min_test:
        return []
    compared = tested if output.compare == "alone" else tested[:1]
    trials_shown = [shown(trial, output) for trial in compared]
    if isinstance(output, EvaluationOutput):
        return [line for trial in trials_shown for line in points(trial, seen, classes, output)]
    truth, worth = seen.truth, seen.worth
    told = [
        (one.owners, {} if one.said is None else scores.scores(truth, one.said, worth))
        for one in trials_shown
    ]
    # the joint model's; of another nothing may be told
    owners, metrics = told[0]
    lines = [(each, metric, scored.get(metric)) for each, scored in told for metric in metrics]
    if folds is not None:
        allowed = folds if folds.fewest >= output.min_test else Crossed(0, [{}])
        lines += [(owners, *each) for metric in metrics for each in allowed.lines(metric)]
    return lines if output.compare == "alone" else [line[1:] for line in lines]


def _curve(output: CurveOutput, fitted: Fitted, seen: Seen, lesson: Lesson) -> Lines:
    """How the fit went, if each part is about enough units."""
    return fitted.measured if _fewest_judging(seen, lesson) >= output.min_test else []


def _fewest_judging(seen: Seen, lesson: Lesson) -> int:
    """The units of the smallest part that a curve is about, of those that do not train."""
    stops = lesson.stopping is not None
    return min(seen.test_units, seen.validation_units) if stops else seen.test_units


def live_of(plan: Plan, lesson: Lesson, seen: Seen, tell: Tell) -> Live:
    """What may be heard of the joint fit while it goes on."""
    live = []
    for rule in plan.rules:
        output = lesson.outputs[rule.output]
        if isinstance(output, CurveOutput) and output.live:
            live += [rule] if _fewest_judging(seen, lesson) >= output.min_test else []

    def show(rule: Rule, lines: Lines) -> Outcome:
        output = lesson.outputs[rule.output]
        return _outcome(rule, output, seen.units, _table(output, lines))

    rounds = lesson.settings.get("rounds", lesson.settings.get("epochs", 1))
    return Live(int(rounds), live, show, tell)


def _importance(description: ModelDescription, weights: np.ndarray, lesson: Lesson) -> Lines:
    """One line for each feature column: its indicators count together.

    A column that all inputs have is all their owners': nothing tells whose rows made it matter.
    """
    everybody = ", ".join(sorted(set(lesson.owners.values())))
    ends = np.cumsum([len(feature.names) for feature in description.features])
    shares = [part.sum() for part in np.split(weights, ends[:-1])]
    total = sum(shares) or 1.0
    return [
        (feature.owner or everybody, feature.name, float(share / total))
        for feature, share in zip(description.features, shares, strict=True)
    ]


def _table(output: TrainingOutput, lines: Lines) -> pa.Table:
    shape = shape_of(output)
    columns = zip(*lines, strict=True) if lines else ([] for _ in shape)
    arrays = [pa.array(column, type_) for column, (_, type_) in zip(columns, shape, strict=True)]
    return pa.table(arrays, names=[name for name, _ in shape])


def _outcome(
    rule: Rule,
    output: TrainingOutput,
    units: Mapping[str, int],
    table: pa.Table | None,
) -> Outcome:
    shown = _table(output, []) if table is None else table
    line = np.arange(shown.num_rows, dtype=np.int64)
    return Outcome(
        units=units,
        unit=line,
        sources={column.name: shown.column(column.name) for column in rule.columns},
        positions={column.name: line for column in rule.columns},
        order=dict.fromkeys(rule.recipients, line),
        withheld=table is None,
    )
