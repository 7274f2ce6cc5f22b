"""Somebody tries to enter the tunnel between the ranks of a training, or to reach what is inside.

Rank 0 waits for rank 1 at its real port, over real TLS; a stranger comes first. Then the genuine
rank comes, and must still be let in: whoever was refused changed nothing.
"""

import asyncio
import secrets
import socket
import ssl
import subprocess
import sys
import threading

import pytest

from cleanroom.crypto.certificates import certificate_request, new_private_key
from cleanroom.errors import WorkerLost
from enclave.worker import tunnel
from enclave.worker.ports import free_block
from enclave.worker.tls import NodeFiles, write_credentials
from enclave.worker.tunnel import GREETING, PROTOCOL, Meeting, meet
from tests.support.seclusion import require_seclusion
from tests.support.workers import RunAuthority

HOSTS = ["127.0.0.2", "127.0.0.3"]
STRANGER = "127.0.0.9"


def node(directory, authority, host):
    """A node's credentials under an authority."""
    directory.mkdir(mode=0o700)
    key = new_private_key()
    files = NodeFiles(directory)
    leaf = authority.leaf(certificate_request(key), host)
    return write_credentials(files, key, leaf, authority.certificate, authority.token)


class Tunnel:
    """Two genuine ranks, and what a stranger may have."""

    def __init__(self, directory, monkeypatch):
        monkeypatch.setattr(tunnel, "PATIENCE_S", 20.0)
        directory.mkdir()
        self.directory, self.authority = directory, RunAuthority()
        base = free_block()
        self.gang = tuple((host, base + place) for place, host in enumerate(HOSTS))
        self.secret = secrets.token_bytes(32)
        self.foreign = RunAuthority()
        self.files = [
            node(directory / host, self.authority, host) for place, host in enumerate(HOSTS)
        ]

    def stranger(self, authority=None, host=STRANGER):
        """Credentials of somebody who is not of the gang."""
        name = secrets.token_hex(4)
        return node(self.directory / name, authority or self.authority, host)

    def trusting(self, files):
        """The stranger believes the gang's authority, whatever it shows itself."""
        context = ssl.create_default_context(cafile=str(self.files[0].authority))
        context.set_alpn_protocols([PROTOCOL])
        if files is not None:
            context.load_cert_chain(files.certificate, files.key)
        return context

    async def _after(self, visit):
        first = asyncio.create_task(meet(Meeting(0, self.gang, self.secret), self.files[0]))
        await asyncio.sleep(0.2)
        welcome = await visit()
        if welcome:
            first.cancel()
            return welcome, []
        second = asyncio.create_task(meet(Meeting(1, self.gang, self.secret), self.files[1]))
        met = await asyncio.gather(first, second)
        for streams in met:
            for _, writer in streams.values():
                writer.close()
        return welcome, [set(streams) for streams in met]

    def visited(self, context, greeting):
        """Whether a stranger is answered; then the genuine rank must find its way."""

        async def visit():
            host, port = self.gang[0]
            try:
                async with asyncio.timeout(5):
                    reader, writer = await asyncio.open_connection(
                        host, port, ssl=context, server_hostname=host if context else None
                    )
                    writer.write(greeting)
                    answer = await reader.read(GREETING.size)
                    writer.close()
            except (OSError, TimeoutError):
                return False
            return len(answer) == GREETING.size

        welcome, met = asyncio.run(self._after(visit))
        assert welcome or met == [{1}, {0}]
        return welcome


@pytest.fixture
def between(tmp_path, monkeypatch):
    return Tunnel(tmp_path / "tunnel", monkeypatch)


def test_the_genuine_rank_is_answered(between):
    """Without this, refusing everybody would pass for a defence."""

    async def nobody():
        return False

    assert asyncio.run(between._after(nobody)) == (False, [{1}, {0}])


def test_a_stranger_without_tls_is_not_answered(between):
    assert not between.visited(None, GREETING.pack(between.secret, 1))


def test_a_stranger_without_a_certificate_is_not_answered(between):
    assert not between.visited(between.trusting(None), GREETING.pack(between.secret, 1))


