"""Whether what a receipt says ran is what the manifest allows: the same names, no more, no less.

The room checked all of it before it released. A receipt is verified by somebody who was not there,
so it is compared again; nothing here needs a key or a clock.
"""

from cleanroom.errors import ParameterOutOfRange, ReceiptInvalid
from cleanroom.manifest.budgets import limits_of, losses_of
from cleanroom.manifest.choices import complete
from cleanroom.manifest.keeping import addressees
from cleanroom.manifest.model import AnyComputation, Manifest
from cleanroom.protocol.join import Join
from cleanroom.protocol.predicate import Predicate


def permitted(predicate: Predicate, own: Manifest) -> AnyComputation:
    """Return the computation once everything that the predicate says about it fits the manifest.

    Raises:
        ReceiptInvalid: a name, a number or a set differs from what the parties signed.
    """
    computation = own.computations.get(predicate.computation)
    if computation is None:
        raise ReceiptInvalid(f"the computation {predicate.computation!r} is not in the manifest")
    if predicate.submitter not in computation.submitters:
        raise ReceiptInvalid(f"{predicate.submitter!r} may not submit {predicate.computation!r}")
    count = computation.workers.count
    compare("inputs", _said(predicate), _read(computation, own))
    compare("outputs", _delivered(predicate), _due(computation))
    compare("runs allowed", predicate.runs_allowed, computation.limits.max_runs)
    compare("number of workers", len(predicate.workers), count)
    compare("engine", predicate.engine, "process" if count == 1 else "ray")
    if predicate.submitted_at > predicate.released_at:
        raise ReceiptInvalid("the run was submitted after it was released")
    if predicate.runs_used > predicate.runs_allowed:
        raise ReceiptInvalid(
            f"the run is number {predicate.runs_used} of {predicate.runs_allowed} allowed"
        )
    _within(predicate, computation)
    _charged(predicate, computation, own)
    return computation


def of_role(joins: list[Join], computation: AnyComputation) -> list[Join]:
    """Return the joins once each is of the computation's role.

    Raises:
        ReceiptInvalid: a worker joined for another role.
    """
    for join in joins:
        compare("worker's role", join.role, computation.workers.role)
    return joins


def compare(what: str, found: object, expected: object) -> None:
    """Go on only if a part of a receipt is what it must be.

    Raises:
        ReceiptInvalid: it is not.
    """
    if found != expected:
        raise ReceiptInvalid(f"the {what} of the receipt is {found}, expected {expected}")


def _said(predicate: Predicate) -> dict[str, tuple[str, str, list[str]]]:
    return {n: (part.dataset, part.owner, part.columns) for n, part in predicate.inputs.items()}


def _read(computation: AnyComputation, own: Manifest) -> dict[str, tuple[str, str, list[str]]]:
    return {
        name: (read.dataset, own.datasets[read.dataset].owner, read.columns)
        for name, read in computation.reads.items()
    }


def _delivered(predicate: Predicate) -> list[tuple[str, str]]:
    return sorted((output.output, output.recipient) for output in predicate.outputs)


def _due(computation: AnyComputation) -> list[tuple[str, str]]:
    outputs = computation.outputs.items()
    return sorted((name, party) for name, output in outputs for party in addressees(output))


def _charged(predicate: Predicate, computation: AnyComputation, own: Manifest) -> None:
    limits, parts = limits_of(own), predicate.budgets
    spent = {dataset: part.spent for dataset, part in parts.items()}
    compare("losses", spent, losses_of(own, computation))
    for dataset, part in parts.items():
        compare(f"budget of {dataset!r}", part.limit, limits[dataset])
        compare(f"loss of {dataset!r}", part.after, part.before.plus(part.spent))
        if not part.limit.covers(part.after):
            raise ReceiptInvalid(
                f"the receipt says that {part.after} of {dataset!r} is spent, more than its "
                f"budget of {part.limit}"
            )


def _within(predicate: Predicate, computation: AnyComputation) -> None:
    compare("parameters", sorted(predicate.parameters), sorted(computation.ranges))
    try:
        chosen = complete(computation.ranges, predicate.parameters)
    except ParameterOutOfRange as outside:
        raise ReceiptInvalid(
            f"a parameter of the receipt is outside its range: {outside}"
        ) from None
    compare("parameters", predicate.parameters, chosen)
