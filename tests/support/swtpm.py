"""A software TPM of its own for a test: `swtpm` on a socket, with nothing left behind."""

import shutil
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from enclave.attester.tpm_commands import LARGEST_RESPONSE, Tpm

SWTPM = shutil.which("swtpm")
needs_swtpm = pytest.mark.skipif(
    SWTPM is None, reason="swtpm, the software TPM of Debian's package swtpm, is not installed"
)


@contextmanager
def software_tpm(directory: Path) -> Iterator[Tpm]:
    """A TPM with its state in `directory`, started and cleared."""
    ours, theirs = socket.socketpair()
    state = directory / "tpm-state"
    state.mkdir(exist_ok=True)
    options = ["--flags", "not-need-init,startup-clear", "--fd", str(theirs.fileno())]
    process = subprocess.Popen(
        [SWTPM, "socket", "--tpm2", "--tpmstate", f"dir={state}", *options],
        pass_fds=[theirs.fileno()],
    )
    theirs.close()
    try:
        yield Tpm(lambda command: _exchange(ours, command))
    finally:
        ours.close()
        process.wait(timeout=10)


def _exchange(connection: socket.socket, command: bytes) -> bytes:
    connection.sendall(command)
    received = connection.recv(LARGEST_RESPONSE)
    while len(received) < int.from_bytes(received[2:6], "big"):
        received += connection.recv(LARGEST_RESPONSE)
    return received
