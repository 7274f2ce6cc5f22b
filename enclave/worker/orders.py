"""What a worker checks before it touches a key: is this order what the manifest allows?

The coordinator is attested, yet the worker believes an order only as far as the manifest that
every party signed. `accept` reads nothing but its arguments and opens no grant.
"""

from dataclasses import dataclass
from datetime import datetime

from cleanroom.crypto.signing import VerifyKey
from cleanroom.errors import RunRefused
from cleanroom.manifest.model import AnyComputation, Manifest
from cleanroom.protocol.dataset import DatasetVersion, open_signed
from cleanroom.protocol.work import Order, OrderedInput
from enclave.computations.plan import InputPlan, Plan
from enclave.computations.registry import operations


@dataclass(frozen=True, slots=True)
class AcceptedOrder:
    """An order that fits the manifest in every field; made by `accept`, and again by `adopt`."""

    order: Order
    manifest: Manifest
    plan: Plan
    node: int
    """This worker's place in the gang; 0 is the head."""

    @property
    def nodes(self) -> int:
        """How many workers the gang has."""
        return len(self.order.gang)

    def columns(self, planned: InputPlan) -> tuple[str, ...]:
        """The columns of one input that the run decrypts, sorted."""
        return tuple(sorted({*planned.keys, *planned.payload}))


def accept(
    order: Order,
    manifest: Manifest,
    *,
    role: str,
    instance: str,
    now: datetime,
    room_key: VerifyKey | None = None,
) -> AcceptedOrder:
    """Return the order once it is for this worker, this manifest and this moment.

    Args:
        order: as received.
        manifest: the one in force when the worker joined.
        role: the worker's role.
        instance: the worker's name.
        now: the worker's clock, aware.
        room_key: the room's attested key, for models that stay in the room.

    Raises:
        RunRefused: it names something else, or a grant does not fit its input.
        RunError: the parameters are out of range.
    """
    _same("manifest", order.manifest, manifest.digest)
    computation = manifest.computations.get(order.computation)
    if computation is None:
        raise RunRefused(f"computation {order.computation!r} is not in this manifest")
    _same("role", role, computation.workers.role)
    node = _place(order, computation, instance)
    _same("inputs", sorted(order.inputs), sorted(computation.reads))
    if now >= order.deadline:
        raise RunRefused("the order's deadline has passed")
    plan = operations[computation.op].plan(computation, manifest.datasets, order.parameters)
    for planned in plan.reads:
        _check_version(order.inputs[planned.name], planned, manifest, room_key)
        _check_grant(order, planned, manifest, instance, now)
    _check_snapshot(order, plan, node)
    return AcceptedOrder(order, manifest, plan, node)


def adopt(order: Order, manifest: Manifest, node: int = 0) -> AcceptedOrder:
    """The accepted order again, in a subprocess of the worker that accepted it."""
    computation = manifest.computations[order.computation]
    plan = operations[computation.op].plan(computation, manifest.datasets, order.parameters)
    return AcceptedOrder(order, manifest, plan, node)


def _place(order: Order, computation: AnyComputation, instance: str) -> int:
    _same("size of the gang", len(order.gang), computation.workers.count)
    _same("places of the gang", [p.node for p in order.gang], list(range(len(order.gang))))
    places = [peer.node for peer in order.gang if peer.instance == instance]
    if len(places) != 1:
        raise RunRefused("this worker is not in the order's gang exactly once")
    return places[0]


def _check_version(
    ordered: OrderedInput, planned: InputPlan, manifest: Manifest, room_key: VerifyKey | None
) -> DatasetVersion:
    version = open_signed(ordered.signed, manifest, room_key)
    _same("dataset", version.dataset, planned.dataset)
    return version


def _check_grant(
    order: Order, planned: InputPlan, manifest: Manifest, instance: str, now: datetime
) -> OrderedInput:
    ordered = order.inputs[planned.name]
    terms = ordered.grant.terms
    _same("grant's lineage", str(terms.lineage), str(manifest.metadata.lineage))
    _same("grant's manifest", terms.manifest, order.manifest)
    _same("grant's run", terms.run, order.run)
    _same("grant's input", terms.input, planned.name)
    _same("grant's dataset", terms.dataset, planned.dataset)
    _same("grant's version", terms.version, ordered.version.digest)
    _same("grant's worker", terms.worker, instance)
    allowed = manifest.computations[order.computation].reads[planned.name].columns
    needed = {*planned.keys, *planned.payload}
    if not needed <= set(terms.columns) <= set(allowed):
        raise RunRefused(f"the grant for input {planned.name!r} is for other columns")
    if now >= terms.expires_at:
        raise RunRefused(f"the grant for input {planned.name!r} has expired")
    return ordered


def _check_snapshot(order: Order, plan: Plan, node: int) -> None:
    if order.snapshot is None:
        return
    _same("run of the snapshot", order.snapshot.run, order.run)
    if node != 0 or len(order.gang) == 1 or plan.lesson is None:
        raise RunRefused("only the head of a training's gang goes on from a snapshot")


def _same(what: str, found: object, expected: object) -> None:
    if found != expected:
        raise RunRefused(f"the {what} of the order is {found}, expected {expected}")
