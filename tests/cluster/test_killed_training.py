"""Something dies while two nodes grow trees together: the rest goes on, or ends with a code.

Kills are real: SIGKILL to a rank's process, to the actor above it, to a node. What was learned by
then is in the driver's memory and nowhere else.
"""

import os
import signal
import threading
from pathlib import Path

import pytest

from cleanroom.errors import WorkerLost
from cleanroom.protocol.work import Failed, Finished, Progress, Stop
from enclave.worker.grower import EVERY
from enclave.worker.processes import descendants
from tests.support.training_gangs import training_gang, two_classes, written
from tests.support.trainings import LINE, TREES, train

pytestmark = pytest.mark.cluster

ROUNDS, FEW = 300, 50
WAIT_S = 90.0
"""Nothing here takes longer, in seconds; only a failure waits for it."""
SOME_S = 0.3
"""A rank has grown some trees, and not all, in so many seconds after it loaded XGBoost."""
HALF = 40
"""So many percent of the rounds are done when something dies."""


@pytest.fixture(scope="module")
def trees(tmp_path_factory):
    plain, tables = two_classes(TREES, rows=6000, decimals=1)
    with training_gang(plain, tables, tmp_path_factory.mktemp("trees")) as gang:
        gang.alone = train(plain, tables, {"rounds": ROUNDS})
        yield gang


def command(process_id, file="cmdline"):
    try:
        return Path(f"/proc/{process_id}/{file}").read_bytes().decode(errors="replace")
    except OSError:
        return ""


def ours(*words):
    """Processes below this one with these words in their command, oldest first."""
    below = sorted(descendants(os.getpid()))
    return [one for one in below if all(word in command(one) for word in words)]


def grown_to(gang, percent):
    """Wait until so many percent of the rounds are done."""
    while True:
        said = gang.workers[0].hear(Progress, Failed, Finished, timeout=WAIT_S)
        assert isinstance(said, Progress), said
        if said.stage == "train" and said.percent >= percent:
            return


def rest_of(gang, run, patience=WAIT_S):
    """Percent of the rounds from now on, and the last word."""
    percents = []
    while True:
        said = gang.workers[0].hear(Progress, Failed, Finished, timeout=patience)
        if not isinstance(said, Progress):
            break
        percents += [said.percent] if said.stage == "train" else []
    gang.workers[1].say(Stop(run=run))
    return percents, said


def same_trees(gang, finished):
    return written(gang.model(finished)) == written(gang.alone.model)


@pytest.mark.parametrize("victim", ["enclave.worker.growing", "ray::Learner"])
def test_a_process_dies_and_the_trees_grow_on_from_what_was_learned(trees, victim):
    run = trees.started(rounds=ROUNDS)
    grown_to(trees, HALF)
    victims = ours(victim)
    assert len(victims) == 2
    os.kill(victims[-1], signal.SIGKILL)
    percents, finished = rest_of(trees, run)
    assert isinstance(finished, Finished)
    # not from the beginning: the first round that is heard of again follows what was handed out
    assert min(percents) >= HALF - 100 * EVERY // ROUNDS - 1
    assert same_trees(trees, finished)


def test_a_node_dies_while_trees_grow(trees):
    run = trees.started(rounds=ROUNDS)
    grown_to(trees, HALF)
    for process_id in ours("raylet/raylet", "127.0.0.3"):
        os.kill(process_id, signal.SIGKILL)
    _, said = rest_of(trees, run)
    assert isinstance(said, Failed)
    assert said.code == WorkerLost.code
    assert gone("enclave.worker.growing", "ray::Learner")


def test_a_training_that_is_cancelled_leaves_no_process(trees):
    run = trees.started(rounds=ROUNDS)
    grown_to(trees, 5)
    assert len(ours("enclave.worker.growing")) == 2
    for worker in trees.workers:
        worker.say(Stop(run=run))
    assert gone("enclave.worker.growing", "ray::Learner")


def gone(*words):
    """Wait until no process with one of these words is left."""
    pause = threading.Event()
    for _ in range(int(WAIT_S * 10)):
        if not any(ours(word) for word in words):
            return True
        pause.wait(0.1)
    return False


def test_a_rank_dies_within_a_fold_and_all_is_told_as_if_none_had(tmp_path):
    plain, tables = two_classes({**TREES, "folds": 2}, rows=6000, decimals=1, weighed=True)
    alone = train(plain, tables, {"rounds": FEW})
    with training_gang(plain, tables, tmp_path) as gang:
        run = gang.started(rounds=FEW)
        grown_to(gang, 100)
        joint = ours("enclave.worker.growing")
        os.kill(growing_after(joint), signal.SIGKILL)
        # nobody hears how folds grow
        _, finished = rest_of(gang, run, patience=3 * WAIT_S)
        assert isinstance(finished, Finished)
        told = gang.tables(finished)["quality"].to_pydict()
    metrics = dict(zip(told["metric"], told["value"], strict=True))
    assert metrics == pytest.approx(alone.metrics, abs=1e-5)
    assert metrics["cv_auc_mean"] > 0.8


def growing_after(earlier):
    """The last rank of the next fit, once it grows."""
    pause = threading.Event()
    while True:
        for one in ours("enclave.worker.growing"):
            if one not in earlier and "libxgboost" in command(one, "maps"):
                pause.wait(SOME_S)
                return one
        pause.wait(0.02)


def test_a_learner_of_a_line_dies_and_the_search_goes_on(tmp_path):
    plain, tables = two_classes(LINE, rows=20_000)
    alone = train(plain, tables).model.description.linear
    with training_gang(plain, tables, tmp_path) as gang:
        run = gang.started()
        killer = threading.Thread(target=kill_a_learner)
        killer.start()
        finished = gang.ended(run)
        killer.join()
        assert isinstance(finished, Finished)
        found = gang.model(finished).description.linear
    assert found.coefficients[0] == pytest.approx(alone.coefficients[0], abs=1e-8)


def kill_a_learner():
    """The first that is seen, whether it has its rows or not."""
    pause = threading.Event()
    while not (found := ours("ray::Learner")):
        pause.wait(0.01)
    os.kill(found[0], signal.SIGKILL)
