"""Somebody wants more than the parties signed: more runs, other parameters, another manifest."""

import os
import shutil
import threading
from datetime import timedelta

import pytest

from cleanroom.encoding import instant_text
from cleanroom.errors import (
    ApprovalMissing,
    CallerRefused,
    CleanroomError,
    LimitReached,
    LogInconsistent,
    ManifestConflict,
    ManifestOutdated,
    ParameterOutOfRange,
    RunRefused,
)
from cleanroom.ledger.checkpoint import extend_head, open_checkpoint
from tests.support.rooms import at_once, clock, coordinator, room_manifest


@pytest.fixture(scope="module")
def room(tmp_path_factory):
    """An active room with both datasets and no worker."""
    with coordinator(tmp_path_factory.mktemp("room")) as running:
        running.bank, running.shop = running.fill()
        yield running


def test_a_party_that_is_no_submitter_gets_no_run(room):
    with pytest.raises(RunRefused, match="'shop' may not submit 'matches'"):
        room.shop.submit("matches")


def test_a_party_does_not_use_anothers_request(room):
    with pytest.raises(CallerRefused, match="in the name of 'bank'"):
        room.shop.send(room.bank.request("matches"))


def test_a_parameter_outside_its_range_is_refused(room):
    with pytest.raises(ParameterOutOfRange, match="expected 1 to 100000"):
        room.bank.submit("matches", parameters={"limit": 100_001})


def test_parallel_requests_do_not_exceed_max_runs(tmp_path):
    """Twenty threads ask at once; two runs are allowed."""
    manifest = room_manifest(computations__overlap__limits__max_runs=2)
    with coordinator(tmp_path, manifest) as tight:
        bank, _ = tight.fill()
        got, refused = at_once(lambda: bank.submit().run, LimitReached)
        assert len(set(got)) == 2
        assert len(refused) == 18


def test_max_runs_hold_after_a_restart(tmp_path):
    manifest = room_manifest(computations__overlap__limits__max_runs=1)
    with coordinator(tmp_path, manifest) as first:
        bank, _ = first.fill()
        with first.worker() as worker:
            run = bank.submit().run
            worker.finish(worker.next())
            assert bank.watch(run)[-1].phase == "released"
    with coordinator(tmp_path, manifest, propose=False) as second:
        bank = second.party("bank")
        assert bank.view(run).phase == "released"
        assert bank.result_key(run, "size")
        with pytest.raises(LimitReached):
            bank.submit()


def test_a_restart_does_not_give_back_what_was_granted(tmp_path):
    """Keys were granted, then the coordinator went down: the use is spent, the run is lost."""
    manifest = room_manifest(computations__overlap__limits__max_runs=1)
    with coordinator(tmp_path, manifest) as first:
        bank, _ = first.fill()
        with first.worker() as worker:
            run = bank.submit().run
            worker.next()
    with coordinator(tmp_path, manifest, propose=False) as second:
        bank = second.party("bank")
        assert (bank.view(run).phase, bank.view(run).code) == ("failed", "CR-6003")
        with pytest.raises(LimitReached):
            bank.submit()


def test_a_restored_backup_is_noticed_by_whoever_remembers(tmp_path):
    """The operator puts an older state back: limits would be fresh, but the log is shorter."""
    state, backup = tmp_path / "state", tmp_path / "backup"
    manifest = room_manifest()
    with coordinator(state, manifest) as first:
        first.fill()
    shutil.copytree(state, backup)
    with coordinator(state, manifest, propose=False) as second:
        bank = second.party("bank")
        bank.submit()
        statement = second.statement(os.urandom(32))
        seen = open_checkpoint(statement.checkpoint, bank.trusted.sign_key)
    with coordinator(backup, manifest, propose=False) as third:
        statement = third.statement(os.urandom(32))
        shown = open_checkpoint(statement.checkpoint, bank.trusted.sign_key)
        with pytest.raises(LogInconsistent):
            extend_head(seen, shown, [])


def test_a_missing_approval_keeps_everything_shut(tmp_path):
    with coordinator(tmp_path, propose=False) as waiting:
        waiting.propose("bank")
        with pytest.raises(ApprovalMissing):
            waiting.party("bank")


def test_an_expired_manifest_is_not_taken(tmp_path):
    past = room_manifest(
        metadata__not_before=instant_text(clock() - timedelta(days=9)),
        metadata__not_after=instant_text(clock() - timedelta(days=1)),
    )
    with coordinator(tmp_path, past, propose=False) as late, pytest.raises(ManifestOutdated):
        late.propose()


def test_a_manifest_whose_time_is_over_serves_nobody(tmp_path):
    """It was in force; a moment later every statement, upload and run is refused."""
    soon = clock() + timedelta(seconds=2)
    short = room_manifest(metadata__not_after=instant_text(soon))
    with coordinator(tmp_path, short) as closing:
        bank, _ = closing.fill()
        while clock() <= soon:
            threading.Event().wait(0.1)
        for refused in (
            lambda: closing.statement(os.urandom(32)),
            lambda: bank.upload(b"late"),
            bank.submit,
        ):
            with pytest.raises((ManifestOutdated, ApprovalMissing)):
                refused()


def test_a_second_manifest_does_not_replace_the_first(room):
    other = room_manifest(computations__overlap__limits__max_runs=1_000)
    with pytest.raises(ManifestConflict, match="already holds"):
        room.propose(manifest=other)
    assert room.party("bank").trusted.in_force.manifest == room.manifest


def test_a_manifest_of_strangers_is_not_for_this_room(room):
    stranger = room_manifest(metadata__lineage="11111111-2222-4333-8444-555555555555")
    with pytest.raises(ManifestConflict, match="genesis"):
        room.propose(manifest=stranger)


def test_bytes_that_are_no_manifest_are_refused(room):
    from cleanroom.wire.proto.cleanroom.v1 import cleanroom_pb2 as pb
    from cleanroom.wire.proto.cleanroom.v1 import cleanroom_pb2_grpc as rpc
    from tests.support.rooms import call

    governance = rpc.GovernanceStub(room.anybody())
    for raw in (b"", b"{}", b"\xff" * 100, b"[" * 5000):
        with pytest.raises(CleanroomError) as caught:
            call(governance.Propose, pb.Proposal(manifest=raw))
        assert caught.value.code in {"CR-1005", "CR-1006"}
