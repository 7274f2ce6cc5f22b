"""What leaves of how a model was grown: its loss round by round, of each part of the units.

A value is a mean over all rows of a part; whose row moved it is not told.
"""

from typing import Literal

from pydantic import Field

from cleanroom.encoding import Record
from cleanroom.manifest.computation import Gate
from cleanroom.manifest.fields import Names


class EarlyStopping(Record):
    """Trees grow, or a network learns, until units that are held back are predicted no better."""

    rounds: int = Field(ge=1, le=1000)
    """So many rounds (epochs) without an improvement end the fit; the best one's model counts."""
    validation_percent: int = Field(default=20, ge=5, le=50)
    """This share of the units that do not test is held back, rounded to the nearest unit."""


class CurveOutput(Record):
    """How the loss of a model went, round by round."""

    kind: Literal["curve"]
    """A table of `round`, `metric`, `part` (`training`, `validation` or `test`) and `value`."""
    recipients: Names
    """Parties whose `receive` key the result is sealed to."""
    gate: Gate = Gate()
    """The rule it passes first."""
    decimals: int = Field(default=3, ge=0, le=6)
    """Values are rounded to so many decimals."""
    min_test: int = Field(default=100, ge=1)
    """With fewer units in the test part, or the validation part, it is withheld; in units."""
    live: bool = False
    """Whether recipients are told values of up to 50 rounds as soon as they are known: before the
    run is over, so in no receipt, and also of a run that is cancelled or fails."""

    @property
    def columns(self) -> list[str]:
        """The columns of the table."""
        return ["round", "metric", "part", "value"]
