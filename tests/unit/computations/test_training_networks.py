"""A joint network is the pooled network, bit for bit, and its recipient hears what torch says."""

import numpy as np
import pyarrow as pa
import pytest
from safetensors.numpy import load

from enclave.computations.registry import operations
from enclave.computations.training import networks
from enclave.computations.training.optional import require_torch
from enclave.demo.credit import PAYMENTS, PRODUCTS, credit
from tests.support.joined_trainings import LABEL, LEFT, beside, people
from tests.support.learned_networks import NETWORK, plain_script
from tests.support.trainings import (
    OUTPUTS,
    feature,
    halves,
    pooled,
    train,
    training_plain,
    units_that_test,
)

torch = pytest.importorskip("torch", reason="the extra [torch] is not installed")

CURVE = {"kind": "curve", "recipients": ["bank"], "min_test": 10, "decimals": 6}
NAMES = ["a", "b", "c"]


@pytest.fixture(scope="module")
def tables():
    return halves(people(300), ["a", "bought"], ["b", "c"])


@pytest.fixture(scope="module")
def trained(tables):
    return train(beside(NETWORK), tables)


def scaled(rows, test):
    """Oracle: features at mean 0 and deviation 1 over the training rows."""
    known = rows[NAMES].to_numpy()
    return (known - known[~test].mean(axis=0)) / known[~test].std(axis=0)


def asked(model, rows):
    return model.predict({f"{'left' if n == 'a' else 'right'}.{n}": rows[n] for n in NAMES})


def test_layers_are_those_of_a_plain_script_bit_for_bit(tables, trained):
    rows = pooled(tables)
    test = units_that_test(len(rows))
    labels = rows["bought"][~test].to_numpy(np.int64)
    module = plain_script(scaled(rows, test)[~test], labels, [8, 4], 2, epochs=6)
    found = load(trained.model_bytes[1])
    told = {
        f"layers.{place}.{name}": getattr(module[2 * place], name).detach().numpy()
        for place in range(3)
        for name in ("weight", "bias")
    }
    assert {name: each.tobytes() for name, each in found.items()} == {
        name: each.tobytes() for name, each in told.items()
    }


def test_the_recipient_hears_what_torch_says(tables, trained):
    rows = pooled(tables)
    test = units_that_test(len(rows))
    labels = rows["bought"][~test].to_numpy(np.int64)
    module = plain_script(scaled(rows, test)[~test], labels, [8, 4], 2, epochs=6)
    given = torch.tensor(scaled(rows, test).astype(np.float32))
    said = torch.softmax(module(given), dim=1).detach().numpy()
    assert np.abs(asked(trained.model, rows) - said).max() < 1e-6


def test_a_number_is_learned_as_by_a_plain_script():
    rows = people(300)
    rows["spent"] = 40 + 5 * rows["a"] - 3 * rows["b"]
    tables = halves(rows, ["a", "spent"], ["b", "c"])
    how = {**NETWORK, "task": "regression"}
    found = train(beside(how, feature("spent", role="label")), tables, {"epochs": 60})
    joined = pooled(tables)
    test = units_that_test(len(joined))
    label = joined["spent"].to_numpy()
    mean, deviation = label[~test].mean(), label[~test].std()
    scaled_label = ((label[~test] - mean) / deviation).astype(np.float32)
    module = plain_script(scaled(joined, test)[~test], scaled_label, [8, 4], 0, epochs=60)
    said = module(torch.tensor(scaled(joined, test).astype(np.float32))).detach().numpy()[:, 0]
    assert np.abs(asked(found.model, joined) - (said * deviation + mean)).max() < 1e-4
    assert found.metrics["r2"] > 0.9


def test_rows_that_match_nobody_change_nothing(tables, trained):
    changed = {
        side: table.set_column(
            table.column_names.index(name),
            name,
            [np.where(table["id"].to_numpy() >= 300, 999.0, table[name].to_numpy())],
        )
        for side, name, table in (("left", "a", tables["left"]), ("right", "b", tables["right"]))
    }
    assert train(beside(NETWORK), changed).model_bytes == trained.model_bytes


