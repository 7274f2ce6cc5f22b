"""The program itself: it says where it listens, ends when told, and explains what is wrong."""

import json
import signal
import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path

import pytest
from pydantic import TypeAdapter

from cleanroom.attestation.policy import AppraisalPolicy, SevSnpPolicy
from cleanroom.attestation.resolving import resolve
from cleanroom.errors import ReferenceValuesRefused, Usage
from cleanroom.manifest.genesis import Genesis
from cleanroom.wire.proto.cleanroom.v1 import cleanroom_pb2 as pb
from cleanroom.wire.proto.cleanroom.v1 import cleanroom_pb2_grpc as rpc
from enclave.attester.measure import installed_code_digest, measurement_of
from enclave.attester.simulated import SimulatedPlatform
from enclave.coordinator.initialise import COORDINATOR_POLICY, WORKER_POLICY, init
from enclave.coordinator.main import KEPT
from tests.support.manifests import good_manifest
from tests.support.rooms import RunningRoom, call, clock

WAIT_S = 30


@pytest.fixture(scope="module")
def begun(tmp_path_factory):
    """A directory that was initialised for development, and what it said."""
    directory = tmp_path_factory.mktemp("begun")
    return directory, init(directory, "development", clock())


def genesis_file(directory):
    file = directory / "genesis.json"
    file.write_bytes(Genesis.of(good_manifest()).to_bytes())
    return file


@contextmanager
def started(directory, *, listen="127.0.0.1:0", platform=None, environment=None, state=None):
    command = [sys.executable, "-I", "-m", "enclave.coordinator.main"]
    options = {
        "--directory": state or directory / "state",
        "--genesis": genesis_file(directory),
        "--listen": listen,
        "--platform": platform or directory / "platform",
    }
    arguments = [str(word) for pair in options.items() for word in pair]
    with subprocess.Popen(
        command + arguments,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=environment,
    ) as process:
        try:
            yield process
        finally:
            process.kill()


def test_it_says_where_it_listens_and_stops_when_told(begun, tmp_path):
    directory, _ = begun
    with started(directory, state=tmp_path) as process:
        address = json.loads(process.stdout.readline())["address"]
        manifest = good_manifest()
        room = RunningRoom(address, manifest, Genesis.of(manifest), None, directory)
        governance = rpc.GovernanceStub(room.anybody())
        assert call(governance.GetTally, pb.Nothing()).phase == "waiting"
        room.close()
        process.send_signal(signal.SIGTERM)
        assert process.wait(WAIT_S) == 0
        told = [json.loads(line) for line in process.stderr.read().splitlines()]
        assert [line["message"] for line in told] == [
            "platform",
            "event",
            "serving",
            "stopped",
        ]


def test_a_port_that_is_taken_is_exit_status_2_without_a_trace(begun, tmp_path):
    directory, _ = begun
    with started(directory, state=tmp_path / "first") as first:
        address = json.loads(first.stdout.readline())["address"]
        with started(tmp_path, listen=address, platform=directory / "platform") as second:
            out, told = second.communicate(timeout=WAIT_S)
            assert second.returncode == 2
            assert out == ""
            assert "CR-8003" in told
            assert "Traceback" not in told


def test_a_directory_in_use_is_told(begun, tmp_path):
    directory, _ = begun
    with started(directory, state=tmp_path) as first:
        first.stdout.readline()
        with started(directory, state=tmp_path) as second:
            _, told = second.communicate(timeout=WAIT_S)
            assert second.returncode == 2
            assert "CR-8006: the state is in use" in told
            assert "Traceback" not in told


def test_a_missing_platform_is_told(tmp_path):
    with started(tmp_path) as process:
        _, told = process.communicate(timeout=WAIT_S)
        assert process.returncode == 2
        assert "CR-8002" in told


@pytest.mark.parametrize("listen", ["nowhere", "127.0.0.1:99999", ":7443"])
def test_what_is_no_address_is_told(begun, tmp_path, listen):
    directory, _ = begun
    with started(directory, listen=listen, state=tmp_path) as process:
        _, told = process.communicate(timeout=WAIT_S)
        assert process.returncode == 2
        assert "CR-8001" in told


def test_the_environment_is_left_behind(begun, tmp_path):
    """Variables that redirect libraries, weaken OpenSSL or make gRPC talk do not survive."""
    directory, _ = begun
    hostile = {
        "OPENSSL_ia32cap": "0",
        "GRPC_TRACE": "all",
        "GRPC_VERBOSITY": "debug",
        "SSLKEYLOGFILE": str(directory / "keys.log"),
    }
    with started(directory, environment=hostile, state=tmp_path) as process:
        process.stdout.readline()
        raw = Path(f"/proc/{process.pid}/environ").read_bytes()
        names = {entry.split(b"=")[0].decode() for entry in raw.split(b"\0") if entry}
        assert names <= KEPT
        process.send_signal(signal.SIGTERM)
        assert process.wait(WAIT_S) == 0
        assert "grpc" not in process.stderr.read().lower()
    assert not (directory / "keys.log").exists()


def test_it_begins_a_room_with_what_a_manifest_needs(tmp_path):
    beginning, code = init(tmp_path, "development", clock()), installed_code_digest()
    assert set(beginning.attestation) == {COORDINATOR_POLICY, WORKER_POLICY}
    coordinator, worker = (
        SevSnpPolicy.from_plain(beginning.attestation[name])
        for name in (COORDINATOR_POLICY, WORKER_POLICY)
    )
    platform = SimulatedPlatform.load(tmp_path / "platform")
    assert coordinator.development_roots == [platform.root_fingerprint]
    assert worker.measurements == [measurement_of("cpu", code).hex()]
    assert coordinator.measurements == [measurement_of("coordinator", code).hex()]
    assert beginning.lineage.version == 4


@pytest.mark.parametrize("workers_on", ["sev-snp", "tdx"])
def test_a_development_room_may_name_its_images(tmp_path, workers_on):
    now = clock()
    listed = init(tmp_path / "a", "development", now, ("cpu", "gpu"), workers_on)
    beginning = init(tmp_path / "b", "development", now, ("cpu", "gpu"), workers_on, named=True)
    assert sorted(beginning.envelopes) == [
        f"{image}-{builder}.json"
        for image in (COORDINATOR_POLICY, WORKER_POLICY)
        for builder in ("first-builder", "second-builder")
    ]
    entries = TypeAdapter(dict[str, AppraisalPolicy]).validate_json(
        json.dumps(dict(beginning.attestation))
    )
    resolved = resolve(entries, list(beginning.envelopes.values()), now=now)
    for name, entry in listed.attestation.items():
        found = resolved[name].to_plain()["measurements"]
        plain = type(resolved[name]).from_plain(entry).to_plain()["measurements"]
        assert sorted(map(str, found)) == sorted(map(str, plain))
    with pytest.raises(ReferenceValuesRefused, match="1 builders signed"):
        resolve(entries, list(beginning.envelopes.values())[::2], now=now)


def test_development_builders_sign_no_image_of_production(tmp_path):
    with pytest.raises(Usage, match="development rooms only"):
        init(tmp_path, "production", clock(), named=True)


def test_a_room_begins_once(begun):
    directory, _ = begun
    with pytest.raises(Usage, match="exists already"):
        init(directory, "development", clock())


def test_production_trusts_no_simulated_machine(tmp_path):
    assert init(tmp_path, "production", clock()).attestation == {}
    assert not (tmp_path / "platform").exists()
