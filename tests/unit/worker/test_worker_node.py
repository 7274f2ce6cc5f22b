"""The process above a Ray node ends everything below it; a worker ends in good order."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from cleanroom.crypto.certificates import certificate_request, new_private_key
from cleanroom.errors import SignatureInvalid
from cleanroom.protocol.work import Peer
from enclave.worker.confine import command
from enclave.worker.ports import allowed, free_block
from enclave.worker.preflight import ITEMS, measure, on_tmpfs
from enclave.worker.processes import descendants
from enclave.worker.raycommand import Seat, ray_environment, start_command
from enclave.worker.tls import NodeFiles, write_credentials
from tests.support.workers import (
    PATIENCE_S,
    RunAuthority,
    ScriptedRoom,
    live_manifest,
    started_worker,
)

STRAY = (
    "import subprocess, sys, time; "
    "subprocess.Popen(['sleep', '60'], start_new_session=True); "
    "subprocess.Popen([sys.executable, '-c', "
    '\'import subprocess; subprocess.Popen(["sleep", "60"], start_new_session=True)\']).wait(); '
    "open('started', 'w').close(); time.sleep(60)"
)
"""Starts a child in a session of its own, and a grandchild whose parent ends at once."""


def until(holds):
    end = time.monotonic() + PATIENCE_S
    while not holds():
        assert time.monotonic() < end
        time.sleep(0.02)


@pytest.fixture
def above(tmp_path):
    """A process above one that leaves strays behind; its directory holds a file."""
    directory = tmp_path / "node"
    directory.mkdir()
    words = command("enclave.worker.node", str(directory), sys.executable, "-c", STRAY)
    with subprocess.Popen(words, stdin=subprocess.PIPE, cwd=directory) as process:
        until((directory / "started").exists)
        yield process, directory
        process.kill()


def end_by_closing_its_input(process):
    process.stdin.close()


def end_by_signal(process):
    process.send_signal(signal.SIGTERM)


@pytest.mark.parametrize("end", [end_by_closing_its_input, end_by_signal])
def test_every_descendant_ends_with_it_and_its_directory_goes(above, end):
    process, directory = above
    family = descendants(process.pid)
    assert len(family) == 3
    end(process)
    process.wait(PATIENCE_S)
    assert not family & descendants(os.getpid())
    assert not any(Path(f"/proc/{pid}").exists() for pid in family)
    assert not directory.exists()


def test_when_the_node_ends_by_itself_its_strays_end_too(above):
    process, directory = above
    family = descendants(process.pid)
    node = next(pid for pid in family if b"open(" in Path(f"/proc/{pid}/cmdline").read_bytes())
    os.kill(node, signal.SIGKILL)
    process.wait(PATIENCE_S)
    assert not any(Path(f"/proc/{pid}").exists() for pid in family)
    assert not directory.exists()


def test_credentials_are_written_for_their_owner_only(tmp_path):
    key, authority = new_private_key(), RunAuthority()
    leaf = authority.leaf(certificate_request(key), "127.0.0.2")
    files = NodeFiles(tmp_path)
    write_credentials(files, key, leaf, authority.certificate, authority.token)
    for file in (files.key, files.certificate, files.authority, files.token):
        assert file.stat().st_mode & 0o777 == 0o600


def test_a_certificate_for_another_key_is_never_written(tmp_path):
    authority = RunAuthority()
    leaf = authority.leaf(certificate_request(new_private_key()), "127.0.0.2")
    key = new_private_key()
    with pytest.raises(SignatureInvalid, match="for another key"):
        write_credentials(NodeFiles(tmp_path), key, leaf, authority.certificate, b"t")
    assert list(tmp_path.iterdir()) == []


def test_a_file_system_in_memory_is_told_from_one_on_a_disk():
    assert not on_tmpfs(Path("/proc/self"))
    mounts = [line.split() for line in Path("/proc/mounts").read_text().splitlines()]
    in_memory = [Path(fields[1]) for fields in mounts if fields[2] == "tmpfs"]
    assert all(on_tmpfs(directory) for directory in in_memory)


def test_a_worker_says_who_it_is_and_ends_in_good_order(tmp_path):
    room = ScriptedRoom(live_manifest())
    with room.serving() as address, started_worker(room, address, tmp_path / "w") as process:
        said = json.loads(process.stdout.readline())
        assert said == {"instance": room.worker().admit.instance}
        family = descendants(process.pid)
        assert len(family) == 1
        process.terminate()
        output, diary = process.communicate(timeout=PATIENCE_S)
        assert process.returncode == 0
        assert output == b""
        assert [json.loads(line)["event"] for line in diary.splitlines()] == ["platform", "joined"]
        assert not any(Path(f"/proc/{pid}").exists() for pid in family)
        assert list((tmp_path / "w" / "runs").iterdir()) == []


def test_a_node_that_does_not_run_passes_no_item_that_looks_at_it(tmp_path):
    """An item that cannot be looked at does not hold."""
    base = free_block()
    peers = [
        Peer(instance=f"w-000000000000000{node}", node=node, node_ip="127.0.0.2", port_base=base)
        for node in range(2)
    ]
    tmp_path.chmod(0o755)
    checks = measure(Seat(tmp_path, tuple(peers), 0, object_store=1), os.getpid())
    passed = {check.item for check in checks if check.passed}
    assert not passed & {"tls", "token", "private-directory", "listeners", "spilling-off"}
    assert [check.item for check in checks] == [*ITEMS, "spilling-off"]


def test_the_words_that_start_a_node_pin_every_port_and_keep_nothing_on_disk(tmp_path):
    base = free_block()
    peers = [
        Peer(instance="w-0000000000000000", node=0, node_ip="127.0.0.2", port_base=base),
        Peer(instance="w-0000000000000001", node=1, node_ip="127.0.0.3", port_base=base + 100),
    ]
    head = start_command(Seat(tmp_path, tuple(peers), 0, object_store=1))
    second = start_command(Seat(tmp_path, tuple(peers), 1, object_store=1))
    assert "--include-dashboard=false" in head
    assert any('"automatic_object_spilling_enabled": false' in word for word in head)
    assert f"--address=127.0.0.2:{base}" in second
    for words, own in ((head, base), (second, base + 100)):
        assert "--include-log-monitor=false" in words
        ports = [int(word.split("=")[1]) for word in words if "port=" in word]
        assert set(ports) <= allowed(own)


def test_the_environment_of_a_node_asks_for_tls_and_token_and_inherits_nothing(
    tmp_path, monkeypatch
):
    monkeypatch.setenv("RAY_AUTH_MODE", "disabled")
    monkeypatch.setenv("RAY_ADDRESS", "10.0.0.1:6379")
    environment = ray_environment(NodeFiles(tmp_path))
    assert (environment["RAY_USE_TLS"], environment["RAY_AUTH_MODE"]) == ("1", "token")
    assert "RAY_ADDRESS" not in environment
