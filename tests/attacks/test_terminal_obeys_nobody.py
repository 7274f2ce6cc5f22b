"""Somebody writes what a terminal obeys: a stranger into a refusal, a partner into a row."""

import grpc
import pyarrow as pa
import pytest
from google.rpc import code_pb2
from grpc_status import rpc_status

from cleanroom.cli import console
from cleanroom.client.display import html_table, text_table
from cleanroom.errors import ManifestRule, Problem
from cleanroom.legible import legible
from cleanroom.wire.errors import from_rpc, to_status
from tests.support.mutants import assert_mutant_is_caught, hands_back

ESCAPES = "\x1b[2J\x1b[1;1H\x9b31m\u202everified\x07\r\nok \u200b"
"""Clears the screen, goes to its corner, turns text around, rings, begins another line."""


class Answer(grpc.RpcError, grpc.Call):
    """A refusal as it arrives from somebody at the address."""

    def __init__(self, status):
        self._status = rpc_status.to_status(status)

    def code(self):
        return self._status.code

    def details(self):
        return self._status.details

    def trailing_metadata(self):
        return self._status.trailing_metadata

    def initial_metadata(self):
        return ()

    def is_active(self):
        return False

    def time_remaining(self):
        return None

    def cancel(self):
        return False

    def add_callback(self, _callback):
        return False


def a_refusal_is_one_line_of_text():
    problems = [Problem(f"wrong {ESCAPES}", where=f"a.{ESCAPES}")]
    status = to_status(ManifestRule(f"no {ESCAPES}", hint=ESCAPES, problems=problems))
    assert status.code == code_pb2.INVALID_ARGUMENT
    found = from_rpc(Answer(status), "the room")
    assert type(found) is ManifestRule
    (problem,) = found.problems
    for text in (found.message, found.hint, problem.message, problem.where):
        assert text.isprintable()
        assert "verified" in text


def test_a_stranger_writes_nothing_into_a_terminal_but_text():
    a_refusal_is_one_line_of_text()


@pytest.mark.parametrize(
    "shown",
    [
        lambda rows: console.table(("name", "note"), rows),
        lambda rows: text_table("a table", ("name", "note"), rows),
    ],
    ids=["command line", "notebook"],
)
def test_a_partners_values_stay_in_their_cells(shown):
    given = pa.table({"name": ["ann", ESCAPES], "note": [ESCAPES, "plain"]})
    rows = [tuple(row.values()) for row in given.to_pylist()]
    lines = shown(rows).split("\n")
    assert len(lines) == len(shown([("ann", "x"), ("bob", "plain")]).split("\n"))
    assert all(line.isprintable() for line in lines)


def test_a_page_keeps_its_own_tags():
    page = html_table("a table", ("name",), [("<script>alert(1)</script>",)])
    assert "<script>" not in page


@pytest.mark.parametrize("text", ["plain", "Ünïcödé — 数据 🙂", "", "two  blanks"])
def test_what_can_be_read_stays_as_it_is(text):
    assert legible(text) == text


def test_the_story_notices_errors_that_arrive_as_they_are(monkeypatch):
    assert_mutant_is_caught(
        monkeypatch, "cleanroom.wire.errors:legible", hands_back(), a_refusal_is_one_line_of_text
    )
