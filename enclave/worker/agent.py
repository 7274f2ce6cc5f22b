"""What an admitted worker does next: one table, no clock, no I/O.

    idle       -Provision->    equipping  -Equipped->  equipped
    equipped   -Credentials->  forming    -Ready->     ready
    idle|ready -Order->        running    -Finished|Failed->  idle
    any        -Stop->         idle

A worker has one run at a time. Words about a run that has ended are late and are ignored; anything
else that is out of turn means that the two sides no longer agree: the worker leaves, which ends
its work and its keys, and joins anew.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Literal

from cleanroom.errors import AdmissionRefused, CallerRefused
from cleanroom.protocol.reattestation import Reattest, Reattested
from cleanroom.protocol.snapshot import Snapshot
from cleanroom.protocol.work import (
    Credentials,
    Equipped,
    Failed,
    Finished,
    FromWorker,
    Order,
    Progress,
    Provision,
    Ready,
    Renew,
    Renewed,
    Stop,
    ToWorker,
)

Phase = Literal["idle", "equipping", "equipped", "forming", "ready", "running"]
MOST_ENDED = 16
"""So many ended runs are remembered, to know late words about them."""


@dataclass(frozen=True, slots=True)
class Beat:
    """Time goes on."""


@dataclass(frozen=True, slots=True)
class Heard:
    """The coordinator said something."""

    message: ToWorker


@dataclass(frozen=True, slots=True)
class Own:
    """This worker's engine said something, to be passed on."""

    message: FromWorker


Event = Beat | Heard | Own


@dataclass(frozen=True, slots=True)
class Send:
    """Sign the message and send it."""

    message: FromWorker


@dataclass(frozen=True, slots=True)
class Equip:
    """Make a key and find ports for a gang's node."""

    provision: Provision


@dataclass(frozen=True, slots=True)
class Form:
    """Start the gang's node."""

    credentials: Credentials


@dataclass(frozen=True, slots=True)
class Start:
    """Check the order and run it."""

    order: Order


@dataclass(frozen=True, slots=True)
class End:
    """Kill the run's processes and erase its keys and files."""

    run: str


@dataclass(frozen=True, slots=True)
class Show:
    """Collect fresh evidence for the room's nonce, and send it."""

    nonce: bytes


@dataclass(frozen=True, slots=True)
class Leave:
    """Break the stream, end everything, and join anew."""

    code: str


Effect = Send | Show | Equip | Form | Start | End | Leave


@dataclass(frozen=True, slots=True)
class State:
    """Where a worker is."""

    lease_s: int
    """How long a lease is, in seconds."""
    asked_at: float
    """When the lease that holds was asked for, on the monotonic clock."""
    renewing_at: float | None = None
    """When a renewal was sent that is not answered yet."""
    phase: Phase = "idle"
    run: str = ""
    """The run it works for; empty when idle."""
    ended: tuple[str, ...] = ()
    """The last runs that ended here."""


_About = (
    Provision
    | Credentials
    | Order
    | Stop
    | Equipped
    | Ready
    | Progress
    | Snapshot
    | Finished
    | Failed
)
"""Every message that is about a run."""
Act = Callable[[_About], tuple[Effect, ...]]


def _equip(message: _About) -> tuple[Effect, ...]:
    return (Equip(message),) if isinstance(message, Provision) else ()


def _form(message: _About) -> tuple[Effect, ...]:
    return (Form(message),) if isinstance(message, Credentials) else ()


def _start(message: _About) -> tuple[Effect, ...]:
    return (Start(message),) if isinstance(message, Order) else ()


def _end(message: _About) -> tuple[Effect, ...]:
    return (End(message.run),) if isinstance(message, Stop) else ()


def _pass_on(message: _About) -> tuple[Effect, ...]:
    return (Send(message),) if isinstance(message, Equipped | Ready | Progress | Snapshot) else ()


def _conclude(message: _About) -> tuple[Effect, ...]:
    if not isinstance(message, Finished | Failed):
        return ()
    return (Send(message), End(message.run))


_BUSY: tuple[Phase, ...] = ("equipping", "equipped", "forming", "ready", "running")
TRANSITIONS: Mapping[tuple[Phase, type], tuple[Phase, Act]] = MappingProxyType(
    {
        ("idle", Provision): ("equipping", _equip),
        ("idle", Order): ("running", _start),
        ("equipping", Equipped): ("equipped", _pass_on),
        ("equipped", Credentials): ("forming", _form),
        ("forming", Ready): ("ready", _pass_on),
        ("ready", Order): ("running", _start),
        ("running", Progress): ("running", _pass_on),
        ("running", Snapshot): ("running", _pass_on),
        ("running", Finished): ("idle", _conclude),
        **{(phase, Failed): ("idle", _conclude) for phase in _BUSY},
        **{(phase, Stop): ("idle", _end) for phase in _BUSY},
    }
)
"""Phase and message: the next phase and what to do."""


def step(state: State, event: Event, at: float) -> tuple[State, tuple[Effect, ...]]:
    """What follows from one event.

    Args:
        state: before.
        event: what happened.
        at: when, on the monotonic clock, in seconds.
    """
    if isinstance(event, Beat):
        return _beat(state, at)
    if isinstance(event.message, Renewed):
        return _renewed(state, event.message), ()
    if isinstance(event.message, Reattest):
        return state, (Show(event.message.nonce),)
    if isinstance(event.message, Renew | Reattested):
        return state, ()
    return _turn(state, event.message)


def _beat(state: State, at: float) -> tuple[State, tuple[Effect, ...]]:
    if at >= state.asked_at + state.lease_s:
        return state, (Leave(AdmissionRefused.code),)
    due = at >= state.asked_at + state.lease_s / 3
    if due and state.renewing_at is None:
        return replace(state, renewing_at=at), (Send(Renew()),)
    return state, ()


def _renewed(state: State, message: Renewed) -> State:
    # counted from when it was asked for: never longer than the coordinator's own count
    asked = state.asked_at if state.renewing_at is None else state.renewing_at
    return replace(state, lease_s=message.lease_s, asked_at=asked, renewing_at=None)


def _turn(state: State, message: _About) -> tuple[State, tuple[Effect, ...]]:
    late = message.run in state.ended or (isinstance(message, Stop) and message.run != state.run)
    if late:
        return state, ()
    known = TRANSITIONS.get((state.phase, type(message)))
    if known is None or state.run not in ("", message.run):
        return state, (Leave(CallerRefused.code),)
    phase, act = known
    if phase != "idle":
        return replace(state, phase=phase, run=message.run), act(message)
    ended = (*state.ended, message.run)[-MOST_ENDED:]
    return replace(state, phase="idle", run="", ended=ended), act(message)
