"""Where data keys are on a worker: in its memory, handed to its own tasks, and nowhere else."""

import subprocess
import sys

import pytest

from cleanroom.crypto.sealing import Unsealer
from cleanroom.encoding import content_digest
from cleanroom.errors import TransferBroken
from enclave.worker.engine import Job
from enclave.worker.orders import accept
from enclave.worker.pipe import Fetched
from enclave.worker.serving import KeyService, ask
from enclave.worker.vault import RunKeys
from tests.support.workers import (
    ScriptedRoom,
    live_manifest,
    now,
    running_worker,
)

ASK = (
    "import hashlib, sys; from enclave.worker.serving import ask; "
    "given = ask(sys.argv[1], 'left', 0); "
    "print(hashlib.sha256(given.key).hexdigest())"
)


@pytest.fixture(scope="module")
def room():
    return ScriptedRoom(live_manifest())


@pytest.fixture(scope="module")
def data(room, tmp_path_factory):
    return room.add_both(tmp_path_factory.mktemp("sealed"))


@pytest.fixture(scope="module")
def job(room, data, tmp_path_factory):
    """A job as a worker holds it; the worker of this order is this test."""
    directory = tmp_path_factory.mktemp("worker")
    with room.serving() as address, running_worker(room, address, directory):
        worker = room.worker()
    unsealer = Unsealer.generate()
    worker.join = type(worker.join)(**{**dict(worker.join), "seal_key": unsealer.public_key})
    order = room.order("overlap", data, worker)
    accepted = accept(order, room.manifest, role="cpu", instance=worker.admit.instance, now=now())
    grants = {name: ordered.grant for name, ordered in order.inputs.items()}
    keys = RunKeys(order.run, grants, unsealer)
    return Job(accepted, keys, room.unsealer.public_key, directory, print)


@pytest.fixture
def service(job, tmp_path):
    """A service for descendants of this test's own process."""
    import os

    made = KeyService(tmp_path / "keys", os.getpid(), job)
    run = job.accepted.order.run
    made.supply(Fetched(run=run, input="left", index=0, file=str(tmp_path / "part")))
    yield tmp_path / "keys", made
    made.close()


def test_a_task_of_the_node_gets_the_key_of_the_part_it_names(service, data):
    path, _ = service
    asked = subprocess.run(
        [sys.executable, "-I", "-c", ASK, str(path)], capture_output=True, check=True, text=True
    )
    expected = content_digest(data["customers"][1]).removeprefix("sha256:")
    assert asked.stdout.strip() == expected


def test_a_process_that_the_node_did_not_start_gets_nothing(service):
    """This test is the service's root itself, so it descends from nobody that may ask."""
    path, _ = service
    with pytest.raises(TransferBroken, match=r"ended inside|gives no key"):
        ask(str(path), "left", 0)


def test_only_the_owner_may_open_the_socket(service):
    path, _ = service
    assert path.stat().st_mode & 0o777 == 0o600


def test_who_waits_when_the_run_ends_is_turned_away(service):
    path, made = service
    waiting = subprocess.Popen(
        [sys.executable, "-I", "-c", ASK.replace("'left', 0", "'left', 1"), str(path)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    with waiting:
        made.close()
        output, errors = waiting.communicate(timeout=60)
    assert output == b""
    assert waiting.returncode == 1
    assert errors


def test_neither_job_nor_assignment_shows_a_key(job, data):
    key = data["customers"][1]
    shown = repr(job) + repr(job.assignment) + str(job.keys)
    assert key.hex() not in shown
    assert repr(key) not in shown
    assert key not in job.assignment.to_bytes()
