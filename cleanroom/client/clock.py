"""The one place where the SDK reads the clock; everything below takes the time as an argument."""

from collections.abc import Callable
from datetime import UTC, datetime

Clock = Callable[[], datetime]
"""Tells the time, aware, in whole seconds."""


def system_clock() -> datetime:
    """This machine's time in UTC, in whole seconds."""
    return datetime.now(UTC).replace(microsecond=0)  # noqa: TID251 - a program meets its clock here
