"""`cleanroom run` and `result` of a training: a curve while it grows, cancelling, points, the card."""

import json
import threading
from contextlib import contextmanager
from datetime import timedelta

import pytest

from cleanroom.cli import console
from cleanroom.cli import run as verbs
from cleanroom.cli.main import run
from cleanroom.manifest.author import manifest_text
from cleanroom.protocol.run import LiveValue, RunEvent
from cleanroom.protocol.work import Failed, Finished, Progress
from tests.support.cards import TABLES, training_changes, written
from tests.support.hostile_room import identity_of
from tests.support.manifests import NOW
from tests.support.receipts import RUN
from tests.support.rooms import coordinator, room_manifest

CURVE = {"kind": "curve", "recipients": ["bank"], "live": True}


def value(number, output="course", at=None):
    return LiveValue(
        output=output, round=at or round(10 * number), metric="log_loss", part="test", value=number
    )


def event(sequence, phase, stage, percent, *values):
    return RunEvent(
        run=RUN,
        sequence=sequence,
        at=NOW + timedelta(seconds=sequence),
        phase=phase,
        stage=stage,
        percent=percent,
        code=None,
        live=list(values),
    )


STORY = [
    event(0, "running", "read", 100),
    event(1, "running", "train", 10, value(0.1)),
    event(2, "running", "train", 40),
    event(3, "running", "train", 80, value(0.2), value(0.4)),
    event(4, "released", "seal", 100),
]


class StartedRun:
    """As much of a run as following it needs."""

    id = RUN

    def __init__(self, events, *, interrupted=False):
        self.events, self.interrupted, self.cancelled = events, interrupted, False

    def watch(self):
        yield from self.events
        if self.interrupted:
            raise KeyboardInterrupt

    def cancel(self):
        self.cancelled = True
        return self


LOST = [
    event(0, "running", "train", 40),
    event(1, "submitted", "queued", 0).model_copy(update={"lost": 1, "resumed": 120}),
    event(2, "running", "train", 41).model_copy(update={"lost": 1, "resumed": 120}),
    event(3, "authorized", "provision", 0).model_copy(update={"lost": 2}),
]


# --- following ------------------------------------------------------------------------------------


def test_a_worker_that_was_lost_is_told_once_and_not_named(capsys):
    verbs._follow(StartedRun(LOST), as_json=False)
    assert capsys.readouterr().err.splitlines() == [
        "  12:00:00  running  train  40 %",
        "  12:00:01  worker lost, resumed at round 120",
        "  12:00:01  submitted",
        "  12:00:02  running  train  41 %",
        "  12:00:03  worker lost, others go on",
        "  12:00:03  authorized",
    ]


def test_a_pipe_gets_a_line_for_each_stage_and_each_time_that_values_are_told(capsys):
    verbs._follow(StartedRun(STORY), as_json=False)
    assert capsys.readouterr().err.splitlines() == [
        "  12:00:00  running  read 100 %",
        "  12:00:01  running  train  10 %  log_loss (test) 0.1 ▁",
        "  12:00:03  running  train  80 %  log_loss (test) 0.4 ▁▃█",
        "  12:00:04  released  log_loss (test) 0.4 ▁▃█",
    ]


def test_a_terminal_gets_one_line_for_each_stage_that_is_written_again(capsys, monkeypatch):
    monkeypatch.setattr("sys.stderr.isatty", lambda: True)
    verbs._follow(StartedRun(STORY), as_json=False)
    shown = capsys.readouterr().err
    assert shown.count(console.NEW_LINE) == 4
    assert shown.count(console.CLEAR) == 2
    assert shown.rstrip().endswith("released  log_loss (test) 0.4 ▁▃█")


def test_events_as_json_hold_their_values(capsys):
    verbs._follow(StartedRun(STORY), as_json=True)
    lines = [json.loads(line) for line in capsys.readouterr().err.splitlines()]
    assert [len(line.get("live", [])) for line in lines] == [0, 1, 0, 2, 0]


# --- interrupting ---------------------------------------------------------------------------------


def interrupted(monkeypatch, answer):
    monkeypatch.setattr("sys.stdin.isatty", lambda: True)
    monkeypatch.setattr("click.confirm", lambda *_, **__: answer)
    return StartedRun(STORY[:2], interrupted=True)


