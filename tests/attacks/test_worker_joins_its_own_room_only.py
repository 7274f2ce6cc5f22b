"""A worker proves itself to the room it was launched for, and to nobody else."""

import time

import pytest

from cleanroom.errors import (
    AppraisalFailed,
    EvidenceRejected,
    StatementRejected,
    Unreachable,
)
from tests.support.platform import other_platform
from tests.support.workers import (
    MEASUREMENT,
    PATIENCE_S,
    ScriptedRoom,
    diary_in,
    live_manifest,
    live_platform,
    running_worker,
)


@pytest.fixture
def room():
    return ScriptedRoom(live_manifest())


def first_refusal(caplog, launched_for, address, directory):
    """Why the worker did not join, when it is told to work at `address`."""
    with (
        diary_in(caplog),
        running_worker(launched_for, address, directory),
    ):
        until = time.monotonic() + PATIENCE_S
        while not (refusals := [r.code for r in caplog.records if r.msg == "not joined"]):
            assert time.monotonic() < until
            time.sleep(0.02)
    return refusals[0]


def test_a_room_of_other_parties_gets_neither_evidence_nor_keys(room, caplog, tmp_path):
    own = ScriptedRoom(live_manifest(metadata__lineage="11111111-7c3b-4c55-9f1a-0d2f6f6f1e11"))
    with room.serving() as address:
        assert first_refusal(caplog, own, address, tmp_path / "w") == StatementRejected.code
    assert room.joins == []


def test_a_relay_with_a_certificate_of_its_own_sees_no_join(room, caplog, tmp_path):
    """It shows the true room's statement, which names another authority than its own."""
    with room.serving(relay=ScriptedRoom(room.manifest)) as address:
        assert first_refusal(caplog, room, address, tmp_path / "w") == Unreachable.code
    assert room.hellos > 0
    assert room.joins == []


def test_a_statement_made_for_another_nonce_is_refused(room, caplog, tmp_path):
    room.said_nonce = bytes(32)
    with room.serving() as address:
        assert first_refusal(caplog, room, address, tmp_path / "w") == StatementRejected.code
    assert room.joins == []


def test_a_room_that_not_everybody_has_approved_is_refused(room, caplog, tmp_path):
    room.phase = "proposed"
    with room.serving() as address:
        assert first_refusal(caplog, room, address, tmp_path / "w") == StatementRejected.code
    assert room.joins == []


def test_a_room_of_other_code_is_refused(room, caplog, tmp_path):
    room.attester = live_platform().attester(b"\x66" * 48, room.genesis.digest)
    with room.serving() as address:
        assert first_refusal(caplog, room, address, tmp_path / "w") == AppraisalFailed.code
    assert room.joins == []


def test_a_room_on_a_machine_that_no_party_trusts_is_refused(room, caplog, tmp_path):
    room.attester = other_platform().attester(MEASUREMENT, room.genesis.digest)
    with room.serving() as address:
        assert first_refusal(caplog, room, address, tmp_path / "w") == EvidenceRejected.code
    assert room.joins == []


def test_refusals_are_logged_as_codes_and_nothing_else(room, caplog, tmp_path):
    room.said_nonce = bytes(32)
    with room.serving() as address:
        first_refusal(caplog, room, address, tmp_path / "w")
    assert {record.args for record in caplog.records} == {()}
    assert all(record.exc_info is None for record in caplog.records)
