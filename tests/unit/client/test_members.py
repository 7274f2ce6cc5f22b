"""The workers of a room come in as many answers as their evidence needs, and come to an end."""

from contextlib import ExitStack
from types import SimpleNamespace

import pytest

from cleanroom.client.members import members
from cleanroom.client.room import connect
from cleanroom.errors import StatementRejected
from cleanroom.wire.proto.cleanroom.v1 import cleanroom_pb2 as pb
from tests.support.hostile_room import identity_of
from tests.support.rooms import FakeWorker, coordinator, room_manifest, room_platform


@pytest.fixture(scope="module")
def shown(tmp_path_factory):
    """What a room of three workers answers when only one of them fits into an answer."""
    directory = tmp_path_factory.mktemp("members")
    manifest = room_manifest(room_platform(), workers__cpu__max_live=3)
    with ExitStack() as stack:
        patch = stack.enter_context(pytest.MonkeyPatch.context())
        room = stack.enter_context(coordinator(directory / "room", manifest))
        for _ in range(3):
            stack.enter_context(FakeWorker(room)).join()
        entered = connect(
            room.manifest,
            identity=identity_of("bank"),
            coordinator=room.address,
            directory=directory / "bank",
            allow_simulated=True,
        )
        with entered as bank:
            whole = list(members(bank._calls))
            size = max(len(each.to_bytes()) for each in whole)
            patch.setattr("enclave.coordinator.services.calls.MOST_BYTES", size + 100)
            yield SimpleNamespace(whole=whole, paged=list(members(bank._calls)), bank=bank)


def test_workers_of_several_answers_are_those_of_one(shown):
    assert len(shown.whole) == 3
    assert shown.paged == shown.whole
    assert [each.instance for each in shown.paged] == sorted(each.instance for each in shown.paged)


class Repeating:
    """Calls to a room that shows the same worker for ever."""

    def __init__(self, worker):
        self._worker = worker
        self.asked = 0

    def unary(self, _choose, _request):
        self.asked += 1
        return pb.CanonicalList(records=[self._worker.to_bytes()])


def test_a_room_that_never_ends_is_not_followed(shown):
    room = Repeating(shown.whole[0])
    with pytest.raises(StatementRejected, match="expected their order"):
        list(members(room))
    assert room.asked == 2