def test_the_run_leaves_torch_as_it_was(tables, trained):
    torch.manual_seed(1)
    before = (torch.get_num_threads(), torch.random.get_rng_state().tolist())
    assert train(beside(NETWORK), tables).model_bytes == trained.model_bytes
    assert (torch.get_num_threads(), torch.random.get_rng_state().tolist()) == before
    assert not torch.are_deterministic_algorithms_enabled()


def test_another_seed_makes_another_network(tables, trained):
    how = {**NETWORK, "split": {"test_percent": 25, "seed": 8}}
    assert train(beside(how), tables).model_bytes[1] != trained.model_bytes[1]


def test_a_curve_tells_each_epoch_and_patience_ends_the_fit(tables):
    how = {
        **NETWORK,
        "learning_rate": "0.1",
        "early_stopping": {"rounds": 3},
        "outputs": {**OUTPUTS, "curve": CURVE},
    }
    told = train(beside(how), tables, {"epochs": 100}).table("curve").to_pylist()
    losses = [line["value"] for line in told if line["part"] == "validation"]
    assert {line["part"] for line in told} == {"training", "test", "validation"}
    assert {line["metric"] for line in told} == {"logloss"}
    assert int(np.argmin(losses)) == len(losses) - 4
    assert len(losses) < 100


def test_the_best_epoch_is_the_model(tables):
    how = {**NETWORK, "learning_rate": "0.1", "early_stopping": {"rounds": 3}}
    curved = {**how, "outputs": {**OUTPUTS, "curve": CURVE}}
    long = train(beside(curved), tables, {"epochs": 100})
    best = max(line["round"] for line in long.table("curve").to_pylist()) - 3
    assert train(beside(how), tables, {"epochs": best}).model_bytes == long.model_bytes


def test_a_network_that_runs_away_ends_at_the_epoch_before(tables, monkeypatch):
    monkeypatch.setattr(networks, "HEAVIEST", 1.0)
    how = {**NETWORK, "learning_rate": "0.05", "outputs": {**OUTPUTS, "curve": CURVE}}
    found = train(beside(how), tables, {"epochs": 60})
    epochs = max(line["round"] for line in found.table("curve").to_pylist())
    assert 1 <= epochs < 60
    assert max(np.abs(each).max() for each in load(found.model_bytes[1]).values()) <= 1
    monkeypatch.undo()
    assert train(beside(how), tables, {"epochs": epochs}).model_bytes == found.model_bytes
    longer = load(train(beside(how), tables, {"epochs": epochs + 1}).model_bytes[1])
    assert max(np.abs(each).max() for each in longer.values()) > 1


def test_a_network_that_runs_away_at_once_is_as_it_was_before_any_step(tables, monkeypatch):
    monkeypatch.setattr(networks, "HEAVIEST", 0.0)
    found = train(beside(NETWORK), tables)
    assert not found.withheld
    first = plain_script(np.zeros((1, 3)), np.zeros(1, np.int64), [8, 4], 2, epochs=0)
    assert (load(found.model_bytes[1])["layers.0.weight"] == first[0].weight.detach().numpy()).all()


def test_one_row_far_from_all_others_says_nothing_infinite(trained):
    rows = people(3).assign(a=[1e30, -1e30, np.nan])
    assert np.isfinite(asked(trained.model, rows)).all()


def test_weights_count_and_rows_of_weight_0_do_not():
    rows = people(300)
    rows["w"] = (np.arange(300) % 3).astype(float)
    weight = {"name": "w", "type": "float64", "role": "weight", "bounds": ["0", "10"]}
    plain = training_plain([feature("a"), LABEL, weight], [feature("b"), feature("c")], NETWORK)
    tables = halves(rows, ["a", "bought", "w"], ["b", "c"])
    changed = rows.assign(bought=np.where(rows["w"] == 0, ~rows["bought"], rows["bought"]))
    others = halves(changed, ["a", "bought", "w"], ["b", "c"])
    first, second = train(plain, tables), train(plain, others)
    assert first.model_bytes == second.model_bytes
    assert first.model_bytes != train(beside(NETWORK), halves(rows, ["a", "bought"], ["b", "c"]))


