"""A training over a gang, as its driver walks it: cut the join, load the shards, learn, judge.

The driver knows which rows were joined and what steps answer; it reads no row to learn from. A
learner whose process dies while its node lives is made anew from the parts, told again what it had
been told, and asked again; the search goes on from where the driver is. A node that dies ends this
gang's work: another one goes on from what the driver had kept (`snapshots`).
"""

import functools
import secrets
import time
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pyarrow as pa
import ray
from ray.exceptions import ActorDiedError, ActorUnavailableError

from cleanroom.errors import CleanroomError, ComputationFailed, WorkerLost
from enclave.computations.release import Outcome, Rule
from enclave.computations.training.grown import fit_grown
from enclave.computations.training.operation import Train, live_of
from enclave.computations.training.past import Handed, HandingGang
from enclave.computations.training.reduced import fit_reduced
from enclave.computations.training.rounds import AfterRound, Measured, unheard
from enclave.computations.training.spread import Gang, Growth, Share, spread
from enclave.computations.training.steps import LASTING, Answer, Look
from enclave.worker import ports, tasks
from enclave.worker.awaiting import Awaiting, coded_answer
from enclave.worker.grower import Grown
from enclave.worker.inputs import Source
from enclave.worker.learner import Learner
from enclave.worker.orders import AcceptedOrder
from enclave.worker.telling import Advance, Teller
from enclave.worker.tunnel import SECRET_LENGTH, Meeting

MOST_LOSSES = 3
"""So many learners may be lost in one run; the next one ends it."""


def taught(
    operation: Train,
    accepted: AcceptedOrder,
    found: pa.Table,
    awaiting: Awaiting,
    advance: Advance,
    *,
    remembering: Callable[[HandingGang], Gang],
) -> tuple[tuple[Rule, Outcome], ...]:
    """Train over the gang on the lines of a join.

    Args:
        operation: the training.
        accepted: the run.
        found: the lines.
        awaiting: for answers of the gang.
        advance: says how far it is.
        remembering: knows what an earlier gang answered, and keeps what this one answers.

    Raises:
        CleanroomError: whatever ended the run, without any value.
    """
    plan = accepted.plan
    if plan.lesson is None:
        raise ComputationFailed("a training has no lesson")
    advance("train", 0)
    cut, seen_by = spread(plan, plan.lesson, found, accepted.nodes)
    seen = seen_by(remembering(Learners(accepted, cut, awaiting)))
    teller = Teller(advance, time.monotonic)
    fits = {"train.linear": fit_reduced, "train.gbdt": fit_grown}
    # how many steps a line takes nobody knows: only of trees is anything heard
    heard = live_of(plan, plan.lesson, seen, teller.take).after_round
    fit, joint = (
        functools.partial(fits[plan.op], after_round=each)
        for each in (unheard, heard if plan.op == "train.gbdt" else unheard)
    )
    outcomes = operation.taught(plan, plan.lesson, seen, fit, joint)
    teller.rest()
    return outcomes


