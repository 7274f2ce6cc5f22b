"""A whole room trains a network in a worker's own process, and refuses where torch is missing."""

import numpy as np
import pytest

from cleanroom.errors import WorkerUnfit
from cleanroom.manifest.model import Manifest
from enclave.computations.training.optional import require_torch
from tests.support.joined_trainings import beside, people
from tests.support.learned_networks import NETWORK
from tests.support.trainings import OUTPUTS, halves
from tests.support.whole_rooms import whole_room

pytestmark = pytest.mark.cluster

CURVE = {"kind": "curve", "recipients": ["bank"], "min_test": 10, "live": True}


def test_a_network_leaves_a_room_and_answers_without_torch(tmp_path):
    plain = beside({**NETWORK, "outputs": {**OUTPUTS, "curve": CURVE}})
    tables = halves(people(400), ["a", "bought"], ["b", "c"])
    with whole_room(tmp_path / "room", Manifest.from_plain(plain), workers=1) as room:
        bank, shop = room.enter("bank"), room.enter("shop")
        bank.add("customers", tables["left"])
        shop.add("baskets", tables["right"])
        run = bank.run("model", epochs=30)
        try:
            require_torch()
        except WorkerUnfit:
            with pytest.raises(WorkerUnfit):
                run.wait(timeout=120)
            return
        model = run.result("model", timeout=120).model
        assert max(run.result("curve").table["round"].to_pylist()) == 30
        assert run.model_card().operation == "train.torch"
    said = model.predict({"left.a": [-3.0, 3.0], "right.b": [0.0, 0.0], "right.c": [0.0, 0.0]})
    assert np.isfinite(said).all()
    assert said[1, 1] > said[0, 1]
