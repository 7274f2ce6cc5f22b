"""What a training over a gang has heard so far, as bytes: who knows it walks the same way again.

Each step of the driver follows from what the shards have answered. Answers that were dear, sums of
gradients and trees, are kept in the order in which they were asked for; another driver, over the
same shards, takes them from here instead of asking, and asks on where they end. What was cheap is
asked again. The bytes are for sealing only; nothing here knows where they go.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from itertools import accumulate, pairwise
from typing import Annotated, Any, Literal, Protocol, TypeVar

import numpy as np
from pydantic import Field

from cleanroom.dataset.features import Matrix
from cleanroom.encoding import Record
from cleanroom.errors import CleanroomError, ComputationFailed
from enclave.computations.training.rounds import AfterRound, Measured
from enclave.computations.training.spread import Growth
from enclave.computations.training.steps import Answer, Look

DEAR = "slope"
"""The step that a search asks again and again."""
LENGTH = 4
"""Bytes of the length of what stands first, big-endian."""
MOST_BYTES = 1 << 25
"""More is not kept, in bytes: what comes then is asked for again."""
NUMBER = np.dtype("<f8")
"""Every number of an answer."""
R = TypeVar("R", "Sums", "Trees")


class Sums(Record):
    """The answers to one dear step: of each shard a row of numbers, the loss, then its gradient."""

    kind: Literal["sums"] = "sums"
    shards: int = Field(ge=1)
    size: int = Field(ge=1)
    """Bytes of all rows."""


class Line(Record):
    """What was measured after a round."""

    round: int = Field(ge=1)
    metric: str
    part: str
    value: float


class Trees(Record):
    """How far trees have grown."""

    kind: Literal["trees"] = "trees"
    done: int = Field(ge=1)
    """Rounds that are done."""
    rounds: int = Field(ge=1)
    """How many there will be at most."""
    size: int = Field(ge=1)
    """Bytes of the trees."""
    measured: list[Line]


class Contents(Record):
    """What stands first: of what the rest is, in its order."""

    kind: Literal["past"] = "past"
    said: list[Annotated[Sums | Trees, Field(discriminator="kind")]]


@dataclass(slots=True)
class Past:
    """Dear answers, in the order in which they were asked for."""

    said: list[tuple[Sums | Trees, bytes]] = field(default_factory=list, repr=False)

    @property
    def rounds(self) -> int:
        """Rounds of the first trees, which are those of the joint model; 0 where there are none."""
        return next((what.done for what, _ in self.said if isinstance(what, Trees)), 0)

    def to_bytes(self) -> bytes:
        """All of it."""
        first = Contents(said=[what for what, _ in self.said]).to_bytes()
        head = len(first).to_bytes(LENGTH, "big") + first
        return b"".join([head, *(content for _, content in self.said)])

    @classmethod
    def read(cls, raw: bytes) -> "Past":
        """The same again; whatever stands behind it is not looked at.

        Raises:
            ComputationFailed: it is cut off, or no past.
        """
        start = LENGTH + int.from_bytes(raw[:LENGTH], "big")
        try:
            said = Contents.from_bytes(raw[LENGTH:start]).said
        except CleanroomError:
            raise ComputationFailed("a snapshot is no past of a training") from None
        bounds = list(accumulate((what.size for what in said), initial=start))
        if bounds[-1] > len(raw):
            raise ComputationFailed("a snapshot is cut off")
        pieces = [raw[begin:end] for begin, end in pairwise(bounds)]
        return cls(list(zip(said, pieces, strict=True)))


Handed = Callable[[Growth], None]
"""Takes trees that go on growing, each time that a gang hands them out."""


class HandingGang(Protocol):
    """Shards that tell of trees before they are done; see `spread.Gang`."""

    def ask(self, look: Look, step: str, *given: Any) -> list[Answer]:  # noqa: ANN401 - as the step takes
        """See `spread.Gang`."""
        ...

    def grow(self, growth: Growth, look: Look, after_round: AfterRound, handed: Handed) -> Growth:
        """See `spread.Gang`."""
        ...


class Remembering:
    """A gang whose dear answers are kept, and asked for only where they are not known.

    Args:
        gang: who is asked.
        past: what is known.
        keep: told each time that more is known.
    """

    def __init__(self, gang: HandingGang, past: Past, keep: Callable[[Past], None]) -> None:
        self._gang = gang
        self._past = past
        self._keep = keep
        self._place = 0
        self._full = False

    def ask(self, look: Look, step: str, *given: Any) -> list[Answer]:  # noqa: ANN401 - as the step takes
        """See `spread.Gang`."""
        if step != DEAR:
            return self._gang.ask(look, step, *given)
        known = self._known(Sums)
        place, self._place = self._place, self._place + 1
        if known is not None:
            return _answers(*known, given[0])
        answers = self._gang.ask(look, step, *given)
        self._note(place, *_sums(answers))
        return answers

    def grow(self, growth: Growth, look: Look, after_round: AfterRound) -> Growth:
        """See `spread.Gang`; from the last trees that are known."""
        known = self._known(Trees)
        if known is not None:
            growth = _further(growth, *known)
        place = self._place

        def handed(so_far: Growth) -> None:
            self._note(place, *_trees(so_far))

        self._place += 1
        return self._gang.grow(growth, look, after_round, handed)

    def _known(self, kind: type[R]) -> tuple[R, bytes] | None:
        """What was heard at this place of the walk; None at its end.

        Raises:
            ComputationFailed: something else was: it is the past of another walk.
        """
        if self._place >= len(self._past.said):
            return None
        what, content = self._past.said[self._place]
        if not isinstance(what, kind):
            raise ComputationFailed("a snapshot is of another training")
        return what, content

    def _note(self, place: int, what: Sums | Trees, content: bytes) -> None:
        said = self._past.said
        self._full |= sum(len(each) for _, each in said[:place]) + len(content) > MOST_BYTES
        if not self._full:
            said[place:] = [(what, content)]
            self._keep(self._past)


def _sums(answers: Sequence[Answer]) -> tuple[Sums, bytes]:
    rows = np.array([[loss, *np.ravel(slope)] for loss, slope in answers], NUMBER)
    return Sums(shards=len(rows), size=rows.nbytes), rows.tobytes()


def _answers(what: Sums, content: bytes, weights: Matrix) -> list[Answer]:
    if what.size != what.shards * (1 + weights.size) * NUMBER.itemsize:
        raise ComputationFailed("a snapshot is of another training")
    rows = np.frombuffer(content, NUMBER).reshape(what.shards, -1)
    return [(float(row[0]), row[1:].reshape(weights.shape)) for row in rows]


def _trees(so_far: Growth) -> tuple[Trees, bytes]:
    lines = [Line.model_validate(each._asdict()) for each in so_far.measured]
    what = Trees(done=so_far.done, rounds=so_far.rounds, size=len(so_far.trees), measured=lines)
    return what, so_far.trees


def _further(growth: Growth, what: Trees, trees: bytes) -> Growth:
    """A growth with the trees that are known."""
    if what.rounds > growth.rounds:
        raise ComputationFailed("a snapshot is of another training")
    measured = tuple(Measured(**dict(line)) for line in what.measured)
    return replace(growth, trees=trees, done=what.done, rounds=what.rounds, measured=measured)
