"""The run's token is taken away from a gang's nodes: then a certificate alone opens the cluster."""

import secrets

import grpc
import pytest

from cleanroom.protocol.work import Stop
from enclave.worker import raycommand
from enclave.worker.tls import NodeFiles
from tests.cluster import test_gang_cluster as cluster
from tests.support.mutants import assert_mutant_is_caught
from tests.support.workers import ScriptedRoom, live_manifest, running_worker

pytestmark = pytest.mark.cluster

environment = raycommand.ray_environment


def without_a_token(files):
    """What Ray is started with, were the token forgotten."""
    made = {name: value for name, value in environment(files).items() if "AUTH" not in name}
    return made | {"RAY_AUTH_MODE": "disabled"}


def nobody_enters_without_the_token(room, workers):
    """A leaf of the run's own authority, found somewhere, and no token or a guessed one."""
    peers, _ = cluster.formed(room, workers, run := f"r-{secrets.token_hex(8)}")
    try:
        head, files = peers[0], NodeFiles(cluster.node_directories()[0])
        pair = files.key.read_bytes(), files.certificate.read_bytes()
        authority, address = files.authority.read_bytes(), f"{head.node_ip}:{head.port_base}"
        for token in (None, "0" * 64):
            answer = cluster.ask_head(address, pair, authority, token)
            assert answer is grpc.StatusCode.UNAUTHENTICATED
    finally:
        for worker in workers:
            worker.say(Stop(run=run))
        cluster.wait_until(lambda: not cluster.node_directories())


def test_a_certificate_alone_opens_the_cluster_without_the_token(monkeypatch, tmp_path):
    room = ScriptedRoom(live_manifest(count=2))
    with (
        room.serving() as address,
        running_worker(room, address, tmp_path / "2", "127.0.0.2"),
        running_worker(room, address, tmp_path / "3", "127.0.0.3"),
    ):
        workers = sorted((room.worker() for _ in "ab"), key=lambda one: one.join.node_ip)
        assert_mutant_is_caught(
            monkeypatch,
            "enclave.worker.cluster:ray_environment",
            without_a_token,
            lambda: nobody_enters_without_the_token(room, workers),
        )
