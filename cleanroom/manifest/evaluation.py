"""What leaves of a model's test as points of curves, in a table that no row can be read from.

The points are cut so that each is about a declared number of test units at least. ROC, lift, gain
and calibration are all drawn from the same few numbers; no score of a single row leaves.
"""

from typing import Literal

from pydantic import Field

from cleanroom.encoding import Record
from cleanroom.manifest.computation import Gate
from cleanroom.manifest.fields import Names

Compare = Literal["none", "alone"]
"""`alone`: each owner's features (with `join: concat` each owner's rows) are trained without the
others', too, with the same settings and label, and tested on the same units. Such models end with
the run. Of rows alone nothing is told where fewer than `min_group` of the owner's units train, or
fewer than `min_test` of the owner's, or of all others' units, test; points are about `min_bin` of
each."""


class EvaluationOutput(Record):
    """How a model's scores stand to the truth, on units that it did not learn from."""

    kind: Literal["evaluation"]
    """A table of points: `owners`, `class`, `share`, `tpr`, `fpr`, `said`, `found`."""
    recipients: Names
    """Parties whose `receive` key the result is sealed to."""
    gate: Gate = Gate()
    """The rule it passes first."""
    decimals: int = Field(default=3, ge=0, le=6)
    """Values are rounded to so many decimals."""
    min_test: int = Field(default=100, ge=1)
    """With fewer units in the test part it is withheld; in units."""
    min_bin: int = Field(default=20, ge=5)
    """Each point is about at least so many test units, and each drawn class has as many test units
    that are of it, and that are not; in units."""
    points: int = Field(default=20, ge=2, le=50)
    """At most so many points for each model and class."""
    compare: Compare = "none"
    """Whether each owner's features, or rows, are evaluated alone, too."""

    @property
    def columns(self) -> list[str]:
        """The columns of the table."""
        return ["owners", "class", "share", "tpr", "fpr", "said", "found"]
