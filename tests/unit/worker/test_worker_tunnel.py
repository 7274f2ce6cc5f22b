"""Packets between ranks go to whom they are for, from whom they say; ranks grow one set of trees."""

import asyncio
import socket

import numpy as np
import pytest
import xgboost

from cleanroom.errors import ComputationFailed, WorkerLost
from enclave.computations.training.rounds import Measured
from enclave.computations.training.samples import Sample
from enclave.computations.training.spread import Growth
from enclave.computations.training.steps import View
from enclave.worker.grower import EVERY
from enclave.worker.seclusion import NETWORK, TUNNELS_OF_THE_KERNEL, require_empty
from enclave.worker.tunnel import carry, meet
from tests.support.ranks import Ranks, grown_by, heard

ROUNDS = 2 * EVERY
NAMES = ("a", "b", "c")
SETTINGS = {"objective": "binary:logistic", "tree_method": "hist", "max_depth": 3, "verbosity": 0}


# --- packets --------------------------------------------------------------------------------------


def place(rank):
    return socket.inet_aton(f"{NETWORK}.{rank + 1}")


def packet(source, destination, text):
    return bytes(12) + place(source) + place(destination) + text


def test_packets_reach_their_rank_and_nobody_speaks_for_another(tmp_path):
    ranks = Ranks(3, tmp_path)

    async def over():
        met = await asyncio.gather(*(meet(ranks.meeting(r), ranks.files[r]) for r in range(3)))
        pairs = [socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM) for _ in range(3)]
        for inner, outer in pairs:
            inner.setblocking(False)
            outer.setblocking(False)
        carried = [
            asyncio.create_task(carry(inner.fileno(), streams, place))
            for (inner, _), streams in zip(pairs, met, strict=True)
        ]
        loop, outers = asyncio.get_running_loop(), [outer for _, outer in pairs]
        await loop.sock_sendall(outers[0], packet(1, 2, b"forged"))
        await loop.sock_sendall(outers[0], packet(0, 9, b"to nobody"))
        for number, text in enumerate((b"one", b"x" * 60_000)):
            await loop.sock_sendall(outers[0], packet(0, 2, text))
            assert await loop.sock_recv(outers[2], 1 << 16) == packet(0, 2, text), number
        await loop.sock_sendall(outers[2], packet(2, 1, b"two"))
        assert await loop.sock_recv(outers[1], 1 << 16) == packet(2, 1, b"two")
        # whoever ends ends the others' carrying
        for _, writer in met[1].values():
            writer.close()
        await asyncio.wait(carried, timeout=20)
        assert all(task.done() for task in carried)
        for inner, outer in pairs:
            loop.remove_reader(inner)
            inner.close()
            outer.close()
        for streams in (met[0], met[2]):
            for _, writer in streams.values():
                writer.close()

    asyncio.run(over())


def test_a_namespace_is_new_with_a_loopback_alone_or_what_the_kernel_adds():
    assert require_empty(["lo"]) == {"lo"}
    assert "sit0" in require_empty(["lo", *TUNNELS_OF_THE_KERNEL])


# --- trees ----------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def rows():
    chance = np.random.default_rng(2)
    rows = chance.integers(0, 30, (3000, 3)).astype(np.float32)
    noise = chance.normal(size=3000) * 6
    return rows, (rows[:, 0] - rows[:, 1] + noise > 0).astype(np.int64)


