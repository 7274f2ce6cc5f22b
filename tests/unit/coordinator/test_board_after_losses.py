"""What watchers of a run are told once it has lost a worker: that it did, and nothing twice."""

from cleanroom.protocol.run import LiveValue
from cleanroom.protocol.work import Progress
from enclave.coordinator.watching import Board
from tests.support.lost_gangs import again, running_training, training


def value(number, part="test"):
    return LiveValue(output="course", round=number, metric="log_loss", part=part, value=0.5)


def told(board, history):
    return board.after(history.run(), history.now, 0, 0)


def say(board, history, percent, *values):
    said = Progress(run=history.run().name, stage="train", percent=percent, live=list(values))
    board.progress(history.run(), history.now, said)


def test_values_that_an_earlier_gang_told_are_not_told_again():
    board, history = Board(), running_training()
    say(board, history, 10, value(1), value(2))
    history.leave(1)
    again(history, 3, 4)
    say(board, history, 10, value(2), value(2, "training"), value(3))
    live = [each for event in told(board, history) for each in event.live]
    assert live == [value(1), value(2), value(2, "training"), value(3)]


def test_a_loss_is_told_with_the_round_from_which_it_goes_on():
    board, history = Board(), running_training()
    board.announce(history.run(), history.now)
    history.snapshot(rounds=30)
    history.leave(1)
    board.announce(history.run(), history.now)
    again(history, 3, 4)
    # what the new gang keeps is nothing that was resumed from
    history.snapshot(worker=3, content=b"further", rounds=60)
    board.announce(history.run(), history.now)
    assert [(one.phase, one.lost, one.resumed) for one in told(board, history)] == [
        ("running", 0, 0),
        ("submitted", 1, 30),
        ("running", 1, 30),
    ]


def test_a_loss_is_told_where_another_worker_is_there_at_once():
    board, history = Board(), training(count=1)
    history.join(1)
    history.join(2)
    history.submit("model")
    board.announce(history.run(), history.now)
    history.leave(1)
    board.announce(history.run(), history.now)
    assert [(one.phase, one.lost) for one in told(board, history)] == [
        ("running", 0),
        ("running", 1),
    ]


def test_a_run_that_lost_nobody_says_nothing_of_it():
    board, history = Board(), running_training()
    board.announce(history.run(), history.now)
    [event] = told(board, history)
    assert not {"lost", "resumed"} & set(event.to_plain())
