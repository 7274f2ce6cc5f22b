"""A room that was good when the party connected, and became another one behind an open connection.

The manifest says how old a statement may be that a party relies on: then it asks again, before its
next call says anything.
"""

from datetime import timedelta

import pytest

from cleanroom.client.room import connect
from cleanroom.errors import AppraisalFailed
from tests.support.breaches import Mutant, assert_gets_through
from tests.support.hostile_room import HostileRoom, identity_of, simulated_manifest
from tests.support.manifests import NOW
from tests.support.mutants import returns

MOST_S = 200


class Watch:
    """A party's clock, moved by the test."""

    def __init__(self):
        self.now = NOW

    def __call__(self):
        return self.now


def entered(room, manifest, directory, watch):
    return connect(
        manifest,
        identity=identity_of("bank"),
        coordinator=room,
        directory=directory,
        clock=watch,
        patience_s=0.5,
        allow_simulated=True,
    )


def asking_again():
    return simulated_manifest(coordinator__max_evidence_age_s=MOST_S)


def test_room_that_runs_other_code_by_now(tmp_path):
    manifest, watch = asking_again(), Watch()
    room = HostileRoom(manifest)
    with room.serving() as address, entered(address, manifest, tmp_path, watch) as bank:
        assert bank.runs() == []
        room.measurement = b"\xee" * 48
        watch.now += timedelta(seconds=MOST_S + 1)
        del room.received[:]
        with pytest.raises(AppraisalFailed, match="measurement"):
            bank.runs()
        assert room.received == ["GetStatement"]


def test_statement_that_is_young_enough_is_not_asked_for_again(tmp_path):
    manifest, watch = asking_again(), Watch()
    room = HostileRoom(manifest)
    with room.serving() as address, entered(address, manifest, tmp_path, watch) as bank:
        watch.now += timedelta(seconds=MOST_S)
        assert bank.runs() == []
        watch.now += timedelta(seconds=1)
        assert bank.runs() == []
    assert room.received.count("GetStatement") == 2


def test_without_an_age_only_a_break_asks_again(tmp_path):
    manifest, watch = simulated_manifest(), Watch()
    room = HostileRoom(manifest)
    with room.serving() as address, entered(address, manifest, tmp_path, watch) as bank:
        watch.now += timedelta(days=1)
        assert bank.runs() == []
    assert room.received.count("GetStatement") == 1


def test_the_story_notices_a_party_that_never_asks_again(monkeypatch, tmp_path_factory):
    mutant = Mutant(
        "cleanroom.client.calls:Calls._too_old",
        returns(False),
        test_room_that_runs_other_code_by_now,
    )

    def story():
        mutant.story(tmp_path_factory.mktemp("bank"))

    assert_gets_through(monkeypatch, mutant, story)
