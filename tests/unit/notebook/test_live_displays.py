"""Watching a training in a notebook: its curve grows in one place; an interrupt asks first."""

from datetime import timedelta

import pytest

from cleanroom.client.growing import Growing
from cleanroom.notebook.live import Board, watch
from cleanroom.protocol.run import LiveValue, RunEvent
from tests.support.manifests import NOW
from tests.support.receipts import RUN


def value(number, at, part="test"):
    return LiveValue(output="course", round=at, metric="log_loss", part=part, value=number)


def event(sequence, phase, percent, *values, code=None):
    return RunEvent(
        run=RUN,
        sequence=sequence,
        at=NOW + timedelta(seconds=sequence),
        phase=phase,
        stage="train",
        percent=percent,
        code=code,
        live=list(values),
    )


TRAINING = [
    event(0, "running", 10, value(0.7, 1), value(0.6, 1, "train")),
    event(1, "running", 40),
    event(2, "running", 80, value(0.5, 2), value(0.3, 2, "train")),
]
OVER = event(3, "released", 100)
ABORTED = event(3, "aborted", 100, code="CR-6004")


def test_a_run_that_lost_a_worker_says_so_and_its_bars_begin_again():
    again = event(1, "running", 5).model_copy(update={"lost": 1, "resumed": 50})
    board = Board("model").add(event(0, "running", 60)).add(again)
    assert board.line == "⏳ model: train 5 % (worker lost, resumed at round 50)"
    assert 'value="60"' not in board._repr_mimebundle_()["text/html"]


class FollowedRun:
    """As much of a run as `watch` asks for; each watch is the next of `stories`."""

    computation = "model"

    def __init__(self, *stories):
        self.stories, self.cancelled = list(stories), False

    def watch(self, timeout=None):
        assert timeout is None or timeout > 0
        for one in self.stories.pop(0):
            if one is KeyboardInterrupt:
                raise KeyboardInterrupt
            yield one

    def cancel(self):
        self.cancelled = True
        return self


class Place:
    """One place of a notebook, and all that was shown there."""

    def __init__(self, first):
        self.shown = [first]

    def update(self, shown):
        self.shown.append(shown)


@pytest.fixture
def places(monkeypatch):
    """The places that were made, in order."""
    made = []

    def display(shown, *, display_id):
        assert display_id
        made.append(Place(shown))
        return made[-1]

    monkeypatch.setattr("IPython.display.display", display)
    return made


def test_a_board_tells_the_last_value_and_how_it_came():
    board = Board("model")
    for one in TRAINING:
        board.add(one)
    assert board.line == "⏳ model: train 80 %  log_loss (test) 0.5 █▁  log_loss (train) 0.3 █▁"


def test_a_value_that_is_told_again_counts_once():
    growing = Growing().add(TRAINING[0]).add(TRAINING[0])
    assert growing.line == "log_loss (test) 0.7 ▁  log_loss (train) 0.6 ▁"


def test_a_long_curve_shows_its_end():
    growing = Growing()
    for number in range(1, 100):
        growing.add(event(number, "running", number, value(1 / number, number)))
    assert growing.line.startswith("log_loss (test) 0.010101 ")
    assert len(growing.line.rpartition(" ")[2]) == 24


def test_the_curve_grows_in_a_place_of_its_own(places):
    watch(FollowedRun([*TRAINING, OVER]))
    line, curve = places
    assert len(line.shown) == 5
    assert [len(picture.axes[0].lines[0].get_xdata()) for picture in curve.shown] == [1, 1, 2]
    (axes,) = curve.shown[-1].axes
    assert axes.get_title() == "log_loss"
    assert [line.get_label() for line in axes.lines] == ["test", "train"]
    assert axes.lines[1].get_xydata().tolist() == [[1, 0.6], [2, 0.3]]


def test_who_is_told_no_values_sees_no_curve(places):
    watch(FollowedRun([one.model_copy(update={"live": []}) for one in TRAINING] + [OVER]))
    assert len(places) == 1


def test_an_interrupt_that_is_meant_cancels_the_run_and_waits_for_its_end(places):
    run, asked = FollowedRun([TRAINING[0], KeyboardInterrupt], [ABORTED]), []
    assert watch(run, ask=lambda question: asked.append(question) or "y") is run
    assert run.cancelled
    assert asked == ["end the run itself? it counts as used (y/N) "]
    assert "aborted" in places[0].shown[-1].line


@pytest.mark.parametrize("answer", ["", "n", EOFError, NotImplementedError])
def test_an_interrupt_that_is_not_meant_or_not_answered_leaves_the_run_alone(places, answer):
    def ask(_question):
        if isinstance(answer, str):
            return answer
        raise answer

    run = FollowedRun([TRAINING[0], KeyboardInterrupt])
    with pytest.raises(KeyboardInterrupt):
        watch(run, ask=ask)
    assert not run.cancelled
    assert len(places) == 2
