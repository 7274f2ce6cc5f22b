"""A model on its recipient's machine: shown, saved and read back, and never anything that runs."""

import pickle

import numpy as np
import pyarrow as pa
import pytest

from cleanroom.client.models import model_of
from cleanroom.client.receipts import Receipt
from cleanroom.client.results import Result
from cleanroom.errors import DataMismatch, Usage
from cleanroom.ledger.entry import OutputRecord
from cleanroom.protocol.run import Delivery
from tests.support.receipts import RUN, good_receipt
from tests.support.trainings import LINE, TREES, feature, train, training_plain

LABEL = {"name": "bought", "type": "bool", "role": "label"}


def trained(how):
    """A table with a model that two parties made."""
    chance = np.random.default_rng(2)
    ids = np.arange(300)
    a, b = chance.normal(size=(2, 300))
    tables = {
        "left": pa.table({"id": ids, "a": a, "bought": a + b > 0}),
        "right": pa.table({"id": ids, "b": b}),
    }
    plain = training_plain([feature("a"), LABEL], [feature("b")], how)
    return train(plain, tables).table("model")


def result_of(table):
    record = OutputRecord(
        output="model", recipient="bank", digest="sha256:" + "0" * 64, size=1, suppressed=False
    )
    delivery = Delivery(run=RUN, output=record, sealed_key=b"sealed")
    return Result(table, delivery, Receipt(good_receipt(), allow_simulated=True))


@pytest.mark.parametrize(
    ("how", "suffix"), [(LINE, ".json"), (TREES, ".ubj")], ids=["line", "trees"]
)
def test_a_model_is_saved_as_what_it_is(how, suffix, tmp_path):
    saved = result_of(trained(how)).save(tmp_path / f"model{suffix}")
    assert saved.stat().st_mode & 0o777 == 0o600
    assert saved.read_bytes()[:1] == b"{"


def test_a_linear_model_has_no_trees_to_save(tmp_path):
    with pytest.raises(Usage, match=r"expected a name in \.json"):
        result_of(trained(LINE)).save(tmp_path / "model.ubj")
    with pytest.raises(Usage, match=r"expected a name in \.parquet or \.csv"):
        result_of(trained(LINE)).save(tmp_path / "model.csv")


def test_what_is_shown_of_a_model_is_what_it_learned_from():
    result = result_of(trained(TREES))
    assert result.shown.to_pylist() == [
        {"owner": "bank", "feature": "left.a"},
        {"owner": "shop", "feature": "right.b"},
    ]
    assert "right.b" in result._repr_mimebundle_()["text/html"]


def test_a_pickle_in_the_place_of_trees_is_refused_and_never_run(tmp_path):
    class Evil:
        def __reduce__(self):
            return open, (str(tmp_path / "ran"), "w")

    good = trained(TREES)
    evil = good.set_column(1, "booster", pa.array([pickle.dumps(Evil())], pa.binary()))
    with pytest.raises(DataMismatch, match="not those that the description names"):
        model_of(evil)
    assert not (tmp_path / "ran").exists()


def test_trees_that_end_early_never_reach_the_native_reader():
    good = trained(TREES)
    ubj = good["booster"][0].as_py()
    for length in (0, 1, len(ubj) // 2, len(ubj) - 1):
        short = good.set_column(1, "booster", pa.array([ubj[:length]], pa.binary()))
        with pytest.raises(DataMismatch, match="not those that the description names"):
            model_of(short)


@pytest.mark.parametrize("text", ["", "{}", "[]", '{"kind":"linear"}'])
def test_a_description_of_another_shape_is_refused(text):
    good = trained(LINE)
    with pytest.raises(DataMismatch, match="description does not read"):
        model_of(good.set_column(0, "description", pa.array([text])))
