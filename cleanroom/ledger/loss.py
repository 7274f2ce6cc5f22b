"""Privacy loss: how much (ε, δ) somebody may give away, has given away, or is about to.

Exact decimals, added by basic composition (Dwork and Roth 2014, theorem 3.16): what two releases
cost together is at most the sum of what each costs. Nothing is ever rounded; no noise is here.
"""

from decimal import Context, Decimal, Inexact, InvalidOperation, Overflow
from typing import Annotated, Final, Self

from pydantic import Field

from cleanroom.encoding import Record

EXACT: Final = Context(prec=60, traps=[Inexact, InvalidOperation, Overflow])
"""Sums of amounts are exact or an error: 9 digits before the point, 18 after it, many addends."""

Amount = Annotated[str, Field(pattern=r"^(0|[1-9][0-9]{0,17})(\.[0-9]{1,18})?$")]
"""A decimal number that is not negative, written as text so that no digit is lost."""


class Loss(Record):
    """A privacy loss, or a limit of it."""

    epsilon: Amount
    """ε: how much likelier any result may become by one unit, as a power of e."""
    delta: Amount
    """δ: how likely it is that this does not hold."""

    @classmethod
    def of(cls, epsilon: Decimal, delta: Decimal) -> Self:
        """The loss of two decimals, spelled in one way only."""
        return cls(epsilon=_spelled(epsilon), delta=_spelled(delta))

    def plus(self, other: Self) -> Self:
        """Both together."""
        return self.of(
            EXACT.add(Decimal(self.epsilon), Decimal(other.epsilon)),
            EXACT.add(Decimal(self.delta), Decimal(other.delta)),
        )

    def times(self, number: int) -> Self:
        """It, `number` times."""
        return self.of(
            EXACT.multiply(Decimal(self.epsilon), Decimal(number)),
            EXACT.multiply(Decimal(self.delta), Decimal(number)),
        )

    def minus(self, other: Self) -> Self:
        """What is left of it; nothing where the other is more."""
        return self.of(
            max(Decimal(0), EXACT.subtract(Decimal(self.epsilon), Decimal(other.epsilon))),
            max(Decimal(0), EXACT.subtract(Decimal(self.delta), Decimal(other.delta))),
        )

    def covers(self, other: Self) -> bool:
        """Whether the other is no more than this, in ε and in δ."""
        return Decimal(other.epsilon) <= Decimal(self.epsilon) and Decimal(other.delta) <= Decimal(
            self.delta
        )

    def fits(self, other: Self) -> int:
        """How often the other fits into this; it must not be nothing."""
        pairs = ((self.epsilon, other.epsilon), (self.delta, other.delta))
        return min(int(Decimal(has) // Decimal(one)) for has, one in pairs if Decimal(one))

    def __str__(self) -> str:
        return f"ε = {self.epsilon}" + (f", δ = {self.delta}" if Decimal(self.delta) else "")


NOTHING: Final = Loss(epsilon="0", delta="0")
"""No loss at all."""


def _spelled(amount: Decimal) -> str:
    text = f"{amount:f}"
    return text.rstrip("0").rstrip(".") if "." in text else text
