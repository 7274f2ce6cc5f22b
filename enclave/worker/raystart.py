"""Ray's own `start`, without gRPC for Python, and only once the head of this very run is there.

Where grpcio can be imported a head always starts Ray Client, which is one more way in. A head that
does not answer with our run's authority is none: Ray itself would wait for a stale one for ever.

`python -I -m enclave.worker.raystart DIRECTORY HOST PORT start ...`
"""

import sys
import time
from pathlib import Path

from enclave.worker.tls import NodeFiles, shake_hands

PATIENCE_S = 30.0
"""How long the head's port may take to answer with our authority, in seconds."""
HERE = "-"
"""As HOST: this node is the head and waits for nobody."""


def main(arguments: list[str]) -> int:
    """Wait for the head, then be `ray start`; its exit status."""
    directory, host, port, *words = arguments
    sys.modules["grpc"] = None  # type: ignore[assignment]
    # imported while the head comes up: it takes as long as the head does
    from ray.scripts.scripts import main as ray_command  # noqa: PLC0415

    if host != HERE and not _head_answers(Path(directory), host, int(port)):
        return 1
    sys.argv = ["ray", *words]
    status: int = ray_command()  # type: ignore[no-untyped-call]
    return status


def _head_answers(directory: Path, host: str, port: int) -> bool:
    """Whether the head shows a certificate of our run in time; a stale cluster never does."""
    files = NodeFiles(directory)
    until = time.monotonic() + PATIENCE_S
    while time.monotonic() < until:
        try:
            shake_hands(files, host, port)
        except OSError:
            time.sleep(0.1)
        else:
            return True
    return False


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
