"""Asking again: vendors limit how often they answer, and are sometimes out of order.

Only what may change by itself is asked again; a refusal is final. Waiting is somebody else's: the
caller passes the function that waits.
"""

from collections.abc import Callable
from dataclasses import dataclass

from cleanroom.collateral.fetching import Answer, Fetch
from cleanroom.errors import TransportError

PASSING = frozenset({429, 500, 502, 503, 504})
"""Statuses that may be better next time: AMD limits requests by 429."""
Wait = Callable[[float], object]
"""Waits for some seconds."""


@dataclass(frozen=True, slots=True)
class Patience:
    """How often, and how long in between."""

    attempts: int = 6
    """How often in all."""
    first_s: float = 1.0
    """The first pause; each next one is twice as long; in seconds."""
    longest_s: float = 30.0
    """No pause is longer, whatever the service asks for; in seconds."""

    def pause_s(self, attempt: int, answer: Answer | None) -> float:
        """How long to wait after an attempt, in seconds.

        Args:
            attempt: its number, from 0.
            answer: what came; its `Retry-After` in seconds counts if it asks for more.
        """
        asked = answer.headers.get("retry-after", "") if answer is not None else ""
        wanted = float(asked) if asked.isdecimal() else 0.0
        return min(self.longest_s, max(wanted, self.first_s * 2.0**attempt))


def retrying(fetch: Fetch, wait: Wait, patience: Patience | None = None) -> Fetch:
    """The same as `fetch`, which asks again while there is hope.

    Args:
        fetch: asks once.
        wait: waits for some seconds.
        patience: how often and how long; as `Patience()` where nothing is given.
    """
    limits = patience or Patience()

    def ask(url: str, /) -> Answer:
        for attempt in range(limits.attempts - 1):
            answer = _once(fetch, url)
            if answer is not None and answer.status not in PASSING:
                return answer
            wait(limits.pause_s(attempt, answer))
        return fetch(url)

    return ask


def _once(fetch: Fetch, url: str) -> Answer | None:
    try:
        return fetch(url)
    except TransportError:
        return None
