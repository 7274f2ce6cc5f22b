"""Problems are shown on the author's line, with a caret under the word at fault."""

import pytest

from cleanroom.errors import ManifestSyntax, Problem
from cleanroom.manifest.diagnostics import WIDEST_LINE, render
from cleanroom.manifest.document import read_document

TEXT = "metadata:\n  mode: prodution\n"


def test_problem_is_shown_like_a_compiler_does():
    problem = Problem(
        "'prodution' is not one of 'production' or 'development'",
        "metadata.mode",
        2,
        9,
        "did you mean 'production'?",
    )
    assert render([problem], TEXT, "cleanroom.yaml", code="CR-1002") == (
        "error[CR-1002]: 'prodution' is not one of 'production' or 'development'\n"
        " --> cleanroom.yaml:2:9\n"
        "  |\n"
        "2 |   mode: prodution\n"
        "  |         ^^^^^^^^^\n"
        "  = help: did you mean 'production'?\n"
        "\n"
        "1 problem in cleanroom.yaml\n"
    )


def test_problems_are_shown_in_the_order_of_the_text():
    shown = render(
        [Problem("second", line=2, column=1), Problem("first", line=1, column=1)], TEXT, "x"
    )
    assert shown.index("first") < shown.index("second")
    assert shown.endswith("2 problems in x\n")


def test_problem_without_a_place_is_shown_by_its_path():
    shown = render([Problem("wrong", "a.b")], TEXT, "x", code="CR-1003")
    assert shown.startswith("error[CR-1003]: wrong\n  --> x: a.b\n")


@pytest.mark.parametrize(
    ("line", "column", "carets"),
    [
        ('a: "b c" # d', 4, 5),
        ("a: [b, c]", 5, 1),
        ("a: 12:30:45, x", 4, 8),
        ("a:", 3, 1),
        ("a: b", 1, 1),
    ],
)
def test_carets_are_as_wide_as_the_word_at_fault(line, column, carets):
    shown = render([Problem("wrong", line=1, column=column)], line, "x")
    assert shown.splitlines()[4].partition("| ")[2] == " " * (column - 1) + "^" * carets


def test_long_line_is_cut_around_the_fault():
    line = "k: " + "x" * 500 + " fault"
    shown = render([Problem("wrong", line=1, column=505)], line, "x").splitlines()
    assert len(shown[3]) <= WIDEST_LINE + 10
    caret = shown[4].index("^")
    assert shown[3][caret : caret + 5] == "fault"


def test_what_the_reader_refuses_is_shown_whole():
    text = "a: no\nb: 010\n"
    with pytest.raises(ManifestSyntax) as refused:
        read_document(text, name="x")
    shown = render(refused.value.problems, text, "x", code=refused.value.code)
    assert "1 | a: no\n  |    ^^\n" in shown
    assert "2 | b: 010\n  |    ^^^\n" in shown
