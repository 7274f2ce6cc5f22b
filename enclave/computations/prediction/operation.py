"""`predict` and `evaluate` as operations: join, score, and lay out what may leave.

A run never fails because of one row: whole inputs are judged before the join is looked at, a row of
which the model says nothing finite gets no number, and metrics of such rows are withheld.
"""

from collections.abc import Mapping, Sequence

import numpy as np
import pyarrow as pa

from cleanroom.dataset.features import Matrix, require_lawful
from cleanroom.dataset.kept_file import check_kept
from cleanroom.errors import ComputationFailed, RunRefused
from cleanroom.manifest.choices import Choice
from cleanroom.manifest.model import (
    AnyComputation,
    AnyDataset,
    Evaluate,
    Predict,
)
from cleanroom.manifest.prediction import MODEL
from enclave.computations.failure import Reason, value_free
from enclave.computations.gathering import Taken, gathered
from enclave.computations.intersect import changes, intersect
from enclave.computations.keys import key_frame, rows_of
from enclave.computations.matches import UNIT, combine_lines, lines, place
from enclave.computations.partition import hash_keys, seed
from enclave.computations.plan import Plan, Scoring
from enclave.computations.prediction.answers import answered, judged, of_metrics
from enclave.computations.prediction.scorers import LOADERS, PRECISION, scored
from enclave.computations.prediction.scoring import plan_prediction
from enclave.computations.release import Outcome, Rule


class Score:
    """Any use of a model; whether it tells scores or metrics is its `op`."""

    def plan(
        self,
        computation: AnyComputation,
        datasets: Mapping[str, AnyDataset],
        parameters: Mapping[str, Choice],
    ) -> Plan:
        """See `Operation.plan`."""
        if not isinstance(computation, Predict | Evaluate):
            raise RunRefused("the computation uses no model")
        return plan_prediction(computation, datasets, parameters)

    def match(self, plan: Plan, inputs: Sequence[pa.Table], secret: bytes) -> pa.Table:
        """The lines of this partition; of one table alone, its rows."""
        if len(inputs) == 1:
            return _own_lines(inputs[0], secret).slice(0, plan.most)
        return lines(intersect(inputs, secret), inputs, "first", plan.most)

    def combine(self, plan: Plan, parts: Sequence[pa.Table]) -> pa.Table:
        """All lines in the order of the first input's rows."""
        return combine_lines(parts).slice(0, plan.most)

    @value_free(Reason.SCORE)
    def outcomes(
        self, plan: Plan, found: pa.Table, payload: Mapping[str, pa.Table]
    ) -> tuple[tuple[Rule, Outcome], ...]:
        """What the model said, for each output.

        Raises:
            ModelRefused: the model is not what the manifest declares.
            DataMismatch: a row of an input breaks its column's rules, whether joined or not.
        """
        if plan.scoring is None:
            raise ComputationFailed("a prediction has no model")
        scoring = plan.scoring
        at = {
            planned.name: found.column(place(number)).to_numpy()
            for number, planned in enumerate(plan.inputs)
        }
        said = _said(scoring, payload, at)
        unit = found.column(UNIT).to_numpy()
        # sorted, since numpy's own `unique` hashes, which takes 40 times as long
        distinct = int(np.count_nonzero(changes(np.sort(unit))))
        units = dict.fromkeys((each.owner for each in plan.inputs), distinct)
        if scoring.rows is None:
            metrics = judged(scoring, payload, at, said)
            return tuple((rule, of_metrics(rule, scoring, units, metrics)) for rule in plan.rules)
        owner = next(each.owner for each in plan.inputs if each.name == scoring.rows)
        order = {owner: at[scoring.rows]}
        return tuple(
            (rule, Outcome(units, unit, *answered(rule, scoring, payload, at, said), order))
            for rule in plan.rules
        )


def _own_lines(keys: pa.Table, secret: bytes) -> pa.Table:
    """One line for each row of a table that is not joined.

    Units are named by a keyed hash of the key: where two of them fell together, there would seem to
    be one unit less, never one more.
    """
    units = hash_keys(key_frame(keys), seed(secret, "units")).view(np.int64)
    return pa.table([pa.array(units), pa.array(rows_of(keys))], names=[UNIT, place(0)])


def _said(
    scoring: Scoring, payload: Mapping[str, pa.Table], at: Mapping[str, np.ndarray]
) -> Matrix:
    """What the model says of each line: lines by classes, or by one number."""
    model = check_kept(payload[MODEL].column(MODEL)[0].as_py(), scoring.dataset)
    scorer = LOADERS[scoring.dataset.format](model)
    columns = []
    for source, feature in zip(scoring.sources, scoring.features, strict=True):
        column = require_lawful(feature, payload[source].column(feature.column))
        columns.append(Taken(feature, [column], _taken(at[source], len(column))))
    rows = gathered(columns, len(at[scoring.sources[0]]), PRECISION[scoring.dataset.format])
    return scored(scorer, rows, scoring.dataset.scores)


def _taken(rows: np.ndarray, most: int) -> np.ndarray | None:
    """The rows; not said where they are all there are, in order."""
    whole = len(rows) == most and bool((rows[1:] > rows[:-1]).all())
    return None if whole else rows
