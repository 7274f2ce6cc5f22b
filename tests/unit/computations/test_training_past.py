"""Another driver walks a training again with what the first had heard: on the same way, and faster."""

import functools
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import pytest
import xgboost

from cleanroom.errors import ComputationFailed
from enclave.computations.training.grown import fit_grown
from enclave.computations.training.past import MOST_BYTES, Past, Remembering
from enclave.computations.training.reduced import fit_reduced
from enclave.computations.training.rounds import Measured, unheard
from enclave.computations.training.spread import Growth
from enclave.computations.training.steps import Look, part, take_step, view
from tests.support.shards import train_spread
from tests.support.training_gangs import two_classes
from tests.support.trainings import LINE, TREES

COMPARED = {"quality": {"kind": "metrics", "recipients": ["bank"], "compare": "alone"}}
EVERY = 10


@dataclass
class Counting:
    """Shards of this process that count what they are asked, and grow trees as XGBoost does alone."""

    shards: list[Any]
    asked: list[str] = field(default_factory=list)

    def ask(self, look, step, *given):
        self.asked.append(step)
        return [take_step(shard, look, step, given) for shard in self.shards]

    def grow(self, growth, look, after_round, handed):
        del after_round
        seen = [part(view(one, look), "training") for one in self.shards]
        rows, labels = (
            np.concatenate([getattr(each, name) for each in seen]) for name in ("rows", "labels")
        )
        matrix = xgboost.DMatrix(rows, label=labels, feature_names=list(growth.names))
        while growth.done < growth.rounds:
            self.asked.append("trees")
            trees = bytearray(growth.trees)
            model = xgboost.train(
                {**growth.settings, "nthread": 1},
                matrix,
                min(EVERY, growth.rounds - growth.done),
                xgb_model=xgboost.Booster(model_file=trees) if trees else None,
            )
            done = model.num_boosted_rounds()
            line = Measured(done, "logloss", "training", 0.5)
            trees = bytes(model.save_raw(raw_format="ubj"))
            growth = replace(growth, trees=trees, done=done, measured=(*growth.measured, line))
            handed(growth)
        return growth


class Walk:
    """One training over two shards, remembered."""

    def __init__(self, how, fit, past=None, **changes):
        self.plain, self.tables = two_classes(how, rows=400, decimals=1)
        self.kept, self.gang, self.past = [], None, past or Past()
        self.fit = functools.partial(self._fit, fit)
        self.trained = train_spread(self.plain, self.tables, self.fit, 2, **changes)

    def _fit(self, fit, seen, *given):
        if self.gang is None:
            self.gang = Counting(seen.gang.shards)
            self.remembering = Remembering(
                self.gang, self.past, lambda past: self.kept.append(past.to_bytes())
            )
        return fit(replace(seen, gang=self.remembering), *given, unheard)

    @property
    def model(self):
        return self.trained.model_bytes


def padded(raw):
    """As it comes out of a snapshot."""
    return Past.read(raw + bytes(1000))


def test_a_search_goes_on_with_the_very_same_numbers():
    first = Walk(LINE, fit_reduced)
    asked = first.gang.asked.count("slope")
    assert asked == len(first.kept) > 5
    again = Walk(LINE, fit_reduced, padded(first.kept[3]))
    assert again.model == first.model
    assert again.gang.asked.count("slope") == asked - 4
    # a shard that is made anew is told what changes it
    assert "standardise" in again.gang.asked


def test_models_that_are_compared_are_remembered_in_their_order():
    outputs = {"computations__model__outputs__alone": COMPARED["quality"]}
    first = Walk(LINE, fit_reduced, **outputs)
    again = Walk(LINE, fit_reduced, padded(first.kept[-2]), **outputs)
    assert again.gang.asked.count("slope") == 1
    assert again.model == first.model
    assert again.trained.table("alone") == first.trained.table("alone")


def test_trees_grow_on_from_those_that_were_handed_out():
    first = Walk(TREES, fit_grown)
    assert first.gang.asked.count("trees") == 4
    past = padded(first.kept[1])
    assert past.rounds == 20
    again = Walk(TREES, fit_grown, past)
    assert again.gang.asked.count("trees") == 2
    assert again.model == first.model


def test_trees_that_are_done_are_not_grown_again():
    first = Walk(TREES, fit_grown)
    again = Walk(TREES, fit_grown, padded(first.kept[-1]))
    assert "trees" not in again.gang.asked
    assert again.model == first.model


def test_what_was_measured_comes_with_the_trees():
    growth = Growth({}, ("a",), 40, trees=b"t", done=10, measured=(Measured(10, "x", "test", 0.1),))
    kept = []

    class Handing(Counting):
        def grow(self, growth_, look, after_round, handed):
            del look, after_round
            handed(growth)
            return growth_

    Remembering(Handing([]), Past(), lambda past: kept.append(past.to_bytes())).grow(
        replace(growth, trees=b"", done=0, measured=()), Look(), unheard
    )
    again = Remembering(Counting([]), padded(kept[0]), kept.append)
    again._gang.grow = lambda known, *_: known
    assert again.grow(Growth({}, ("a",), 40), Look(), unheard) == growth


@pytest.mark.parametrize("cut", [0, 3, 4, 20, -1])
def test_a_past_that_is_cut_off_is_refused(cut):
    raw = Walk(LINE, fit_reduced).kept[-1]
    with pytest.raises(ComputationFailed, match=r"cut off|no past"):
        Past.read(raw[:cut])


def test_the_past_of_another_training_is_refused():
    trees = padded(Walk(TREES, fit_grown).kept[-1])
    with pytest.raises(ComputationFailed, match="of another training"):
        Walk(LINE, fit_reduced, trees)


def test_the_past_of_a_line_with_other_columns_is_refused():
    past = padded(Walk(LINE, fit_reduced).kept[-1])
    remembering = Remembering(Counting([]), past, lambda _: None)
    with pytest.raises(ComputationFailed, match="of another training"):
        remembering.ask(Look(), "slope", np.zeros((1, 3)))


def test_more_than_can_be_kept_is_asked_again():
    kept = []

    class Wide(Counting):
        def ask(self, look, step, *given):
            self.asked.append((look, step))
            return [(0.5, given[0])]

    weights = np.zeros((1, MOST_BYTES // 32))
    remembering = Remembering(Wide([]), Past(), lambda past: kept.append(len(past.said)))
    for _ in range(6):
        remembering.ask(Look(), "slope", weights)
    assert kept == [1, 2, 3]
