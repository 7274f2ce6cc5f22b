"""A model that stays says what its export says, bit for bit, whatever trained it."""

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from cleanroom.manifest.checks import check
from cleanroom.manifest.model import Manifest
from tests.support import joined_trainings, predictions, private_trainings
from tests.support.keeping import both_say, file_of, staying
from tests.support.learned_networks import NETWORK
from tests.support.trainings import LINE, TREES, feature, halves, pooled, train, training_plain

TASTE = feature("taste", "string", values=["mild", "sharp", "sweet"])
SPENT = {"name": "spent", "type": "float64", "role": "label", "bounds": ["-1000", "1000"]}
KIND = {"name": "bought", "type": "string", "role": "label", "values": ["no", "soon", "yes"]}
FEW = {
    "rounds": {"min": 1, "max": 9, "default": 6},
    "max_depth": {"min": 1, "max": 9, "default": 3},
}
TREE = {**TREES, "parameters": FEW}
GAPS = {"missing": "mean"}


def people(rows=400):
    made = joined_trainings.people(rows)
    chance = np.random.default_rng(2)
    made["taste"] = np.array(TASTE["values"])[chance.integers(0, 3, rows)]
    made["spent"] = made["a"] - 2 * made["c"] + (made["taste"] == "mild") + made["bought"]
    made["kind"] = np.array(KIND["values"])[made["bought"].astype(int) + (made["c"] > 0)]
    return made


def beside(how, label=joined_trainings.LABEL):
    """The bank has `a` and the label, the shop `b`, `c` and a taste."""
    right = [feature("b"), feature("c", nullable=how is not LINE), TASTE]
    return training_plain([feature("a"), label], right, {"task": _task(label), **how})


def _task(label):
    return "regression" if label is SPENT else "classification"


def tables(label=joined_trainings.LABEL):
    made = people()
    if label is KIND:
        made["bought"] = made["kind"]
    return halves(made, ["a", label["name"]], ["b", "c", "taste"])


def below(how):
    columns = [*map(feature, "abc"), TASTE, joined_trainings.LABEL]
    plain = training_plain(columns, columns, {**how, "join": "concat"})
    shown = people()[["a", "b", "c", "taste", "bought"]]
    piled = {"left": shown.iloc[:250], "right": shown.iloc[250:]}
    named = {
        side: pa.Table.from_pandas(
            each.reset_index(drop=True).assign(id=np.arange(len(each)) + base * 1000),
            preserve_index=False,
        ).replace_schema_metadata(None)
        for base, (side, each) in enumerate(piled.items())
    }
    return plain, named


def noisy(how):
    """A model with noise, of which layers need no torch."""
    rows = private_trainings.people(2000)
    owned = halves(rows, ["age", "wealth", "kind", "bought"], ["haste", "late"])
    return private_trainings.private_plain("1", **how), owned


LEFT = {"join": "left", "left": "left"}
CASES = {
    "trees": lambda: (beside(TREE), tables()),
    "trees of three classes": lambda: (beside(TREE, KIND), tables(KIND)),
    "trees of a number": lambda: (beside(TREE, SPENT), tables(SPENT)),
    "trees over a left join": lambda: (beside({**TREE, **LEFT}), tables()),
    "trees over rows below each other": lambda: below(TREE),
    "a line": lambda: (beside(LINE), tables()),
    "a line of three classes": lambda: (beside(LINE, KIND), tables(KIND)),
    "a line of a number": lambda: (beside({**LINE, **GAPS}, SPENT), tables(SPENT)),
    "a line over a left join": lambda: (beside({**LINE, **LEFT, **GAPS}), tables()),
    "a line over rows below each other": lambda: below(LINE),
    "a line with noise": lambda: noisy({}),
    "layers with noise": lambda: noisy(private_trainings.NOISY_NETWORK),
    "a network": lambda: (beside({**NETWORK, **GAPS}), tables()),
    "a network of three classes": lambda: (beside({**NETWORK, **GAPS}, KIND), tables(KIND)),
    "a network of a number": lambda: (beside({**NETWORK, **GAPS}, SPENT), tables(SPENT)),
    "a network over rows below each other": lambda: below(NETWORK),
}


@pytest.fixture(scope="module", params=CASES)
def learned(request):
    """A training through the gate, its rows, and its tables."""
    if "network" in request.param:
        pytest.importorskip("torch", reason="the extra [torch] is not installed")
    plain, given = CASES[request.param]()
    plain = staying(plain)
    check(Manifest.from_plain(plain))
    rows = pd.concat([each.to_pandas() for each in given.values()])
    if plain["computations"]["model"].get("join") != "concat":
        rows = pooled(given)
    return train(plain, given), rows, given


def test_it_says_what_its_export_says(learned):
    trained, rows, _ = learned
    columns = {name: pa.array(rows[name], from_pandas=True) for name in rows}
    found, expected = both_say(trained, columns)
    assert found.shape == expected.shape
    assert np.isfinite(found).all()
    assert found.tobytes() == expected.tobytes()


def test_a_prediction_over_it_tells_that(learned):
    trained, rows, given = learned
    plain = trained.manifest.to_plain()
    plain["computations"]["score"]["outputs"]["scores"]["decimals"] = 9
    told = predictions.scores(plain, given, file_of(trained))
    columns = {name: pa.array(rows[name], from_pandas=True) for name in rows}
    _, expected = both_say(trained, columns)
    by_unit = dict(zip(rows["id"].tolist(), expected[:, -1].tolist(), strict=True))
    (answer,) = [name for name in told.columns if name != "left.id"]
    assert len(told) >= 100
    assert told[answer].tolist() == pytest.approx(
        [by_unit[unit] for unit in told["left.id"]], abs=1e-9
    )


def judging(plain):
    """The same manifest, whose `score` tells how well the model does instead of what it says."""
    training, score = plain["computations"]["model"], plain["computations"]["score"]
    taken = {name: training["inputs"][name] for name in score["inputs"]}
    score = {name: each for name, each in score.items() if name != "rows"}
    score |= {"op": "evaluate", "inputs": taken, "limits": {"max_runs": 5}}
    score["outputs"] = {"quality": {"kind": "metrics", "recipients": ["bank"], "decimals": 6}}
    plain["computations"]["score"] = score
    return plain


def test_an_evaluation_of_it_tells_how_well_that_does(learned):
    trained, rows, given = learned
    plain = judging(trained.manifest.to_plain())
    check(Manifest.from_plain(plain))
    told = predictions.scores(plain, given, file_of(trained)).set_index("metric")["value"]
    shown = rows[rows["id"].isin(set(given["left"]["id"].to_pylist()))]
    columns = {name: pa.array(shown[name], from_pandas=True) for name in shown}
    _, expected = both_say(trained, columns)
    model = trained.manifest.datasets["model.model"]
    if model.task == "regression":
        truth = shown["spent"].to_numpy()
        error = float(np.sqrt(np.mean((expected[:, 0] - truth) ** 2)))
        assert told["rmse"] == pytest.approx(error, abs=1e-5)
    else:
        truth = [model.classes.index(_text(each)) for each in shown["bought"]]
        right = np.mean(expected.argmax(axis=1) == np.array(truth))
        assert told["accuracy"] == pytest.approx(right, abs=1e-5)


def _text(label):
    """A label as the class that a model tells."""
    return label if isinstance(label, str) else str(bool(label)).lower()