def test_an_interrupt_that_is_meant_cancels_the_run(monkeypatch, capsys):
    started = interrupted(monkeypatch, answer=True)
    verbs._follow(started, as_json=False)
    assert started.cancelled
    assert f"{RUN} is cancelled" in capsys.readouterr().err


def test_an_interrupt_that_is_not_meant_leaves_the_run_alone(monkeypatch, capsys):
    started = interrupted(monkeypatch, answer=False)
    with pytest.raises(KeyboardInterrupt):
        verbs._follow(started, as_json=False)
    assert not started.cancelled
    assert f"to end it: cleanroom cancel {RUN}" in capsys.readouterr().err


def test_an_interrupt_with_nobody_to_ask_leaves_the_run_alone(monkeypatch):
    started = interrupted(monkeypatch, answer=True)
    monkeypatch.setattr("sys.stdin.isatty", lambda: False)
    with pytest.raises(KeyboardInterrupt):
        verbs._follow(started, as_json=False)
    assert not started.cancelled


# --- in a real room -------------------------------------------------------------------------------


@pytest.fixture
def desk(tmp_path, monkeypatch):
    """The bank's directory before a room with a training, and the room."""

    def at(**outputs):
        manifest = room_manifest(**training_changes(outputs))
        running = coordinator(tmp_path / "room", manifest)
        (tmp_path / "cleanroom.yaml").write_text(manifest_text(manifest))
        identity_of("bank").save(tmp_path / "bank.key")
        monkeypatch.chdir(tmp_path)
        return running

    return at


@contextmanager
def trains(room, content=b"", *live):
    """A worker that takes one order in the background, says these values, and delivers, or fails."""

    def work():
        order = worker.next()
        for number in live:
            said = Progress(run=order.run, stage="train", percent=9, live=[value(number)])
            worker.report(said)
        done = Finished(run=order.run, outputs=worker.results(order, content)) if content else None
        worker.report(done or Failed(run=order.run, code="CR-6008"))

    with room.worker() as worker:
        thread = threading.Thread(target=work)
        thread.start()
        yield
        thread.join(20)


def filled(room):
    room.fill()
    return ["--coordinator", room.address, "--allow-simulated"]


def test_a_run_shows_its_curve_and_its_result_as_lines_and_as_a_card(desk, capsys, tmp_path):
    quality = {"kind": "metrics", "recipients": ["bank"], "compare": "alone"}
    with desk(quality=quality) as room:
        away = filled(room)
        with trains(room, written(TABLES["quality"])):
            assert run(["run", "matches", "-p", "rounds=40", *away]) == 0
        name = capsys.readouterr().out.strip()
        assert run(["result", "card", name, *away]) == 0
        card = json.loads(capsys.readouterr().out)
        assert run(["result", "card", name, "--out", "card.html", *away]) == 0
        assert run(["result", "show", name, *away]) == 0
    assert (card["run"], card["parameters"]) == (name, {"max_depth": 4, "rounds": 40})
    assert [line["value"] for line in card["metrics"]] == [0.9, 0.8, 0.7, None]
    assert name in (tmp_path / "card.html").read_text()
    assert "bank, shop  auc" in capsys.readouterr().out


def test_points_are_shown_as_lines_and_saved_as_a_picture(desk, capsys, tmp_path):
    with desk(curves={"kind": "evaluation", "recipients": ["bank"]}) as room:
        away = filled(room)
        with trains(room, written(TABLES["curves"])):
            assert run(["run", "matches", *away]) == 0
        name = capsys.readouterr().out.strip()
        assert run(["result", "show", name, *away]) == 0
        assert "bank, shop: true  ▁█    1.6 times at 50%" in capsys.readouterr().out
        plot = ["--plot", "roc.svg", "--picture", "roc"]
        assert run(["result", "get", name, *plot, *away]) == 0
        assert run(["result", "get", name, "--out", "2.csv", "--plot", "x.svg", *away]) == 0
    assert (tmp_path / "roc.svg").read_text().startswith("<?xml")


def test_live_values_reach_the_terminal_of_a_recipient(desk, capsys):
    with desk(course=CURVE) as room:
        away = filled(room)
        with trains(room, b"", 0.7, 0.5):
            assert run(["run", "matches", *away]) == 8
    assert "train   9 %  log_loss (test) 0.7 ▁█" in capsys.readouterr().err
