"""How old a worker's evidence may be: asked for in time, shown for the right nonce, or out."""

from dataclasses import replace

import pytest

from cleanroom.encoding import content_digest
from cleanroom.errors import AdmissionRefused, WorkerLost
from cleanroom.protocol.reattestation import Reattest
from cleanroom.protocol.work import Provision
from enclave.coordinator import effects as do
from enclave.coordinator.receipts import composed
from enclave.coordinator.standing import STANDINGS, standing_of
from tests.support.histories import History, instance, run_name

MOST_S = 100
AGED = {"workers__cpu__max_evidence_age_s": MOST_S}


def worker(history, number=1):
    return history.room.workers[instance(number)]


def told(history):
    return [effect.message for effect in history.effects if isinstance(effect, do.Tell)]


def active(**changes):
    history = History.active(**changes)
    history.join(1)
    return history


def test_the_table_is_closed_and_ends():
    reached = {to for ways in STANDINGS.values() for to in ways.values()}
    assert reached <= set(STANDINGS)
    assert [standing for standing, ways in STANDINGS.items() if not ways] == ["gone"]


def test_a_worker_is_asked_with_a_nonce():
    history = active()
    assert standing_of(worker(history)) == "fresh"
    history.ask(1)
    assert told(history) == [Reattest(nonce=worker(history).asked)]
    assert standing_of(worker(history)) == "asked"
    assert history.told()[-1] == "worker-admitted"


def test_what_it_shows_is_in_the_log_and_counts_from_now_on():
    history = active()
    history.wait(50)
    history.ask(1)
    history.wait(5)
    history.show(1)
    now = worker(history)
    assert (now.asked, now.attested_at, standing_of(now)) == (None, history.now, "fresh")
    said = history.entries[-1].content
    assert (said.kind, said.instance, said.policy) == (
        "worker-reattested",
        instance(1),
        "worker-snp",
    )
    assert said.reattested == now.reattested.digest
    assert said.result == content_digest(now.result.to_bytes())


def test_a_worker_that_does_not_answer_is_out_the_next_time():
    history = active()
    history.submit("matches", 1)
    history.ask(1)
    history.ask(1)
    assert history.room.workers == {}
    assert do.Dismiss(instance(1)) in history.effects
    assert history.run().code == WorkerLost.code
    assert "worker-left" in history.told()


@pytest.mark.parametrize("nonce", [b"\x07" * 32, bytes(32)])
def test_what_was_not_asked_for_does_not_count(nonce):
    history = active()
    with pytest.raises(AdmissionRefused, match="was not asked for"):
        history.show(1, nonce=nonce)
    history.ask(1)
    before = history.room
    with pytest.raises(AdmissionRefused, match="was not asked for"):
        history.show(1, nonce=nonce)
    assert history.room is before


def test_an_answer_counts_once():
    history = active()
    history.ask(1)
    nonce = worker(history).asked
    history.show(1)
    with pytest.raises(AdmissionRefused, match="was not asked for"):
        history.show(1, nonce=nonce)


def test_evidence_under_a_policy_that_is_not_the_roles_does_not_count():
    history = active()
    history.ask(1)
    with pytest.raises(AdmissionRefused, match="meets no policy of role 'cpu'"):
        history.show(1, policy="coordinator-snp")


def test_a_worker_that_has_left_is_not_asked():
    history = active()
    history.leave(1)
    before = history.room
    assert history.ask(1).room is before


def test_no_run_starts_on_old_evidence():
    history = active(**AGED)
    history.wait(MOST_S + 1)
    history.submit("matches", 1)
    assert history.run().phase == "submitted"
    history.ask(1)
    history.show(1)
    assert history.run().phase == "running"


def test_evidence_as_old_as_agreed_is_not_too_old():
    history = active(**AGED)
    history.wait(MOST_S)
    history.submit("matches", 1)
    assert history.run().phase == "running"


def test_without_an_age_any_evidence_starts_a_run():
    history = active()
    history.wait(100 * MOST_S)
    history.submit("matches", 1)
    assert history.run().phase == "running"


def test_a_gang_that_forms_too_slowly_gets_no_keys():
    history = active(**AGED)
    history.join(2)
    history.submit("overlap", 1)
    assert any(isinstance(message, Provision) for message in told(history))
    for number in (1, 2):
        history.equip(number)
    history.wait(MOST_S + 1)
    for number in (1, 2):
        history.ready(number)
    assert history.run().code == WorkerLost.code
    assert "keys-granted" not in history.told()


def test_a_receipt_names_what_was_shown_while_the_run_went_on():
    history = active()
    history.submit("matches", 1)
    history.ask(1)
    history.show(1)
    history.complete()
    room, run = history.room, history.run()
    said = composed(room, run, room.in_force(history.now), history.now).predicate
    assert said.workers[0].reattested == worker(history).reattested.digest
    assert said.workers[0].join == worker(history).join.digest


def test_a_finished_run_keeps_the_evidence_that_it_was_released_with():
    history = active()
    history.submit("matches", 1)
    history.complete()
    gang = history.run().gang
    history.ask(1)
    history.show(1)
    assert history.room.run(run_name(1)).gang == gang
    assert replace(worker(history), run=None).reattested is not None
