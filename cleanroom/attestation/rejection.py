"""One way to say that evidence does not hold: the field, found, expected, and a likely cause."""

from collections.abc import Sequence
from typing import TypeVar

from cleanroom.errors import EvidenceRejected, Problem

Found = TypeVar("Found")


def rejected(field: str, *, found: str, expected: str, cause: str = "") -> EvidenceRejected:
    """An error to raise.

    Args:
        field: what was looked at, in the words of the format's specification.
        found: what it is.
        expected: what it should be.
        cause: how this usually comes about, or what to do; shown as the hint.
    """
    message = f"{field} is {found}, expected {expected}"
    return EvidenceRejected(
        message, hint=cause, problems=[Problem(message, where=field, hint=cause)]
    )


def only(found: Sequence[Found], what: str, cause: str) -> Found:
    """The one that was found.

    Args:
        found: what fits.
        what: its name, for the message.
        cause: what to send along.

    Raises:
        EvidenceRejected: none was found among the endorsements, or several.
    """
    if len(found) != 1:
        raise rejected(
            what,
            found="missing from the endorsements" if not found else f"there {len(found)} times",
            expected="exactly once",
            cause=cause,
        )
    return found[0]
