"""What a worker finds out about its machine: memory, ports, processes, environment, diary."""

import json
import logging
import os
import select
import subprocess
import sys
from pathlib import Path

import pytest

from enclave.worker import ports
from enclave.worker.confine import environment, private_directory
from enclave.worker.diary import _JsonLines, note
from enclave.worker.memory import available_memory
from enclave.worker.processes import descendants, end_family, listening_ports

SLEEPER = "import subprocess, sys, time; subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(60)']); print(flush=True); time.sleep(60)"


def machine(directory: Path, free_kib: int, limit: str, current: int) -> Path:
    (directory / "proc").mkdir()
    (directory / "sys/fs/cgroup").mkdir(parents=True)
    (directory / "proc/meminfo").write_text(f"MemTotal: 9 kB\nMemAvailable: {free_kib} kB\n")
    (directory / "sys/fs/cgroup/memory.max").write_text(f"{limit}\n")
    (directory / "sys/fs/cgroup/memory.current").write_text(f"{current}\n")
    return directory


def test_memory_is_what_the_machine_has_left(tmp_path):
    assert available_memory(machine(tmp_path, 100, "max", 5)) == 100 * 1024


def test_memory_is_what_the_control_group_has_left_where_that_is_less(tmp_path):
    assert available_memory(machine(tmp_path, 100, "50000", 20000)) == 30000


def test_a_block_of_ports_is_free_and_aligned():
    base = ports.free_block()
    assert base % ports.BLOCK == 0
    assert max(ports.allowed(base)) < base + ports.BLOCK


def test_a_family_is_found_and_ended_by_its_ids():
    with subprocess.Popen([sys.executable, "-c", SLEEPER], stdout=subprocess.PIPE) as parent:
        parent.stdout.readline()
        family = descendants(parent.pid)
        assert len(family) == 1
        assert parent.pid in descendants(os.getpid())
        end_family(parent.pid)
        assert descendants(parent.pid) == frozenset()
        parent.kill()


TYING = """
import subprocess, sys
from enclave.worker.tied import tied
child = subprocess.Popen(tied([sys.executable, "-c", "import time; print(flush=True); time.sleep(60)"]), stdout=subprocess.PIPE)
child.stdout.readline()
print(child.pid, flush=True)
sys.stdin.read()
"""


def test_a_tied_command_ends_with_whoever_asked_for_it():
    with subprocess.Popen(
        [sys.executable, "-c", TYING], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as parent:
        child = int(parent.stdout.readline())
        assert child in descendants(parent.pid)
        with Path(f"/proc/{child}/cmdline").open("rb") as command:
            assert b"enclave.worker.tied" not in command.read()
        handle = os.pidfd_open(child)
        parent.kill()
        assert select.select([handle], [], [], 30)[0], "the child goes on"
        os.close(handle)


def test_listening_ports_are_those_of_the_named_processes_only():
    import socket

    with socket.create_server(("127.0.0.1", 0)) as listener:
        assert listener.getsockname()[1] in listening_ports([os.getpid()])
        assert listener.getsockname()[1] not in listening_ports([1])


def test_the_environment_of_a_subprocess_inherits_nothing(tmp_path, monkeypatch):
    monkeypatch.setenv("OPENSSL_ia32cap", "")
    monkeypatch.setenv("LD_PRELOAD", "evil.so")
    assert set(environment(tmp_path)) == {"PATH", "HOME", "TMPDIR", "LANG"}


def test_a_run_directory_is_private(tmp_path):
    made = private_directory(tmp_path / "worker", "run")
    assert made.stat().st_mode & 0o777 == 0o700


def test_the_diary_takes_no_field_that_is_not_listed():
    with pytest.raises(TypeError, match="has no fields"):
        note("ended", value="secret")


def test_a_diary_line_holds_neither_arguments_nor_exceptions():
    error = ValueError("a cell value")
    record = logging.LogRecord(
        "w", 20, "f", 1, "ended", ("a row",), (ValueError, error, error.__traceback__)
    )
    record.code = "CR-6005"
    line = json.loads(_JsonLines().format(record))
    assert line == {"level": "info", "event": "ended", "code": "CR-6005"}