class Learners:
    """The shards of one training, one on each node; see `past.HandingGang`."""

    def __init__(self, accepted: AcceptedOrder, cut: list[Share], awaiting: Awaiting) -> None:
        self._accepted = accepted
        self._cut = cut
        self._awaiting = awaiting
        self._lasting: tuple[Look, tuple[Any, ...]] | None = None
        self._losses = 0
        self._learners = self._load(list(range(len(cut))))

    def ask(self, look: Look, step: str, *given: Any) -> list[Answer]:  # noqa: ANN401 - as the step takes
        """See `spread.Gang`."""
        asked = look, step, given
        refs = [learner.take.remote(*asked) for learner in self._learners]
        self._awaiting.settle(refs)
        answers = [self._answer(place, ref, *asked) for place, ref in enumerate(refs)]
        if step == LASTING:
            self._lasting = look, given
        return answers

    def grow(self, growth: Growth, look: Look, after_round: AfterRound, handed: Handed) -> Growth:
        """See `spread.Gang`; from the last trees that were handed out, if some rank is lost."""
        hear = _once(after_round, growth.done)
        while growth.done < growth.rounds:
            growth = self._attempt(growth, look, hear, handed)
            self._awaiting.settle([learner.rest.remote() for learner in self._learners])
            if growth.done < growth.rounds:
                self._lose()
                self.ask(look, "known")  # makes learners anew that are dead
        return growth

    def _attempt(
        self,
        growth: Growth,
        look: Look,
        hear: Callable[[Grown], None],
        handed: Handed,
    ) -> Growth:
        """Let every rank grow until the end, or until one is lost; how far it came.

        Raises:
            CleanroomError: a rank failed, and would again.
        """
        growing, failures = self._growing(growth, look), []
        lead, fresh = growing[0], ()
        while growing:
            for stream in self._awaiting.some(growing):
                try:
                    grown = coded_answer(next(stream))
                except StopIteration:
                    growing.remove(stream)
                except (WorkerLost, ActorDiedError, ActorUnavailableError):
                    # a rank that failed ends the tunnel, and with it all others
                    growing.remove(stream)
                except CleanroomError as failed:
                    failures.append(failed)
                    growing.remove(stream)
                else:
                    if stream is lead:
                        hear(grown)
                        fresh += grown.measured
                    if grown.trees:
                        growth, fresh = _further(growth, grown, fresh), ()
                        handed(growth)
        if failures:
            raise failures[0]
        return growth

    def _growing(self, growth: Growth, look: Look) -> list[Any]:
        """Start every rank of one attempt, under a secret of its own."""
        gang = tuple(
            (peer.node_ip, peer.port_base + ports.TUNNEL) for peer in self._accepted.order.gang
        )
        secret = secrets.token_bytes(SECRET_LENGTH)
        return [
            learner.grow.options(num_returns="streaming").remote(
                Meeting(rank, gang, secret), growth, look
            )
            for rank, learner in enumerate(self._learners)
        ]

    def _lose(self) -> None:
        self._losses += 1
        if self._losses > MOST_LOSSES:
            raise WorkerLost("the learners of a gang keep dying")

    def _answer(
        self,
        place: int,
        ref: Any,  # noqa: ANN401 - Ray's
        look: Look,
        step: str,
        given: tuple[Any, ...],
    ) -> Answer:
        """What one learner says, made anew as often as it dies, and told what its fit had said."""
        while True:
            try:
                return coded_answer(ref)
            except (ActorDiedError, ActorUnavailableError):
                self._lose()
            [learner] = self._load([place])
            self._learners[place] = learner
            if self._lasting is not None and self._lasting[0] == look:
                self._awaiting.answers([learner.take.remote(look, LASTING, self._lasting[1])])
            ref = learner.take.remote(look, step, given)
            self._awaiting.settle([ref])

    def _load(self, places: list[int]) -> list[Any]:
        """New learners for some places of the gang, with their rows; as often as one dies."""
        while True:
            learners, loading = self._loading(places)
            self._awaiting.settle(loading)
            try:
                for ref in loading:
                    coded_answer(ref)
            except (ActorDiedError, ActorUnavailableError):
                self._lose()
            else:
                return learners

    def _loading(self, places: list[int]) -> tuple[list[Any], list[Any]]:
        """New learners, and what they say once they have their rows."""
        plan, cut = self._accepted.plan, [self._cut[place] for place in places]
        taken = [self._taken(number, cut) for number in range(len(plan.inputs))]
        # every part is read and judged, whoever wants rows of it
        self._awaiting.answers([refs[-1] for parts in taken for refs in parts])
        lengths = [len(parts) for parts in taken]
        made = ray.remote(num_cpus=0, max_restarts=0)(Learner)
        learners: list[Any] = [
            made.options(resources=self._awaiting.on(place)).remote() for place in places
        ]
        loading = [
            learner.load.remote(
                plan, share, lengths, *[refs[each] for parts in taken for refs in parts]
            )
            for each, (learner, share) in enumerate(zip(learners, cut, strict=True))
        ]
        return learners, loading

    def _taken(self, number: int, cut: list[Share]) -> list[list[Any]]:
        """For each part of an input: the rows of each share, and a mark that it is lawful."""
        name = self._accepted.plan.inputs[number].name
        source = Source.of(self._accepted, name)
        starts = np.cumsum([0, *(part.rows for part in source.version.parts)])
        wanted = [share.wanted(number) for share in cut]
        bounds = [np.searchsorted(each, starts) for each in wanted]
        take = ray.remote(max_retries=0)(tasks.take_shares)
        refs: list[Any] = [
            take.options(num_returns=len(cut) + 1, resources=self._awaiting.on(part.index)).remote(
                name,
                part.index,
                [
                    rows[bound[part.index] : bound[part.index + 1]]
                    for rows, bound in zip(wanted, bounds, strict=True)
                ],
            )
            for part in source.version.parts
        ]
        return refs


def _once(after_round: AfterRound, told: int) -> Callable[[Grown], None]:
    """Tells values of each round once: some are grown again when a rank is lost."""

    def hear(grown: Grown) -> None:
        nonlocal told
        parts: dict[str, dict[str, float]] = {}
        for each in grown.measured if grown.done > told else ():
            parts.setdefault(each.part, {})[each.metric] = each.value
        told = max(told, grown.done)
        after_round(grown.done, parts)

    return hear


def _further(growth: Growth, grown: Grown, fresh: tuple[Measured, ...]) -> Growth:
    """A growth with the trees that were handed out, and with what was measured until then."""
    return replace(
        growth,
        trees=grown.trees,
        done=grown.done,
        rounds=grown.done if grown.last else growth.rounds,
        measured=growth.measured + fresh,
    )
