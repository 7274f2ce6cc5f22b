"""The host kills the coordinator without warning: what was acknowledged is kept, and no more."""

import threading
from contextlib import suppress

import pytest

from cleanroom.encoding import content_digest
from cleanroom.errors import CleanroomError, LimitReached
from cleanroom.wire.channels import CHUNK
from cleanroom.wire.proto.cleanroom.v1 import cleanroom_pb2 as pb
from cleanroom.wire.proto.cleanroom.v1 import cleanroom_pb2_grpc as rpc
from enclave.attester.simulated import SimulatedPlatform
from tests.support.coordinator_process import killable
from tests.support.rooms import blob_chunks, clock, room_manifest


@pytest.fixture(scope="module")
def machine(tmp_path_factory):
    """The directory of a simulated machine, and the machine."""
    directory = tmp_path_factory.mktemp("platform")
    return directory, SimulatedPlatform.create(directory, clock())


def test_killed_during_an_upload_it_goes_on_where_it_stopped(tmp_path, machine):
    directory, platform = machine
    manifest = room_manifest(platform)
    content = bytes(range(256)) * (8 * CHUNK // 256)
    digest = content_digest(content)
    with killable(tmp_path, manifest, directory) as (room, process):
        room.propose()
        bank = room.party("bank")
        sent = threading.Event()

        def stalling():
            for number, chunk in enumerate(blob_chunks(content)):
                yield chunk
                if number == 4:
                    sent.set()
                    threading.Event().wait(5)

        def upload():
            with suppress(CleanroomError):
                bank.call(rpc.BlobsStub(bank.channel).Put, stalling())

        uploading = threading.Thread(target=upload)
        uploading.start()
        assert sent.wait(20)
        stub = rpc.BlobsStub(bank.channel)
        while bank.call(stub.Stat, pb.BlobRequest(digest=digest)).stored < CHUNK:
            threading.Event().wait(0.02)
        process.kill()
        uploading.join()
    with killable(tmp_path, manifest, directory) as (room, _):
        bank = room.party("bank")
        stub = rpc.BlobsStub(bank.channel)
        stored = bank.call(stub.Stat, pb.BlobRequest(digest=digest))
        assert CHUNK <= stored.stored < len(content)
        assert not stored.complete
        assert bank.upload(content, offset=stored.stored).complete
        assert bank.fetch(digest) == content


def test_killed_during_a_run_its_use_is_spent_and_the_room_goes_on(tmp_path, machine):
    directory, platform = machine
    manifest = room_manifest(platform, computations__overlap__limits__max_runs=2)
    with killable(tmp_path, manifest, directory) as (room, process):
        room.propose()
        bank, _ = room.fill()
        worker = room.worker()
        lost = bank.submit().run
        worker.next()
        process.kill()
    with killable(tmp_path, manifest, directory) as (room, _):
        bank = room.party("bank")
        assert (bank.view(lost).phase, bank.view(lost).code) == ("failed", "CR-6003")
        with room.worker() as worker:
            run = bank.submit().run
            worker.finish(worker.next())
            assert bank.watch(run)[-1].phase == "released"
            with pytest.raises(LimitReached):
                bank.submit()


def test_killed_at_any_moment_every_acknowledged_run_is_there(tmp_path, machine):
    """Three times: requests as fast as they go, then the end in the middle of one."""
    directory, platform = machine
    limits = {
        "computations__overlap__limits__max_runs": 100_000,
        "datasets__customers__allow__max_releases": 100_000,
        "datasets__baskets__allow__max_releases": 100_000,
    }
    manifest = room_manifest(platform, **limits)
    acknowledged: set[str] = set()
    for start in range(3):
        with killable(tmp_path, manifest, directory) as (room, process):
            if start == 0:
                room.propose()
                room.fill()
            bank = room.party("bank")

            def ask(party):
                with suppress(CleanroomError):
                    while True:
                        acknowledged.add(party.submit().run)

            asking = [threading.Thread(target=ask, args=(bank,)) for _ in range(2)]
            before = len(acknowledged)
            for thread in asking:
                thread.start()
            while len(acknowledged) < before + 10 + 7 * start:
                threading.Event().wait(0.001)
            process.kill()
            for thread in asking:
                thread.join()
    with killable(tmp_path, manifest, directory) as (room, _):
        bank = room.party("bank")
        kept = {name for name in acknowledged if bank.view(name).phase == "submitted"}
    assert kept == acknowledged
    assert len(acknowledged) >= 30
