"""Attack: a comparison of parties' rows, to learn of few people what its metrics withhold.

Whoever brings rows can train on them at home, so it knows what the model of its rows alone says of
each of its own units that test. What it is told of that model's quality is about all units that
test: the difference is about the others' units. And the quality of a model that few units made is
about these few.
"""

import functools
from itertools import pairwise

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from enclave.computations.training import divisions
from enclave.computations.training.reduced import fit_reduced
from enclave.computations.training.rounds import unheard
from tests.support.joined_trainings import COLUMNS, below, people
from tests.support.mutants import assert_mutant_is_caught, hands_back, returns
from tests.support.shards import train_spread
from tests.support.trainings import LINE, feature, piles, train, units_that_test

ROWS = 400
SEVERAL = 20
"""Units that every test is about, of any owner's rows alone."""
OVER_SHARDS = functools.partial(fit_reduced, after_round=unheard)
ENGINES = {"process": train, "gang": lambda *given: train_spread(*given, OVER_SHARDS, 2)}


def plain_of(min_test=SEVERAL, min_group=10, how=LINE):
    output = {
        "recipients": ["bank", "shop"],
        "decimals": 6,
        "min_test": min_test,
        "compare": "alone",
        "gate": {"min_group": min_group},
    }
    quality, curves = {"kind": "metrics"}, {"kind": "evaluation", "min_bin": 5}
    return below({**how, "outputs": {"quality": quality | output, "curves": curves | output}})


def tables_of(few):
    """The shop brings `few` people of its own, all behind the bank's."""
    return piles(people(ROWS), ROWS - few)


def told_of(trained, owner):
    table = trained.table("quality").to_pydict()
    lines = zip(table["owners"], table["metric"], table["value"], strict=True)
    return {metric: value for whose, metric, value in lines if whose == owner}


def at_home(few):
    """What the bank knows: the right answers of its own model about its own units that test."""
    frame, tests = people(ROWS), units_that_test(ROWS)
    own = np.arange(ROWS) < ROWS - few
    right = home_model(frame, own & ~tests).predict(frame[COLUMNS]) == frame["bought"]
    return right, own, tests


def home_model(frame, learns):
    """The bank's model, made with plain scikit-learn."""
    model = make_pipeline(StandardScaler(), LogisticRegression(max_iter=1000, tol=1e-8))
    return model.fit(frame[COLUMNS][learns], frame["bought"][learns])


def right_answers_about_the_shop(told, few):
    """The bank's subtraction: how often its model is right about the shop's units that test."""
    right, own, tests = at_home(few)
    return round(told["accuracy"] * tests.sum()) - (right & own & tests).sum()


def nothing_is_told_of_the_shops_few_units(engine="process", few=60):
    _, own, tests = at_home(few)
    assert 0 < (~own & tests).sum() < SEVERAL
    trained = ENGINES[engine](plain_of(), tables_of(few))
    assert trained.withheld == set()
    for owner in ("bank", "shop"):
        told = told_of(trained, owner)
        assert set(told.values()) == {None}, "told as if nothing were withheld"
    assert set(trained.table("curves")["owners"].to_pylist()) == {"bank, shop"}


@pytest.mark.parametrize("engine", ENGINES)
def test_nobody_subtracts_what_it_knows_from_a_test_with_few_units_of_others(engine):
    nothing_is_told_of_the_shops_few_units(engine)


def test_the_subtraction_is_right_where_the_others_are_a_group():
    """So many units it may tell of; were they few, it would tell as much of those."""
    right, own, tests = at_home(150)
    told = told_of(train(plain_of(), tables_of(150)), "bank")
    assert (~own & tests).sum() >= SEVERAL
    assert right_answers_about_the_shop(told, 150) == (right & ~own & tests).sum()


