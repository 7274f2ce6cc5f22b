"""What a submitter may choose: whole numbers and decimals, each within signed bounds.

A choice has one spelling on the way: a whole number is a JSON integer, any other decimal a text
without superfluous digits. Floating-point numbers are spelled before they are signed, never after.
"""

from collections.abc import Mapping
from decimal import Decimal, InvalidOperation
from typing import Annotated

from pydantic import Field

from cleanroom.encoding import Record
from cleanroom.errors import ParameterOutOfRange
from cleanroom.manifest.fields import Number

WHOLE = 1 << 53
"""JSON carries whole numbers up to here exactly."""
DIGITS = 18
"""A decimal has no more digits on either side of its point."""

DecimalText = Annotated[
    str,
    Field(pattern=r"^(0|-?[1-9][0-9]{0,17}|-?(0|[1-9][0-9]{0,17})\.[0-9]{0,17}[1-9])$"),
]
"""A decimal number in its one spelling."""
Choice = int | DecimalText
"""What a submitter chose for one parameter."""


class Range(Record):
    """A whole number that the submitter chooses, within signed bounds."""

    min: int = Field(ge=-WHOLE, le=WHOLE)
    """Lowest accepted value."""
    max: int = Field(ge=-WHOLE, le=WHOLE)
    """Highest accepted value."""
    default: int | None = Field(default=None, ge=-WHOLE, le=WHOLE)
    """Used when the submitter names none; without it the parameter is required."""


class DecimalRange(Record):
    """A decimal number that the submitter chooses, within signed bounds."""

    min: Number
    """Lowest accepted value."""
    max: Number
    """Highest accepted value."""
    default: Number | None = None
    """Used when the submitter names none; without it the parameter is required."""


AnyRange = Range | DecimalRange
"""Signed bounds of one parameter."""


def complete(ranges: Mapping[str, AnyRange], given: Mapping[str, Choice]) -> dict[str, Choice]:
    """Every parameter, as chosen within its range or by its default, in its one spelling.

    Raises:
        ParameterOutOfRange: one is unknown, missing without a default, or out of its range.
    """
    unknown = sorted(set(given) - set(ranges))
    if unknown:
        raise ParameterOutOfRange(f"parameters {unknown} are unknown, expected {sorted(ranges)}")
    return {name: _chosen(name, ranges[name], given.get(name)) for name in sorted(ranges)}


def spelled(value: object) -> Choice:
    """A number as a request carries it.

    Args:
        value: a whole number, a float, a `Decimal`, or a text such as `0.05`.

    Raises:
        ParameterOutOfRange: it is no number, or has too many digits.
    """
    if isinstance(value, bool) or not isinstance(value, int | float | str | Decimal):
        raise ParameterOutOfRange(f"a parameter is {type(value).__name__}, expected a number")
    try:
        number = Decimal(str(value))
    except InvalidOperation:
        raise ParameterOutOfRange("a parameter is no number, expected one such as 0.05") from None
    if not number.is_finite() or abs(number) > WHOLE:
        raise ParameterOutOfRange("a parameter is not finite, or above 2^53")
    if number == number.to_integral_value():
        return int(number)
    text = plain_text(number)
    if len(text.partition(".")[2]) > DIGITS:
        raise ParameterOutOfRange(f"a parameter has more than {DIGITS} digits behind its point")
    return text


def plain_text(number: Decimal) -> str:
    """A decimal without exponent, superfluous zeros or a sign of zero."""
    if not number:
        return "0"
    text = f"{number:f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def _chosen(name: str, allowed: AnyRange, given: Choice | None) -> Choice:
    value = allowed.default if given is None else given
    if value is None:
        raise ParameterOutOfRange(f"parameter {name!r} is missing and has no default")
    if isinstance(allowed, Range) and not isinstance(value, int):
        raise ParameterOutOfRange(f"parameter {name!r} is {value}, expected a whole number")
    number = Decimal(value)
    if not Decimal(allowed.min) <= number <= Decimal(allowed.max):
        raise ParameterOutOfRange(
            f"parameter {name!r} is {value}, expected {allowed.min} to {allowed.max}"
        )
    return value if isinstance(allowed, Range) else plain_text(number)
