"""The checks around a lost worker are taken away once each: it delivers late, or its snapshot opens."""

from itertools import count

import pytest

from tests.attacks import test_lost_workers as stories
from tests.support.breaches import Mutant, assert_gets_through, shown
from tests.support.mutants import passes, returns

SNAPSHOTS = "enclave.worker.snapshots"

MUTANTS = [
    Mutant(
        "enclave.coordinator.ending:_dismiss",
        passes,
        stories.test_who_is_left_of_a_gang_is_dismissed,
    ),
    Mutant(
        "enclave.coordinator.state:Run.member",
        lambda run, _instance: run.gang[0],
        stories.test_a_machine_of_a_lost_gang_comes_back_and_delivers,
    ),
    Mutant(
        "cleanroom.protocol.snapshot:frame",
        returns(b"any snapshot of any run"),
        stories.test_the_snapshot_of_another_run_is_handed_to_no_head,
    ),
    Mutant(
        "cleanroom.protocol.snapshot:frame",
        returns(b"any snapshot of any run"),
        stories.test_the_bytes_of_another_runs_snapshot_do_not_open,
    ),
    Mutant(
        f"{SNAPSHOTS}:encrypt_content",
        lambda raw, _key, **_: raw,
        stories.test_a_snapshot_is_read_from_the_disk,
    ),
    Mutant(
        f"{SNAPSHOTS}:_filled",
        lambda raw: raw,
        stories.test_the_size_of_a_snapshot_tells_how_far_a_search_is,
    ),
    Mutant(
        "enclave.coordinator.snapshots:_others",
        returns(()),
        stories.test_a_head_has_the_room_remove_what_is_no_snapshot,
    ),
]


@pytest.mark.parametrize("mutant", MUTANTS, ids=shown)
def test_somebody_gets_through_without_the_check(monkeypatch, tmp_path, mutant):
    attempts = count()

    def story():
        needs = mutant.story.__code__.co_varnames[: mutant.story.__code__.co_argcount]
        made = {"directory": tmp_path / str(next(attempts))} if "directory" in needs else {}
        mutant.story(**made)

    assert_gets_through(monkeypatch, mutant, story)