def nothing_is_told_of_a_model_that_few_units_made(engine="process"):
    tests = units_that_test(ROWS)[ROWS - 40 :]
    made_by = 40 - tests.sum()
    plain = plain_of(min_test=5, min_group=int(made_by) + 1)
    trained = ENGINES[engine](plain, tables_of(40))
    assert trained.withheld == set()
    assert set(told_of(trained, "shop").values()) == {None}
    assert None not in told_of(trained, "bank").values()
    assert "shop" not in trained.table("curves")["owners"].to_pylist()
    enough = ENGINES[engine](plain_of(min_test=5, min_group=int(made_by)), tables_of(40))
    assert None not in told_of(enough, "shop").values()


@pytest.mark.parametrize("engine", ENGINES)
def test_nothing_is_told_of_a_model_that_few_units_made(engine):
    nothing_is_told_of_a_model_that_few_units_made(engine)


LEAST = 5


def stretches_of_the_banks_curve(few):
    """What the bank works out at home: who is in each stretch of its own model's points."""
    frame, tests = people(ROWS), units_that_test(ROWS)
    own = np.arange(ROWS) < ROWS - few
    scores = home_model(frame, own & ~tests).predict_proba(frame[COLUMNS][tests])[:, 1]
    trained = train(plain_of(min_test=LEAST), tables_of(few))
    points = trained.table("curves").to_pandas().query("owners == 'bank'")
    ends = (points["share"] * tests.sum()).round().astype(int)
    order = np.argsort(-scores, kind="stable")
    return [own[tests][order][start:end] for start, end in pairwise([0, *ends])]


def each_stretch_is_about_several_of_each_side():
    for few in (80, 120, 200):
        told = stretches_of_the_banks_curve(few)
        assert len(told) >= 1
        for own in told:
            assert min(own.sum(), (~own).sum()) >= LEAST


def test_no_stretch_of_a_model_of_ones_own_rows_is_about_few_others():
    each_stretch_is_about_several_of_each_side()


def test_the_story_notices_stretches_in_which_others_are_not_counted_apart(monkeypatch):
    assert_mutant_is_caught(
        monkeypatch,
        "enclave.computations.training.evaluation:sides",
        returns((slice(None),)),
        each_stretch_is_about_several_of_each_side,
    )


def light_units_are_no_group(engine="process"):
    """Many units of the shop that count for nothing hide nobody among them."""
    weights = np.ones(ROWS)
    weights[ROWS - 195 :] = 0.0
    plain = plain_of(min_test=10, min_group=2)
    weight = {**feature("w"), "role": "weight", "bounds": ["0", "1000"]}
    for side, dataset in (("left", "customers"), ("right", "baskets")):
        plain["datasets"][dataset]["columns"].append(weight)
        plain["computations"]["model"]["inputs"][side]["columns"].append("w")
    trained = ENGINES[engine](plain, piles(people(ROWS).assign(w=weights), ROWS - 200))
    assert trained.withheld == set()
    assert units_that_test(ROWS)[ROWS - 200 :].sum() > 30
    assert {*told_of(trained, "bank").values(), *told_of(trained, "shop").values()} == {None}


@pytest.mark.parametrize("engine", ENGINES)
def test_light_units_are_no_group(engine):
    light_units_are_no_group(engine)


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize(
    "story",
    [nothing_is_told_of_the_shops_few_units, nothing_is_told_of_a_model_that_few_units_made],
)
def test_the_stories_notice_lines_that_are_told_whatever_their_units(monkeypatch, story, engine):
    assert_mutant_is_caught(
        monkeypatch,
        "enclave.computations.training.operation:shown",
        hands_back(),
        functools.partial(story, engine),
    )


def test_the_story_notices_that_the_others_are_not_counted(monkeypatch):
    assert_mutant_is_caught(
        monkeypatch,
        "enclave.computations.training.divisions:count",
        returns(1 << 30),
        nothing_is_told_of_the_shops_few_units,
    )


@pytest.mark.parametrize("engine", ENGINES)
def test_the_story_notices_weights_that_do_not_count(monkeypatch, engine):
    counted = divisions.count
    assert_mutant_is_caught(
        monkeypatch,
        "enclave.computations.training.divisions:count",
        lambda unit, _: counted(unit, None),
        functools.partial(light_units_are_no_group, engine),
    )
