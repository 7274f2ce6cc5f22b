"""Two nodes on this machine, TLS and token: a run, what it leaves, and who may join.

Each start of a cluster costs seconds, so the stories share the clusters of this file.
"""

import os
import secrets
import signal
import socket
import time
from datetime import timedelta
from pathlib import Path

import grpc
import pytest

from cleanroom.crypto.certificates import (
    certificate_pem,
    certificate_request,
    issue,
    new_authority,
    new_private_key,
    private_key_pem,
)
from cleanroom.errors import WorkerLost
from cleanroom.protocol.work import Failed, Finished, Ready, Stop
from enclave.worker import ports
from enclave.worker.processes import descendants
from enclave.worker.raystart import HERE
from enclave.worker.tls import NodeFiles
from tests.support.workers import (
    ScriptedRoom,
    baskets,
    customers,
    live_manifest,
    now,
    running_worker,
    started_worker,
)

pytestmark = pytest.mark.cluster

CANARY = b"@canary.example"
ASK_NODES = "/ray.rpc.NodeInfoGcsService/GetAllNodeInfo"
EXPECTED = {
    "tls",
    "token",
    "private-directory",
    "core-dumps-off",
    "no-dashboard",
    "listeners",
    "spilling-off",
}
"""What holds on any machine; the other items depend on it."""


@pytest.fixture(scope="module")
def room():
    return ScriptedRoom(live_manifest(count=2))


@pytest.fixture(scope="module")
def data(room, tmp_path_factory):
    directory = tmp_path_factory.mktemp("sealed")
    return {
        "customers": room.add("customers", customers(0, 3000), directory, parts=3),
        "baskets": room.add("baskets", baskets(1000, 3000), directory, parts=4),
    }


@pytest.fixture(scope="module")
def gang(room, tmp_path_factory):
    """Two workers of one machine, by their addresses, and their directories."""
    places = [tmp_path_factory.mktemp(f"worker{node}") for node in (2, 3)]
    with (
        room.serving() as address,
        running_worker(room, address, places[0], "127.0.0.2"),
        running_worker(room, address, places[1], "127.0.0.3"),
    ):
        joined = [room.worker(), room.worker()]
        yield sorted(joined, key=lambda worker: worker.join.node_ip), places


def node_directories():
    """The directories of the nodes that this process has started, by their place in the gang."""
    found = []
    for pid in sorted(descendants(os.getpid())):
        words = Path(f"/proc/{pid}/cmdline").read_bytes().decode().split("\0")
        if "enclave.worker.node" in words:
            at = words.index("enclave.worker.raystart")
            found.append((words[at + 2] != HERE, Path(words[at + 1])))
    return [directory for _, directory in sorted(found)]


def formed(room, workers, run):
    """Form the gang; its peers and what each node measured."""
    peers = room.provision(workers, run)
    ready = [worker.hear(Ready, Failed) for worker in workers]
    assert all(isinstance(answer, Ready) for answer in ready)
    return peers, [{check.item: check.passed for check in answer.preflight} for answer in ready]


def give_orders(room, data, workers, peers, run, computation, **parameters):  # noqa: PLR0917
    for worker in workers:
        worker.say(room.order(computation, data, worker, peers, run, **parameters))


def holding(places, *needles):
    """Files below `places` that hold one of the needles."""
    files = [path for place in places for path in place.rglob("*") if path.is_file()]
    assert files
    return [path for path in files if any(needle in path.read_bytes() for needle in needles)]


def wait_until(holds):
    until = time.monotonic() + 30
    while not holds():
        assert time.monotonic() < until
        time.sleep(0.05)


def test_a_gang_counts_and_leaves_neither_plaintext_nor_keys_nor_ports(room, data, gang):
    workers, places = gang
    run = "r-0000000000000001"
    peers, measured = formed(room, workers, run)
    failing = [{item for item, passed in node.items() if not passed} for node in measured]
    assert [each & EXPECTED for each in failing] == [set(), set()]
    assert measured[0]["spilling-off"]
    directories = node_directories()
    assert len(directories) == 2
    give_orders(room, data, workers, peers, run, "overlap")
    finished = workers[0].hear(Finished, Failed)
    assert isinstance(finished, Finished)
    assert room.opened(run, finished.outputs[0]).to_pydict() == {"overlap": [2000]}
    # node 1 still stands: everything that it wrote, logs of Ray included
    keys = [key for _, key in data.values()]
    assert holding([*node_directories(), *places], CANARY, *keys) == []
    workers[1].say(Stop(run=run))
    wait_until(lambda: not any(directory.exists() for directory in directories))
    for peer in peers:
        for port in sorted(ports.allowed(peer.port_base)):
            with socket.socket() as probe:
                assert probe.connect_ex((peer.node_ip, port)) != 0