def test_together_is_better_than_each_alone_on_the_demo_tables():
    made = credit(4000, overlap=2800, seed=1)
    mail = {"name": "email", "type": "string", "role": "identity"}
    left = [
        *(feature(name, "int64") for name in ("income", "overdrafts", "months")),
        feature("balance"),
        feature("product", "string", values=sorted(PRODUCTS)),
        {"name": "defaulted", "type": "bool", "role": "label"},
    ]
    right = [
        *(feature(name, "int64") for name in ("spend", "visits")),
        feature("returns"),
        feature("late", "bool"),
        feature("payment", "string", values=sorted(PAYMENTS)),
    ]
    how = {**NETWORK, "on": ["email"], "network": {"hidden": [16], "activation": "relu"}}
    quality = {**OUTPUTS["quality"], "compare": "alone"}
    plain = training_plain(left, right, {**how, "outputs": {"quality": quality}})
    for dataset in ("customers", "baskets"):
        plain["datasets"][dataset]["columns"][0] = mail
    for read in plain["computations"]["model"]["inputs"].values():
        read["columns"][0] = "email"
    found = train(plain, {"left": made.bank, "right": made.shop}, {"epochs": 15})
    told = found.table("quality").to_pylist()
    areas = {line["owners"]: line["value"] for line in told if line["metric"] == "auc"}
    joint = areas.pop("bank, shop")
    assert joint > max(areas.values()) + 0.02
    assert joint > 0.85


def test_importance_finds_the_columns_that_matter():
    rows = people(300)
    rows["bought"] = rows["a"] > 0
    found = train(beside(NETWORK), halves(rows, ["a", "bought"], ["b", "c"]), {"epochs": 40})
    shares = {line["column"]: line["share"] for line in found.table("importance").to_pylist()}
    assert shares["left.a"] > 0.6
    assert sum(shares.values()) == pytest.approx(1, abs=1e-5)


def test_folds_tell_how_the_same_network_does_on_each_part(tables):
    how = {**NETWORK, "folds": 3, "outputs": {"quality": OUTPUTS["quality"]}}
    found = train(beside(how), tables, {"epochs": 30}).metrics
    assert found["cv_auc_mean"] == pytest.approx(found["auc"], abs=0.15)
    assert found["cv_auc_std"] > 0


def test_what_a_left_join_lacks_counts_as_the_mean():
    rows = people(300)
    few = halves(rows, ["a", "bought"], ["b", "c"])
    known = few["right"].filter(np.isin(few["right"]["id"].to_numpy(), np.arange(200)))
    how = {**NETWORK, **LEFT, "missing": "mean"}
    model = train(beside(how), {**few, "right": known}).model
    fills = model.description.network.fills
    nothing = pa.array([None], pa.float64())
    gaps = {"left.a": [1.0], "right.b": nothing, "right.c": nothing}
    filled = {"left.a": [1.0], "right.b": fills[1:2], "right.c": fills[2:]}
    assert (model.predict(gaps) == model.predict(filled)).all()


def test_three_classes_are_told_apart():
    rows = people(400)
    rows["size"] = np.array(["l", "m", "s"])[np.digitize(rows["a"], [-0.5, 0.5])]
    label = {"name": "size", "type": "string", "role": "label", "values": ["l", "m", "s"]}
    how = {**NETWORK, "outputs": {**OUTPUTS, "curve": CURVE}}
    tables = halves(rows, ["a", "size"], ["b", "c"])
    found = train(beside(how, label), tables, {"epochs": 80})
    assert found.metrics["accuracy"] > 0.85
    assert set(found.table("curve")["metric"].to_pylist()) == {"mlogloss"}
    said = asked(found.model, rows)
    assert said.shape == (400, 3)
    assert said.sum(axis=1) == pytest.approx(1)


def test_this_worker_takes_the_operation():
    require_torch()
    assert "train.torch" in operations
