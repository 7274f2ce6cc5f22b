"""What looks at workers again is taken away, piece by piece: then one stays that was good only once."""

import pytest

from cleanroom.protocol.work import Order
from enclave.coordinator import effects as do
from tests.attacks import test_worker_reattested as asked
from tests.support.breaches import Mutant, assert_gets_through, shown
from tests.support.histories import History
from tests.support.mutants import passes, returns

STANDING = "enclave.coordinator.standing"
BINDING = "cleanroom.attestation.verifier:check_binding"


def worker_that_never_answers():
    """It is asked, says nothing, and is asked for a run."""
    history = History.active()
    history.join(1)
    history.ask(1)
    history.ask(1)
    history.submit("matches", 1)
    assert not [effect for effect in history.effects if isinstance(effect, do.SendOrders)]


def run_on_evidence_of_last_week():
    """Nobody has asked since, and the manifest says how old evidence may be."""
    history = History.active(workers__cpu__max_evidence_age_s=3600)
    history.join(1)
    history.wait(7 * 24 * 3600)
    history.submit("matches", 1)
    assert not [effect for effect in history.effects if isinstance(effect, do.SendOrders)]


HISTORIES = [
    Mutant(f"{STANDING}:due", returns("asked"), worker_that_never_answers),
    Mutant(f"{STANDING}:young_enough", returns(True), run_on_evidence_of_last_week),
]
ROOMS = [
    Mutant(f"{STANDING}:require_asked", passes, asked.test_answer_recorded_from_an_earlier_time),
    Mutant(BINDING, passes, asked.test_recorded_evidence_under_the_new_nonce),
    Mutant(BINDING, passes, asked.test_evidence_of_the_join_shown_again),
    Mutant(BINDING, passes, asked.test_another_attested_worker_answers_with_its_own_keys),
    Mutant(
        "cleanroom.attestation.rules.snp:check_measurement",
        returns(()),
        asked.test_machine_that_runs_another_image_by_now,
    ),
    Mutant(
        "cleanroom.attestation.formats.crl:_require_absent",
        passes,
        asked.test_machine_that_was_revoked_by_now,
    ),
]


@pytest.mark.parametrize("mutant", HISTORIES, ids=shown)
def test_a_worker_gets_keys(monkeypatch, mutant):
    assert_gets_through(monkeypatch, mutant)


@pytest.mark.parametrize("mutant", ROOMS, ids=shown)
def test_a_worker_stays(monkeypatch, mutant, tmp_path_factory):
    """The room takes the answer and asks again: nothing ends the stream before the test does."""
    monkeypatch.setattr(asked, "heard", one_more_question)

    def story():
        mutant.story(tmp_path_factory.mktemp("room"))

    assert_gets_through(monkeypatch, mutant, story)


def one_more_question(worker):
    """The next thing that the room says, or why it ended the stream."""
    try:
        message = worker.next()
    except asked.CleanroomError as ended:
        return [], ended
    assert not isinstance(message, Order)
    return [message], None
