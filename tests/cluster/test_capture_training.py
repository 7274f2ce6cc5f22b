"""Rows full of canaries train a model on two nodes: none is seen on the wire or in a file.

Besides the e-mails that join the rows, two feature columns hold two values each, whose bytes no
other number has: whatever sends or writes rows, as 32 or 64 bits, sends or writes them. XGBoost's
own collective is plain text; here it must be nowhere.
"""

import os
import secrets
import struct
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from cleanroom.protocol.work import Finished
from enclave.worker.processes import descendants
from tests.support.canaries import Flock, Looking, Wire, again_and_again, captured
from tests.support.seclusion import require_seclusion
from tests.support.training_gangs import training_gang
from tests.support.trainings import LINE, TREES, feature, training_plain

pytestmark = pytest.mark.cluster

ROWS = 4000
NODES = [Path("/dev/shm"), Path("/tmp"), Path("/run")]
EMAIL = {"name": "id", "type": "string", "role": "identity", "normalise": "email"}


@dataclass
class Seen:
    """What somebody saw who looked everywhere."""

    wire: Wire | None
    nodes: Looking
    left: Looking
    importance: dict[str, float]


class Values:
    """Two pairs of numbers that stand beside each other in every row, and their bytes."""

    def __init__(self):
        words = np.frombuffer(secrets.token_bytes(16), np.uint32)
        # between 1 and 2, as exact in 32 bits as in 64
        self.pairs = ((words & 0x7FFFFF) | 0x3F800000).view(np.float32).reshape(2, 2)

    def needles(self):
        found = {}
        for number, (left, right) in enumerate(self.pairs.tolist()):
            found |= {
                f"pair {number} of 32 bits": struct.pack("<ff", left, right),
                f"left {number} of 64 bits": struct.pack("<d", left),
                f"right {number} of 64 bits": struct.pack("<d", right),
                f"left {number} in words": repr(left).encode()[:12],
            }
        return found


@pytest.fixture(scope="module", params=[LINE, TREES], ids=["line", "trees"])
def seen(request, tmp_path_factory):
    """A whole training on two nodes, and what was seen of it."""
    if request.param is TREES:
        require_seclusion()
    flock, values = Flock(), Values()
    needles = flock.needles() | values.needles()
    plain = training_plain(
        [feature("a0"), feature("a1"), {"name": "label", "type": "bool", "role": "label"}],
        [feature("b0")],
        request.param,
    )
    for dataset in plain["datasets"].values():
        dataset["columns"][0] = EMAIL
    nodes, looking = Looking(needles), Looking(needles)
    base = tmp_path_factory.mktemp("canaries")
    with captured(needles) as wire, training_gang(plain, rows(flock, values), base) as gang:
        with again_and_again(nodes, *NODES, named="cr-*"):
            finished = gang.ended(gang.started(), timeout=150)
        assert isinstance(finished, Finished)
        looking.below(base)
        looking.processes(descendants(os.getpid()))
        shares = gang.tables(finished)["importance"].to_pylist()
    return Seen(wire, nodes, looking, {line["column"]: line["share"] for line in shares})


def rows(flock, values):
    """Both parties' rows; the label is what the first pair says, nearly."""
    chance = np.random.default_rng(1)
    which = chance.integers(0, 2, ROWS)
    label = (which == 1) ^ (chance.random(ROWS) < 0.1)
    emails = flock.emails(0, ROWS)
    left = pa.table(
        {
            "id": emails,
            "a0": values.pairs[which, 0].astype(np.float64),
            "a1": values.pairs[which, 1].astype(np.float64),
            "label": label,
        }
    )
    right = pa.table({"id": emails, "b0": chance.normal(size=ROWS)})
    return {"left": left, "right": right}


def test_the_canaries_were_really_learned_from(seen):
    """Without this, finding none would mean nothing."""
    assert seen.importance["left.a0"] + seen.importance["left.a1"] > 0.5


def test_whoever_looks_would_find_rows_of_32_and_64_bits(tmp_path):
    values = Values()
    for name, dtype in (("32", np.float32), ("64", np.float64)):
        (tmp_path / name).write_bytes(values.pairs.astype(dtype).tobytes())
    look = Looking(values.needles()).below(tmp_path)
    assert {Path(place.partition(":")[0]).name for place in look.found} == {"32", "64"}


def test_nodes_write_no_row_while_they_train(seen):
    assert seen.nodes.found == set()
    names = {Path(place).name for place in seen.nodes.places}
    assert {"token", "leaf.pem"} <= names


def test_no_file_or_process_shows_a_row(seen):
    assert seen.left.found == set()
    assert "environ of a process" in seen.left.places


def test_the_wire_carries_no_row_of_a_training(seen):
    if seen.wire is None:
        pytest.skip("only root may capture the loopback")
    assert seen.wire.look.found == set()
    assert seen.wire.packets > 500
    assert seen.wire.size > 300_000
    assert seen.wire.missed == 0
