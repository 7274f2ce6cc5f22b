"""The actor that holds one worker's share of a training: its shard, and steps upon it.

Its rows come from the nodes that have the parts, inside Ray's TLS, and never leave it. Like tasks
it lets nothing out but results and codes. This module does not import Ray.
"""

import os
from collections.abc import Iterator, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from cleanroom.errors import ComputationFailed
from enclave.computations.plan import Plan
from enclave.computations.training.spread import Growth, Share, shard_of
from enclave.computations.training.steps import Answer, Look, Shard, take_step, view
from enclave.worker.grower import Grower, Grown
from enclave.worker.raycommand import SOCKET_VARIABLE
from enclave.worker.tasks import coded, coded_words
from enclave.worker.tunnel import Meeting


class Learner:
    """One share of one training."""

    def __init__(self) -> None:
        self._shard: Shard | None = None
        self._grower: Grower | None = None

    @coded
    def load(self, plan: Plan, share: Share, lengths: Sequence[int], *taken: pa.Table) -> None:
        """Put the shard together.

        Args:
            plan: the run's plan.
            share: which joined rows.
            lengths: how many of `taken` belong to each input, in the plan's order.
            taken: the wanted rows of every part, by input, then by part.
        """
        if plan.lesson is None:
            raise ComputationFailed("a training has no lesson")
        bounds = np.cumsum([0, *lengths])
        rows = {
            planned.name: pa.concat_tables(taken[start:stop])
            for planned, (start, stop) in zip(plan.inputs, pairwise(bounds), strict=True)
        }
        self._shard = shard_of(plan, plan.lesson, share, rows)

    @coded
    def take(self, look: Look, step: str, given: Sequence[Any]) -> Answer:
        """Put a step to the shard, as one fit sees it."""
        return take_step(self.shard, look, step, given)

    @coded_words
    def grow(self, meeting: Meeting, growth: Growth, look: Look) -> Iterator[Grown]:
        """Grow trees as one rank of the gang; what each round came to.

        The rank stays until `rest`: others may still wait for what it has sent.
        """
        self.rest()
        # an actor has no other way to learn where its own node is
        directory = Path(os.environ[SOCKET_VARIABLE]).parent  # noqa: TID251
        self._grower = Grower(meeting, growth, view(self.shard, look), directory)
        yield from self._grower.words()

    def rest(self) -> None:
        """End what grows."""
        if self._grower is not None:
            self._grower.end()
        self._grower = None

    @property
    def shard(self) -> Shard:
        """The shard, once it is loaded."""
        if self._shard is None:
            raise ComputationFailed("a learner was asked before it had its rows")
        return self._shard
