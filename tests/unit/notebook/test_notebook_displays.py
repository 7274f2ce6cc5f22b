"""Pictures show what a result holds and no more; displays shrink to what may be saved."""

import re
import subprocess
import sys
from datetime import date, timedelta

import pyarrow as pa
import pytest

from cleanroom import notebook
from cleanroom.client.growing import Growing
from cleanroom.client.points import in_words, sparkline
from cleanroom.client.receipts import Receipt
from cleanroom.client.results import Result
from cleanroom.errors import GroupTooSmall, Usage
from cleanroom.ledger.entry import OutputRecord
from cleanroom.notebook.live import STAGES, Board
from cleanroom.protocol.run import Delivery, RunEvent
from tests.support.manifests import NOW, good_manifest
from tests.support.receipts import RUN, Draft, good_receipt, receipt_manifest, replaced

PLAIN_TAGS = {
    "b",
    "table",
    "caption",
    "thead",
    "tbody",
    "tr",
    "th",
    "td",
    "code",
    "sub",
    "progress",
}


def receipt_of(computation):
    record = Draft(change_predicate=replaced(computation=computation)).receipt()
    return Receipt(record, allow_simulated=True)


def result_of(table, output, computation, *, suppressed=False):
    record = OutputRecord(
        output=output, recipient="bank", digest="sha256:" + "0" * 64, size=1, suppressed=suppressed
    )
    delivery = Delivery(run=RUN, output=record, sealed_key=b"sealed")
    return Result(table, delivery, receipt_of(computation))


def count_of(number, **rest):
    table = pa.table({"overlap": pa.array([number], pa.int64())})
    return result_of(table, "size", "overlap", **rest)


def rows_of(rows=40, **rest):
    table = pa.table(
        {
            "left.email": [f"p{n}@example.org" for n in range(rows)],
            "left.income": pa.array([1000 * n for n in range(rows)], pa.int64()),
            "left.segment": [("basic", "gold", "private")[n % 3] for n in range(rows)],
            "right.favourite": [None if n == 0 else "books" for n in range(rows)],
            "right.spend": pa.array(range(rows), pa.int64()),
        }
    )
    return result_of(table, "for-bank", "matches", **rest)


MATCHES = "computations__matches"
MAIL = {"name": "email", "type": "string", "role": "identity"}
TRAINING = {
    "datasets__customers__columns": [MAIL, {"name": "income", "type": "int64", "role": "feature"}],
    "datasets__baskets__columns": [
        MAIL,
        {"name": "spend", "type": "int64", "role": "feature"},
        {"name": "paid", "type": "bool", "role": "label"},
    ],
    f"{MATCHES}__op": "train.linear",
    f"{MATCHES}__task": "classification",
    f"{MATCHES}__parameters": {},
    f"{MATCHES}__inputs__left__columns": ["email", "income"],
    f"{MATCHES}__inputs__right__columns": ["email", "paid", "spend"],
    f"{MATCHES}__outputs": {
        "for-bank": {"kind": "metrics", "recipients": ["bank"]},
        "for-shop": {"kind": "importance", "recipients": ["bank"]},
        "whole": {"kind": "model", "recipients": ["bank"]},
        "curves": {"kind": "evaluation", "recipients": ["bank"]},
        "course": {"kind": "curve", "recipients": ["bank"]},
    },
}


def trained(monkeypatch, output, table, **rest):
    """A result of a training; its receipt is of the good manifest, which is replaced."""
    manifest = good_manifest(**TRAINING)
    monkeypatch.setattr("cleanroom.notebook.picture.manifest_of", lambda _result: manifest)
    return result_of(table, output, "matches", **rest)


SCORES = pa.table({"metric": ["accuracy", "auc", "log_loss"], "value": [0.8, None, 1.5]})
SHARES = pa.table(
    {
        "owner": ["bank", "shop", "shop"],
        "column": ["left.income", "right.spend", "right.visits"],
        "share": [0.4, 0.5, 0.1],
    }
)


JOINT, ALONE = "bank, shop", "bank"
COMPARED = pa.table(
    {
        "owners": [JOINT, JOINT, ALONE, ALONE],
        "metric": ["accuracy", "auc"] * 2,
        "value": [0.8, 0.9, 0.6, None],
    }
)


def points_of(*owners, class_="$\\true"):
    """Two points for each model; the class is a text that no typesetter likes."""
    return pa.table(
        {
            "owners": [name for name in owners for _ in range(2)],
            "class": [class_] * 2 * len(owners),
            "share": [0.25, 1.0] * len(owners),
            "tpr": [0.75, 1.0] * len(owners),
            "fpr": [0.1, 1.0] * len(owners),
            "said": [0.9, 0.2] * len(owners),
            "found": [0.8, 0.1] * len(owners),
        }
    )


