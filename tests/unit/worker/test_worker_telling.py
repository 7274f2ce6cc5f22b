"""A training tells its progress at once, then at most once in a second, and loses no value."""

import itertools

from hypothesis import given
from hypothesis import strategies as st

from cleanroom.protocol.run import MOST_LIVE, LiveValue
from enclave.worker.telling import Teller


def value(number):
    return LiveValue(output="curve", round=number, metric="log_loss", part="test", value=0.5)


class Listener:
    """What was said, and when."""

    def __init__(self):
        self.now, self.said = 0.0, []

    def advance(self, stage, percent, live=()):
        assert stage == "train"
        self.said.append((self.now, percent, [each.round for each in live]))


def told(steps, each=1):
    """What is told of a training whose rounds take these seconds, `each` values for each."""
    listener = Listener()
    teller = Teller(listener.advance, lambda: listener.now)
    numbers = itertools.count(1)
    for done, seconds in enumerate(steps, 1):
        listener.now += seconds
        teller.take(100 * done // len(steps), [value(next(numbers)) for _ in range(each)])
    return listener.said


def test_what_waits_when_a_training_stops_early_is_told_when_it_is_over():
    listener = Listener()
    teller = Teller(listener.advance, lambda: listener.now)
    for done in (1, 2, 3):
        teller.take(done, [value(done)])
    teller.rest()
    teller.rest()
    assert listener.said == [(0.0, 1, [1]), (0.0, 3, [2, 3])]


def test_the_first_round_is_told_at_once_and_the_next_ones_wait():
    assert told([0.1] * 5) == [(0.1, 20, [1]), (0.5, 100, [2, 3, 4, 5])]


def test_slow_rounds_are_told_one_by_one():
    assert [rounds for _, _, rounds in told([2.0] * 3)] == [[1], [2], [3]]


@given(st.lists(st.floats(0, 1.5), min_size=1, max_size=60), st.integers(0, 70))
def test_no_value_is_lost_and_nothing_is_told_too_often(steps, each):
    said = told(steps, each)
    rounds = [number for _, _, numbers in said for number in numbers]
    assert rounds == list(range(1, each * len(steps) + 1))
    assert all(len(numbers) <= MOST_LIVE for _, _, numbers in said)
    before_end = [at for at, percent, _ in said if percent < 100]
    assert all(later - earlier >= 1 for earlier, later in itertools.pairwise(before_end))
