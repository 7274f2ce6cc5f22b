"""The workers that a room shows, answer by answer: their evidence may not fit into one.

Nothing in it is appraised here, and a room that never comes to an end is not followed.
"""

from collections.abc import Iterator

from cleanroom.client.calls import Calls
from cleanroom.errors import StatementRejected
from cleanroom.protocol.join import Admitted
from cleanroom.wire.proto.cleanroom.v1 import cleanroom_pb2 as pb


def members(calls: Calls) -> Iterator[Admitted]:
    """Every worker with a lease, by its name.

    Raises:
        StatementRejected: the room shows workers out of their order, and so perhaps for ever.
        CleanroomError: what the room answered instead.
    """
    after = ""
    while shown := _behind(calls, after):
        for one in shown:
            if one.instance <= after:
                raise StatementRejected(
                    f"the room shows worker {one.instance!r} behind {after!r}, expected their order"
                )
            after = one.instance
        yield from shown


def _behind(calls: Calls, after: str) -> list[Admitted]:
    reply: pb.CanonicalList = calls.unary(
        lambda to: to.trust.GetWorkers, pb.WorkersRequest(after=after)
    )
    return [Admitted.from_bytes(each) for each in reply.records]
