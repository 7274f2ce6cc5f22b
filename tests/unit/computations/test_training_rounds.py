"""Trees that are stopped early, and what leaves of how they grew."""

import numpy as np
import pytest
import xgboost

from enclave.computations.registry import operations
from enclave.computations.threads import THREADS
from enclave.computations.training.operation import Train
from tests.support.joined_trainings import LABEL, below, beside, people
from tests.support.trainings import (
    BOOSTED,
    LINE,
    OUTPUTS,
    TREES,
    feature,
    halves,
    piles,
    pooled,
    train,
    training_plain,
    units_that_test,
)

CURVE = {"kind": "curve", "recipients": ["bank"], "min_test": 10, "decimals": 6}
STOPS = {**TREES, "early_stopping": {"rounds": 5, "validation_percent": 20}}
LONG = {"rounds": 200}
NAMES = ["left.a", "right.b", "right.c"]
ROWS = 1000


def drawn(how=STOPS, outputs=None):
    return beside({**how, "outputs": {**OUTPUTS, "curve": CURVE, **(outputs or {})}})


def tables_of(rows=ROWS):
    return halves(people(rows), ["a", "bought"], ["b", "c"])


def parts_of(rows, percent=20):
    """Oracle: which rows test, and which of the others validate."""
    test = units_that_test(rows)
    order = np.argsort(np.random.PCG64(7).random_raw(rows), kind="stable")
    rest = [unit for unit in order if not test[unit]]
    held = rest[: (len(rest) * percent + 50) // 100]
    return test, np.isin(np.arange(rows), held)


def matrix_of(rows, which):
    known = rows[["a", "b", "c"]][which].to_numpy(np.float32)
    label = rows["bought"][which].to_numpy(float)
    return xgboost.DMatrix(known, label=label, feature_names=NAMES, nthread=THREADS)


def oracle(rows, rounds, stopping=None):
    """Pooled trees, and what XGBoost says of each round."""
    test, held = parts_of(len(rows))
    held &= stopping is not None
    given = BOOSTED
    training = matrix_of(rows, ~test & ~held)
    evals = [(training, "training"), (matrix_of(rows, test), "test")]
    if stopping is not None:
        evals.append((matrix_of(rows, held), "validation"))
    told = {}
    model = xgboost.train(
        given,
        training,
        rounds,
        evals=evals,
        evals_result=told,
        early_stopping_rounds=stopping,
        verbose_eval=False,
    )
    return model, {part: values["logloss"] for part, values in told.items()}


def test_trees_that_are_stopped_are_the_best_of_the_pooled_ones_bit_for_bit():
    tables = tables_of()
    joint = train(drawn(), tables, LONG)
    model, _ = oracle(pooled(tables), 200, stopping=5)
    assert model.best_iteration < 100
    best = model[: model.best_iteration + 1]
    assert joint.model_bytes[1] == bytes(best.save_raw(raw_format="ubj"))
    assert b"best_score" not in joint.model_bytes[1]


def test_a_curve_is_what_xgboost_measured_round_by_round():
    tables = tables_of()
    table = train(drawn(), tables, LONG).table("curve").to_pylist()
    _, told = oracle(pooled(tables), 200, stopping=5)
    for part in ("training", "validation", "test"):
        lines = [line for line in table if line["part"] == part]
        assert [line["round"] for line in lines] == list(range(1, len(told[part]) + 1))
        assert [line["value"] for line in lines] == pytest.approx(told[part], abs=1e-6)
        assert {line["metric"] for line in lines} == {"logloss"}


def test_looking_at_the_rounds_changes_no_tree():
    tables = tables_of()
    plain = beside(TREES)
    looked = train(drawn(TREES), tables)
    assert looked.model_bytes == train(plain, tables).model_bytes
    assert {line["part"] for line in looked.table("curve").to_pylist()} == {"training", "test"}


def test_units_that_validate_neither_train_nor_test():
    tables = tables_of()
    rows = pooled(tables)
    _, held = parts_of(len(rows))
    ids = set(rows["id"][held])
    frame = people(ROWS)
    frame.loc[sorted(ids), "a"] = 0.0
    other = train(drawn(), halves(frame, ["a", "bought"], ["b", "c"]), LONG)
    unchanged = train(drawn(), tables, LONG)
    told, before = (each.table("curve").to_pylist() for each in (other, unchanged))
    pairs = [
        (a["value"], b["value"])
        for a, b in zip(told, before, strict=False)
        if a["part"] == "training"
    ]
    assert all(a == b for a, b in pairs[:5])


def test_a_curve_is_rounded_and_withheld_on_few_units():
    rounded = train(drawn(outputs={"curve": {**CURVE, "decimals": 1}}), tables_of(), LONG)
    assert all(value == round(value, 1) for value in rounded.table("curve")["value"].to_pylist())
    few = train(drawn(outputs={"curve": {**CURVE, "min_test": 151}}), tables_of(), LONG)
    assert few.withheld == {"curve"}
    assert few.table("curve").num_rows == 0
    enough = train(drawn(outputs={"curve": {**CURVE, "min_test": 150}}), tables_of(), LONG)
    assert enough.withheld == set()


def test_no_unit_that_validates_withholds_everything():
    outputs = {"model": {"kind": "model", "recipients": ["bank"], "gate": {"min_group": 1}}}
    few = {"rounds": 5, "validation_percent": 5}
    plain = beside({**TREES, "early_stopping": few, "outputs": outputs})
    assert train(plain, tables_of(12)).withheld == {"model"}
    assert train({**plain}, tables_of(20)).withheld == set()


def test_weights_of_nothing_in_the_part_that_validates_withhold_everything():
    weight = {"name": "w", "type": "float64", "role": "weight", "bounds": ["0", "1"]}
    plain = training_plain([feature("a"), LABEL, weight], [feature("b")], STOPS)
    frame = people(ROWS).assign(w=1.0)
    tables = halves(frame, ["a", "bought", "w"], ["b"])
    order = pooled(tables)["id"].to_numpy()
    _, held = parts_of(ROWS)
    frame.loc[order[held], "w"] = 0.0
    assert train(plain, tables, LONG).withheld == set()
    empty = halves(frame, ["a", "bought", "w"], ["b"])
    assert train(plain, empty, LONG).withheld == {"quality", "importance", "model"}


def test_stacked_rows_are_stopped_too():
    joint = train(below(STOPS), piles(people(ROWS), 400), LONG)
    assert joint.model.booster.num_boosted_rounds() < 100


def test_whoever_listens_is_told_after_each_round():
    plain, tables = drawn(), tables_of()
    from cleanroom.manifest.model import Manifest
    from enclave.computations.keys import key_table

    manifest = Manifest.from_plain(plain)
    computation = manifest.computations["model"]
    operation = operations[computation.op]
    assert isinstance(operation, Train)
    plan = operation.plan(computation, manifest.datasets, {"rounds": 7})
    keys = [key_table(tables[each.name], each.keys) for each in plan.inputs]
    found = operation.combine(plan, [operation.match(plan, keys, bytes(32))])
    told = []
    operation.outcomes(plan, found, tables, lambda percent, live: told.append((percent, live)))
    assert told == [(100 * number // 7, []) for number in range(1, 8)]


def test_a_line_has_nothing_to_listen_to():
    assert train(beside(LINE), tables_of()).withheld == set()