def test_rows_are_taken_from_the_nodes_that_hold_them(room, data, gang):
    workers, _ = gang
    run = "r-0000000000000002"
    peers, _ = formed(room, workers, run)
    give_orders(room, data, workers, peers, run, "matches", limit=1500)
    finished = workers[0].hear(Finished, Failed)
    assert isinstance(finished, Finished)
    workers[1].say(Stop(run=run))
    tables = {each.output.output: room.opened(run, each) for each in finished.outputs}
    shared = customers(1000, 1500)
    got = tables["for-bank"].sort_by("left.income")
    assert got.column("left.email").to_pylist() == shared.column("email").to_pylist()
    assert got.column("left.segment").to_pylist() == shared.column("segment").to_pylist()
    spends = baskets(1000, 1500).column("spend").to_pylist()
    assert got.column("right.spend").to_pylist() == spends
    assert sorted(tables["for-shop"].column("right.spend").to_pylist()) == sorted(spends)


def ask_head(address, files_or_pair, authority, token=None):
    """Ask the cluster's control service for its nodes; the status code of its answer."""
    key, leaf = files_or_pair
    credentials = grpc.ssl_channel_credentials(authority, key, leaf)
    metadata = [("authorization", f"Bearer {token}")] if token else []
    with grpc.secure_channel(address, credentials) as channel:
        call = channel.unary_unary(ASK_NODES)
        try:
            call(b"", timeout=5, metadata=metadata)
        except grpc.RpcError as refused:
            return refused.code()
    return grpc.StatusCode.OK


def foreign_credentials():
    """A leaf for the head's very address, of somebody else's authority."""
    authority_key, key = new_private_key(), new_private_key()
    lifetime = timedelta(hours=1)
    authority = new_authority("run", authority_key, now(), lifetime)
    leaf = issue(
        authority,
        authority_key,
        certificate_request(key),
        ["127.0.0.2"],
        now=now(),
        lifetime=lifetime,
    )
    return private_key_pem(key), certificate_pem(leaf)


@pytest.fixture
def cluster(room, gang):
    """A formed gang without an order: the head's address and its credentials."""
    workers, _ = gang
    run = f"r-{secrets.token_hex(8)}"
    peers, _ = formed(room, workers, run)
    yield f"127.0.0.2:{peers[0].port_base}", NodeFiles(node_directories()[0])
    for worker in workers:
        worker.say(Stop(run=run))
    wait_until(lambda: not node_directories())


def test_only_the_runs_own_certificate_and_token_open_the_cluster(cluster):
    address, files = cluster
    own = files.key.read_bytes(), files.certificate.read_bytes()
    authority, token = files.authority.read_bytes(), files.token.read_text()
    assert ask_head(address, own, authority, token) is grpc.StatusCode.OK
    assert ask_head(address, own, authority) is grpc.StatusCode.UNAUTHENTICATED
    assert ask_head(address, own, authority, "0" * 64) is grpc.StatusCode.UNAUTHENTICATED
    foreign = foreign_credentials()
    assert ask_head(address, foreign, authority, token) is grpc.StatusCode.UNAVAILABLE
    nobody = (None, None)
    assert ask_head(address, nobody, authority, token) is grpc.StatusCode.UNAVAILABLE


def test_a_node_that_dies_in_the_middle_ends_the_run_with_a_code(room, data, gang):
    workers, _ = gang
    run = "r-0000000000000003"
    peers, _ = formed(room, workers, run)
    room.store.hang = True
    give_orders(room, data, workers, peers, run, "overlap")
    for pid in descendants(os.getpid()):
        words = Path(f"/proc/{pid}/cmdline").read_bytes()
        if b"raylet/raylet" in words and b"127.0.0.3" in words:
            os.kill(pid, signal.SIGKILL)
    failed = workers[1].hear(Failed, timeout=90)
    assert failed.code == WorkerLost.code
    seen_by_head = workers[0].hear(Failed, Finished, timeout=90)
    room.store.hang = False
    assert isinstance(seen_by_head, Failed)
    assert seen_by_head.code == WorkerLost.code


def test_a_worker_that_is_killed_leaves_no_process_behind(room, data, gang, tmp_path):
    workers, _ = gang
    run = "r-0000000000000004"
    with room.serving() as address, started_worker(room, address, tmp_path / "w") as process:
        doomed = room.worker()
        peers, _ = formed(room, [doomed, workers[1]], run)
        room.store.hang = True
        give_orders(room, data, [doomed, workers[1]], peers, run, "overlap")
        family = descendants(process.pid)
        directory = node_directories()[0]
        assert len(family) > 5
        process.kill()
        process.wait()
        room.store.hang = False
        wait_until(lambda: not any(Path(f"/proc/{pid}").exists() for pid in family))
        wait_until(lambda: not directory.exists())
    workers[1].say(Stop(run=run))
