"""Values that a training tells while it goes on: only what the manifest lets be live, and to whom.

The worker decides the same before it says anything. The room decides it again, because what has
been told cannot be taken back: a value that is not to be told ends the worker's stream, and each
watcher is told the values of the outputs that it receives, and no others.
"""

from cleanroom.errors import CallerRefused
from cleanroom.manifest.model import AnyComputation, CurveOutput
from cleanroom.protocol.run import RunEvent
from cleanroom.protocol.work import Progress


def permitted(computation: AnyComputation, said: Progress) -> Progress:
    """Return what a worker said, once each of its values may be told.

    Raises:
        CallerRefused: a value is of no live output, or has more decimals than were signed.
    """
    for value in said.live:
        output = computation.outputs.get(value.output)
        if not isinstance(output, CurveOutput) or not output.live:
            raise CallerRefused(f"a value of {value.output!r} was told, which is not live")
        if round(value.value, output.decimals) != value.value:
            raise CallerRefused(f"a value of {value.output!r} is not rounded as it was signed")
    return said


def for_party(computation: AnyComputation, event: RunEvent, party: str) -> RunEvent:
    """The event as this party may see it."""
    own = [each for each in event.live if party in computation.outputs[each.output].recipients]
    return event.model_copy(update={"live": own})