def growers(ranks, rows, growth):
    """Every rank's process, each with its share of the rows."""
    matrix, labels = rows
    count = len(ranks.gang)
    views = []
    for rank in range(count):
        share = slice(len(labels) * rank // count, len(labels) * (rank + 1) // count)
        held = share if rank == 0 else slice(0, 0)  # whoever has no such rows measures along
        views.append(
            View(
                training=Sample(matrix[share], labels[share], None),
                testing=Sample(matrix[:0], labels[:0], None),
                validation=Sample(matrix[held], 1 - labels[held], None),
                worth=None,
            )
        )
    return grown_by(ranks, growth, views)


def pooled(rows, rounds=ROUNDS):
    matrix = xgboost.DMatrix(rows[0], label=rows[1], feature_names=list(NAMES))
    return bytes(xgboost.train(SETTINGS, matrix, rounds).save_raw("json"))


def as_json(trees):
    return bytes(xgboost.Booster(model_file=bytearray(trees)).save_raw("json"))


def test_three_ranks_grow_the_trees_of_the_pooled_rows(tmp_path, rows):
    with growers(Ranks(3, tmp_path), rows, Growth(SETTINGS, NAMES, ROUNDS)) as made:
        lead, *others = heard(made)
    assert [one.done for one in lead] == list(range(1, ROUNDS + 1))
    assert [one.done for one in lead if one.trees] == [EVERY, ROUNDS]
    assert [one.done for one in lead if one.last] == [ROUNDS]
    assert not any(one.trees for said in others for one in said)
    assert as_json(lead[-1].trees).replace(b"-0E0", b"0E0") == pooled(rows).replace(b"-0E0", b"0E0")


def test_trees_grow_on_from_those_that_were_handed_out(tmp_path, rows):
    first = pooled(rows, EVERY)
    growth = Growth(SETTINGS, NAMES, ROUNDS, trees=bytes_of(first), done=EVERY)
    with growers(Ranks(2, tmp_path), rows, growth) as made:
        lead, _ = heard(made)
    assert [one.done for one in lead] == list(range(EVERY + 1, ROUNDS + 1))
    assert as_json(lead[-1].trees).replace(b"-0E0", b"0E0") == pooled(rows).replace(b"-0E0", b"0E0")


def test_growth_stops_where_the_loss_of_rows_held_back_is_lowest(tmp_path, rows):
    """They are labelled the wrong way round, so that every round is worse than the one before."""
    growth = Growth(SETTINGS, NAMES, ROUNDS, watched=("training", "validation"), patience=3)
    with growers(Ranks(2, tmp_path), rows, growth) as made:
        lead, other = heard(made)
    assert [one.done for one in lead] == [1, 2, 3, 4]
    assert [bool(one.trees) for one in lead] == [False, False, False, True]
    assert [one.measured for one in lead] == [one.measured for one in other]
    losses = {part: [] for part in growth.watched}
    for one in lead:
        for each in one.measured:
            losses[each.part].append(each.value)
    assert losses["training"] == sorted(losses["training"], reverse=True)
    assert losses["validation"] == sorted(losses["validation"])


def test_growth_that_goes_on_remembers_how_long_it_waited(tmp_path, rows):
    """Two rounds were done, the first was the best: two more, and three in vain are enough."""
    past = tuple(Measured(number, "logloss", "validation", 0.001 * number) for number in (1, 2))
    first = bytes_of(pooled(rows, 2))
    growth = Growth(
        SETTINGS, NAMES, ROUNDS, first, 2, watched=("validation",), patience=3, measured=past
    )
    with growers(Ranks(2, tmp_path), rows, growth) as made:
        lead, _ = heard(made)
    assert [(one.done, one.last) for one in lead] == [(3, False), (4, True)]


def bytes_of(model):
    return bytes(xgboost.Booster(model_file=bytearray(model)).save_raw("ubj"))


def test_a_rank_that_fails_says_a_code_and_the_others_end(tmp_path, rows):
    matrix, labels = rows
    wrong = labels.copy()
    wrong[: len(labels) // 2] = 7  # no label of two classes; only the first rank has them
    with growers(Ranks(2, tmp_path), (matrix, wrong), Growth(SETTINGS, NAMES, ROUNDS)) as made:
        with pytest.raises(ComputationFailed, match="a rank of the training failed"):
            next(made[0].words())
        made[0].end()
        # XGBoost may have told the other rank before it was lost
        with pytest.raises((WorkerLost, ComputationFailed), match="a rank of the training"):
            next(made[1].words())


def test_the_end_of_one_rank_is_the_end_of_all(tmp_path, rows):
    with growers(Ranks(3, tmp_path), rows, Growth(SETTINGS, NAMES, 5000)) as made:
        for grower in made:
            words = grower.words()
            next(words)
        made[1].end()
        said = heard([made[0], made[2]])
        assert all(isinstance(each[-1], WorkerLost) for each in said)
