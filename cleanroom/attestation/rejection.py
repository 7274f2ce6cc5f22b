"""One way to say that evidence does not hold: the field, found, expected, and a likely cause."""

from cleanroom.errors import EvidenceRejected, Problem


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