def test_a_stranger_of_another_authority_is_not_answered(between):
    files = between.stranger(between.foreign, HOSTS[1])
    assert not between.visited(between.trusting(files), GREETING.pack(between.secret, 1))


def test_a_leaf_of_the_run_for_another_address_is_not_answered(between):
    context = between.trusting(between.stranger())
    assert not between.visited(context, GREETING.pack(between.secret, 1))


@pytest.mark.parametrize("guess", [bytes(32), b"\xff" * 32])
def test_a_rank_of_the_gang_without_this_attempts_secret_is_not_answered(between, guess):
    context = between.trusting(between.files[1])
    assert not between.visited(context, GREETING.pack(guess, 1))


@pytest.mark.parametrize("rank", [0, 2, 40_000])
def test_a_rank_that_is_not_awaited_is_not_answered(between, rank):
    context = between.trusting(between.files[1])
    assert not between.visited(context, GREETING.pack(between.secret, rank))


def test_nobody_is_dialled_who_shows_another_address(between, monkeypatch):
    """A stranger sits at rank 0's place with a leaf of the run for its own address."""
    monkeypatch.setattr(tunnel, "PATIENCE_S", 1.0)
    heard = []
    files = between.stranger()
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(files.certificate, files.key)

    async def listen(reader, writer):
        heard.append(await reader.read(GREETING.size))
        writer.close()

    async def both():
        host, port = between.gang[0]
        server = await asyncio.start_server(listen, host, port, ssl=context)
        async with server:
            with pytest.raises(WorkerLost, match="did not meet"):
                await meet(Meeting(1, between.gang, between.secret), between.files[1])

    asyncio.run(both())
    assert b"".join(heard) == b""


# --- inside ---------------------------------------------------------------------------------------

SECLUDED = """
import os, socket, sys
from enclave.worker.seclusion import seclude
device = seclude(3)
outside = int(sys.argv[1])
def reached(host, port):
    try:
        socket.create_connection((host, port), timeout=2).close()
    except OSError:
        return False
    return True
inside = socket.create_server(("0.0.0.0", int(sys.argv[2])))
print(reached("127.0.0.1", outside), reached("127.0.0.1", int(sys.argv[2])), flush=True)
sys.stdin.read()
"""


def test_a_secluded_process_reaches_nobody_and_is_reached_by_nobody():
    require_seclusion()
    free = free_block()
    with socket.create_server(("127.0.0.1", 0)) as outside:
        port = outside.getsockname()[1]
        accepted = threading.Event()
        threading.Thread(target=accept_once, args=(outside, accepted), daemon=True).start()
        with subprocess.Popen(
            [sys.executable, "-c", SECLUDED, str(port), str(free)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        ) as process:
            said = process.stdout.readline().split()
            found = reached("127.0.0.1", free)
            process.stdin.close()
        assert said == ["False", "True"]
        assert not found
        assert not accepted.is_set()


def accept_once(server, accepted):
    try:
        server.accept()[0].close()
    except OSError:
        return
    accepted.set()


def reached(host, port):
    try:
        socket.create_connection((host, port), timeout=2).close()
    except OSError:
        return False
    return True


def test_a_process_that_did_not_leave_gets_no_device():
    """The kernel says that it left, and it is where it was."""
    script = (
        "from enclave.worker import seclusion\n"
        "seclusion._leave = lambda: None\n"
        "seclusion._device = lambda: print('a device')\n"
        "seclusion.seclude(0)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=False
    )
    assert "MachineUnfit: a network namespace has devices of somebody else" in done.stderr
    assert done.stdout == ""


def test_a_process_with_threads_is_not_secluded():
    """Only the calling thread would leave; whatever the others open would be on the wire."""
    script = (
        "import threading\n"
        "from enclave.worker.seclusion import seclude\n"
        "stop = threading.Event()\n"
        "threading.Thread(target=stop.wait, daemon=True).start()\n"
        "seclude(0)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=False
    )
    assert "MachineUnfit: a process with threads cannot leave its networks" in done.stderr