ROUNDS = pa.table(
    {
        "round": [1, 1, 2, 2],
        "metric": ["logloss"] * 4,
        "part": ["training", "test"] * 2,
        "value": [0.6, 0.7, 0.3, 0.5],
    }
)
REGRESSED = points_of("bank", class_="").set_column(3, "tpr", pa.nulls(2, pa.float64()))
REGRESSED = REGRESSED.set_column(4, "fpr", pa.nulls(2, pa.float64()))


def texts(picture):
    return " | ".join(
        each.get_text()
        for each in picture.findobj(match=lambda artist: hasattr(artist, "get_text"))
    )


# --- trainings ------------------------------------------------------------------------------------


def test_metrics_are_drawn_each_in_its_own_unit(monkeypatch):
    picture = trained(monkeypatch, "for-bank", SCORES).plot()
    titles = [axes.get_title() for axes in picture.axes]
    assert titles == ["accuracy: 0.8", "auc: not defined", "log_loss: 1.5"]
    assert picture.axes[0].patches[0].get_height() == 0.8
    assert picture.axes[0].get_ylim() == (0, 1)


def test_metrics_that_are_compared_stand_beside_each_other(monkeypatch):
    result = trained(monkeypatch, "for-bank", COMPARED)
    assert result.metrics == {"accuracy": 0.8, "auc": 0.9}
    assert result.comparison[ALONE] == {"accuracy": 0.6, "auc": None}
    first, second = result.plot().axes
    assert [bar.get_height() for bar in first.patches] == [0.8, 0.6]
    assert "bank\nnot defined" in texts(second)


def test_a_metric_that_only_the_joint_model_has_stands_alone(monkeypatch):
    more = pa.table({"owners": [JOINT], "metric": ["auc_mean"], "value": [0.85]})
    picture = trained(monkeypatch, "for-bank", pa.concat_tables([COMPARED, more])).plot()
    assert picture.axes[2].get_title() == "auc_mean: 0.85"


def test_an_evaluation_is_drawn_as_roc_lift_and_calibration(monkeypatch):
    result = trained(monkeypatch, "curves", points_of(JOINT, ALONE))
    roc, lift, calibration = result.plot().axes
    assert [axes.get_title() for axes in (roc, lift, calibration)] == ["ROC", "lift", "calibration"]
    assert roc.lines[0].get_xydata().tolist() == [[0, 0], [0.1, 0.75], [1, 1]]
    assert lift.lines[1].get_xydata().tolist() == [[0.25, 3], [1, 1]]
    assert calibration.lines[0].get_xydata().tolist() == [[0.9, 0.8], [0.2, 0.1]]
    labels = [line.get_text() for line in roc.get_legend().get_texts()]
    assert labels == [rf"{JOINT}: \$\true", rf"{ALONE}: \$\true", "chance"]


@pytest.mark.parametrize("kind", ["roc", "lift", "calibration"])
def test_one_picture_of_an_evaluation_is_the_same_bytes_each_time(monkeypatch, tmp_path, kind):
    result = trained(monkeypatch, "curves", points_of(JOINT, ALONE))
    first, second = (result.save_plot(tmp_path / name, kind) for name in ("1.svg", "2.svg"))
    assert first.read_bytes() == second.read_bytes()
    assert len(result.plot(kind).axes) == 1


def test_a_regression_has_a_calibration_only(monkeypatch):
    result = trained(monkeypatch, "curves", REGRESSED)
    assert [axes.get_title() for axes in result.plot().axes] == ["calibration"]
    with pytest.raises(Usage, match=r"the picture is 'roc', expected one of \['calibration'\]"):
        result.plot("roc")


def test_a_curve_is_drawn_by_its_parts(monkeypatch):
    (axes,) = trained(monkeypatch, "course", ROUNDS).plot().axes
    assert axes.get_title() == "logloss"
    assert axes.lines[0].get_xydata().tolist() == [[1, 0.6], [2, 0.3]]
    assert [line.get_label() for line in axes.lines] == ["training", "test"]
    assert Growing.of(ROUNDS).lines == [
        ("logloss (training) 0.3", "█▁"),
        ("logloss (test) 0.5", "█▁"),
    ]


def test_a_picture_that_there_is_not(monkeypatch):
    with pytest.raises(Usage, match=r"the picture is 'roc', expected one of \['metrics'\]"):
        trained(monkeypatch, "for-bank", SCORES).plot("roc")


def test_an_evaluation_is_told_in_lines_of_text(monkeypatch):
    result = trained(monkeypatch, "curves", points_of(JOINT))
    assert in_words(result.table) == [(f"{JOINT}: $\\true", "▁█", "3.0 times at 25%", "█▁")]
    assert in_words(REGRESSED) == [("bank", "", "", "█▁")]
    assert sparkline([]) == ""
    assert sparkline([2.0, 2.0]) == "▁▁"


