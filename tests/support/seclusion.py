"""Whether this machine lets a process make a network of its own."""

import subprocess
import sys
from functools import cache

import pytest

NEEDS = "network namespaces or /dev/net/tun are not allowed here"


@cache
def may_seclude() -> bool:
    """Tried in a process of its own."""
    script = "from enclave.worker.seclusion import seclude; seclude(0)"
    tried = subprocess.run([sys.executable, "-c", script], capture_output=True, check=False)
    return tried.returncode == 0


def require_seclusion() -> None:
    """Skip the test where trees cannot grow over several workers."""
    if not may_seclude():
        pytest.skip(NEEDS)
