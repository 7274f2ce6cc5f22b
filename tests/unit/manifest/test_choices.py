"""What a submitter chooses has one spelling, and is within signed bounds or refused."""

from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

from cleanroom.errors import ParameterOutOfRange
from cleanroom.manifest.choices import (
    Choice,
    DecimalRange,
    DecimalText,
    Range,
    complete,
    spelled,
)

RANGES = {
    "rounds": Range(min=1, max=300, default=80),
    "rate": DecimalRange(min="0.010", max="0.50", default="0.10"),
    "l2": DecimalRange(min="-1", max="5"),
}
CARRIED = TypeAdapter(Choice)


def test_defaults_are_filled_in_in_their_one_spelling():
    assert complete(RANGES, {"l2": 2}) == {"rounds": 80, "rate": "0.1", "l2": "2"}


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"l2": "5.1"}, "'l2' is 5.1, expected -1 to 5"),
        ({"l2": 2, "rate": "0.009"}, "'rate' is 0.009, expected 0.010 to 0.50"),
        ({"l2": 2, "rounds": "1.5"}, "'rounds' is 1.5, expected a whole number"),
        ({"l2": 2, "rounds": 301}, "'rounds' is 301, expected 1 to 300"),
        ({}, "'l2' is missing and has no default"),
        ({"l2": 2, "depth": 3}, r"\['depth'\] are unknown"),
    ],
)
def test_a_choice_that_is_not_allowed_is_refused(given, words):
    with pytest.raises(ParameterOutOfRange, match=words):
        complete(RANGES, given)


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (40, 40),
        (1.0, 1),
        ("40", 40),
        (0.1, "0.1"),
        (1e-7, "0.0000001"),
        ("0.10", "0.1"),
        ("1e-2", "0.01"),
        (Decimal("2.50"), "2.5"),
        (-0.5, "-0.5"),
        ("-0", 0),
    ],
)
def test_a_number_is_spelled_once(value, expected):
    assert spelled(value) == expected


@pytest.mark.parametrize(
    "value", [True, None, "much", float("nan"), float("inf"), 1 << 54, "0." + "1" * 19, [1]]
)
def test_what_is_no_number_is_never_sent(value):
    with pytest.raises(ParameterOutOfRange):
        spelled(value)


@pytest.mark.parametrize(
    "text",
    ["0.10", "1.", ".5", "-0", "+1", "01", "1e3", "0.0", "1" * 19, "0." + "1" * 19, "NaN", "٣"],
)
def test_another_spelling_is_not_carried(text):
    with pytest.raises(ValidationError):
        TypeAdapter(DecimalText).validate_python(text, strict=True)


@pytest.mark.parametrize("value", [0.1, True, None])
def test_a_float_is_not_carried(value):
    with pytest.raises(ValidationError):
        CARRIED.validate_python(value, strict=True)


@settings(max_examples=80, deadline=None)
@given(st.decimals(-(10**15), 10**15, places=9) | st.integers(-(10**15), 10**15))
def test_whatever_is_spelled_is_carried_and_means_the_same(number):
    carried = CARRIED.validate_python(spelled(number), strict=True)
    assert Decimal(carried) == Decimal(number)
    assert spelled(carried) == carried