def test_importance_is_grouped_by_owner_the_most_important_first(monkeypatch):
    (axes,) = trained(monkeypatch, "for-shop", SHARES).plot().axes
    assert [label.get_text() for label in axes.get_yticklabels()] == [
        "right.spend",
        "right.visits",
        "left.income",
    ]
    assert [bar.get_width() for bar in axes.patches] == [0.4, 0.5, 0.1]
    assert "shop: 60%" in texts(axes)
    assert "bank: 40%" in texts(axes)


@pytest.mark.parametrize(
    ("output", "table"),
    [("for-bank", SCORES), ("for-shop", SHARES), ("curves", points_of("bank")), ("course", ROUNDS)],
)
def test_what_is_withheld_of_a_training_is_an_empty_frame(monkeypatch, output, table):
    withheld = trained(monkeypatch, output, table.slice(0, 0), suppressed=True)
    assert "withheld by the gate" in texts(withheld.plot())
    with pytest.raises(GroupTooSmall, match="too little to train or test a model"):
        withheld.require()


def test_a_model_has_no_picture(monkeypatch):
    table = pa.table({"description": ["{}"], "booster": [b""]})
    with pytest.raises(Usage, match="is a model, expected numbers or rows"):
        trained(monkeypatch, "whole", table).plot()


def test_metrics_are_told_by_name_and_other_results_have_none(monkeypatch):
    scores = trained(monkeypatch, "for-bank", SCORES)
    assert scores.metrics == {"accuracy": 0.8, "auc": None, "log_loss": 1.5}
    with pytest.raises(Usage, match=r"expected \['metric', 'value'\]"):
        _ = trained(monkeypatch, "for-shop", SHARES).metrics
    with pytest.raises(Usage, match=r"expected \['description', 'booster'\]"):
        _ = scores.model


# --- pictures -------------------------------------------------------------------------------------


def test_a_count_is_drawn_with_the_interval_of_its_rounding():
    picture = notebook.overlap_bars(count_of(1230))
    assert "1,230 ± 5" in texts(picture)
    (axes,) = picture.axes
    bar = axes.patches[0]
    assert bar.get_width() == 1230
    (segment,) = axes.collections[0].get_segments()
    assert segment[:, 0].tolist() == [1225.0, 1235.0]


def test_several_counts_are_drawn_below_each_other():
    picture = notebook.overlap_bars([count_of(100), count_of(200)])
    assert [bar.get_width() for bar in picture.axes[0].patches] == [100, 200]


def test_a_withheld_count_has_no_bar_and_says_why():
    picture = notebook.overlap_bars(count_of(None, suppressed=True))
    assert list(picture.axes[0].patches) == []
    assert "withheld: fewer than 100" in texts(picture)


def test_rows_are_drawn_column_by_column_without_identities():
    picture = notebook.matching_rows(rows_of())
    titles = [axes.get_title() for axes in picture.axes if axes.get_title()]
    assert titles == ["left.income", "left.segment", "right.favourite, 1 without", "right.spend"]
    assert "example.org" not in texts(picture)
    segments = picture.axes[1]
    assert [bar.get_width() for bar in segments.patches] == [14, 13, 13]
    assert sum(bar.get_height() for bar in picture.axes[0].patches) == 40


def test_withheld_rows_are_an_empty_frame_that_says_so():
    picture = notebook.matching_rows(rows_of(0, suppressed=True))
    assert "withheld by the gate" in texts(picture)
    assert sum(len(axes.patches) for axes in picture.axes) == 0


def test_many_values_are_drawn_together():
    values = [f"value-{n:02}" for n in range(30)] + ["value-00"]
    table = pa.table({"left.segment": values})
    picture = notebook.matching_rows(result_of(table, "for-bank", "matches"))
    labels = [label.get_text() for label in picture.axes[0].get_yticklabels()]
    assert labels[0] == "value-00"
    assert labels[-1] == "(others)"
    assert sum(bar.get_width() for bar in picture.axes[0].patches) == 31


def test_dates_are_a_histogram():
    days = [date(2020, 1, 1) + timedelta(days=n) for n in range(50)]
    table = pa.table({"left.since": pa.array(days, pa.date32())})
    picture = notebook.matching_rows(result_of(table, "for-bank", "matches"))
    assert sum(bar.get_height() for bar in picture.axes[0].patches) == 50


def test_a_result_draws_itself_and_says_that_it_is_simulated():
    for result in (count_of(120), rows_of()):
        assert "[simulated]" in texts(result.plot())


@pytest.mark.parametrize(
    ("draw", "result", "message"),
    [
        (notebook.overlap_bars, rows_of(), "rows of a table, expected a count"),
        (notebook.matching_rows, count_of(120), "a count, expected rows"),
    ],
)
def test_the_wrong_picture_is_refused(draw, result, message):
    with pytest.raises(Usage, match=message):
        draw(result)


