"""What the room asks for once an event is durable; nothing here does any of it.

Every effect can be asked for again after a restart without harm: keys go to workers of a live
stream only, and a stream does not survive a restart.
"""

from dataclasses import dataclass

from cleanroom.protocol.reattestation import Reattest
from cleanroom.protocol.work import Provision, Stop


@dataclass(frozen=True, slots=True)
class Tell:
    """Send a message that holds no secret to a worker."""

    instance: str
    message: Provision | Stop | Reattest


@dataclass(frozen=True, slots=True)
class Dismiss:
    """End a worker's stream and forget its lease and token."""

    instance: str


@dataclass(frozen=True, slots=True)
class IssueCredentials:
    """Make the run's own authority and token, and send each node of its gang what it needs."""

    run: str


@dataclass(frozen=True, slots=True)
class SendOrders:
    """Seal the inputs' keys to every worker of the run's gang, and order the run."""

    run: str


@dataclass(frozen=True, slots=True)
class CheckOutputs:
    """Look the reported blobs up and open their keys; gives `OutputsChecked`."""

    run: str


@dataclass(frozen=True, slots=True)
class Release:
    """Compose the receipt and release; gives `ReleaseDue`."""

    run: str


@dataclass(frozen=True, slots=True)
class Remove:
    """Delete the blob of a snapshot that nobody goes on from."""

    digest: str


@dataclass(frozen=True, slots=True)
class Announce:
    """Tell whoever watches the run that its phase has changed."""

    run: str


Effect = Tell | Dismiss | IssueCredentials | SendOrders | CheckOutputs | Release | Remove | Announce