@pytest.mark.parametrize("suffix", [".svg", ".png", ".pdf"])
def test_the_same_picture_is_the_same_bytes(tmp_path, suffix):
    first = notebook.save(count_of(1230).plot(), tmp_path / f"first{suffix}")
    second = notebook.save(count_of(1230).plot(), tmp_path / f"second{suffix}")
    assert first.read_bytes() == second.read_bytes()
    assert len(first.read_bytes()) > 1000


def test_a_picture_is_saved_in_known_formats_only(tmp_path):
    with pytest.raises(Usage, match=r"expected a name in .svg, .png, .pdf"):
        notebook.save(count_of(1230).plot(), tmp_path / "overlap.gif")
    assert list(tmp_path.iterdir()) == []


def test_a_notebook_shows_a_picture_as_svg():
    assert count_of(1230).plot()._repr_svg_().lstrip().startswith("<?xml")


def test_plots_leave_no_global_state():
    code = (
        "import sys\nimport cleanroom.notebook as n\nassert 'matplotlib' not in sys.modules\n"
        "n.plot_result\nassert 'matplotlib' in sys.modules\n"
        "assert 'matplotlib.pyplot' not in sys.modules\nassert 'IPython' not in sys.modules\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, check=False, text=True)
    assert done.returncode == 0, done.stderr


def test_a_name_that_is_not_there_is_an_attribute_error():
    with pytest.raises(AttributeError, match="no attribute 'upset'"):
        notebook.upset  # noqa: B018


# --- live -----------------------------------------------------------------------------------------


def event(sequence, phase, stage, percent, code=None):
    return RunEvent(
        run=RUN,
        sequence=sequence,
        at=NOW + timedelta(seconds=sequence),
        phase=phase,
        stage=stage,
        percent=percent,
        code=code,
    )


STORY = [
    event(0, "submitted", "queued", 0),
    event(1, "running", "read", 40),
    event(2, "running", "compute", 10),
    event(7, "released", "seal", 100),
]


class FollowedRun:
    """As much of a run as `watch` asks for."""

    computation = "overlap"

    def __init__(self, events):
        self._events = events

    def watch(self, timeout=None):
        assert timeout is None or timeout > 0
        yield from self._events


def html_of(board):
    return board._repr_mimebundle_()["text/html"]


def test_a_running_run_has_a_line_for_each_stage():
    board = Board("overlap")
    for one in STORY[:2]:
        board.add(one)
    assert board.line == "⏳ overlap: read 40 %"
    assert html_of(board).count("<progress") == len(STAGES)
    assert '<td>read</td><td><progress value="40" max="100">' in html_of(board)
    assert '<td>fetch</td><td><progress value="100" max="100">' in html_of(board)


def test_what_stays_of_a_run_is_one_line():
    board = Board("overlap")
    for one in STORY:
        board.add(one)
    assert html_of(board) == "✅ overlap released after 7 s"


def test_a_failed_run_says_its_code():
    board = Board("overlap").add(STORY[0]).add(event(3, "failed", "gate", 0, "CR-6003"))
    assert board.line == "❌ overlap failed (CR-6003) after 3 s"


def test_a_board_without_events_waits():
    assert Board("overlap").line == "⏳ overlap: waiting"


def test_watch_updates_one_place_with_every_event(monkeypatch):
    import IPython.display

    seen = []

    class Place:
        def update(self, board):
            seen.append(board.line)

    def display(board, *, display_id):
        assert display_id is True
        seen.append(board.line)
        return Place()

    monkeypatch.setattr(IPython.display, "display", display)
    run = FollowedRun(STORY)
    assert notebook.watch(run) is run
    assert seen == [
        "⏳ overlap: waiting",
        "⏳ overlap: queued 0 %",
        "⏳ overlap: read 40 %",
        "⏳ overlap: compute 10 %",
        "✅ overlap released after 7 s",
    ]


# --- proof ----------------------------------------------------------------------------------------


def proof():
    verified = Receipt(good_receipt(), allow_simulated=True).verify(receipt_manifest())
    return notebook.proof(verified)


def test_a_proof_names_what_is_proven():
    shown = repr(proof())
    for part in ("SIMULATED", RUN, "customers of bank", "size to shop", "1 of 10", "worker-snp"):
        assert part in shown


def test_displays_use_only_what_every_notebook_keeps():
    board = Board("overlap").add(STORY[1])
    for shown in (html_of(board), proof()._repr_mimebundle_()["text/html"]):
        assert set(re.findall(r"</?([a-z]+)", shown)) <= PLAIN_TAGS
        assert re.findall(r"\b(?:style|class|id|on\w+)=", shown) == []
