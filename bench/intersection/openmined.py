"""OpenMined PSI over two lists of keys, both parties in this process: prints seconds and matches.

Runs in an environment of its own (`bench/requirements-peers.txt`): it pins another protobuf.

    peers/bin/python bench/intersection/openmined.py FILE FILE
"""

import json
import resource
import sys
import time
from pathlib import Path

import private_set_intersection.python as psi


def main(mine: str, yours: str) -> None:
    """Intersect two files of one key per line; the client learns the shared keys."""
    client_items, server_items = (
        Path(file).read_text(encoding="utf-8").split() for file in (mine, yours)
    )
    start = time.perf_counter()
    client = psi.client.CreateWithNewKey(True)
    server = psi.server.CreateWithNewKey(True)
    setup = server.CreateSetupMessage(1e-9, len(client_items), server_items, psi.DataStructure.RAW)
    response = server.ProcessRequest(client.CreateRequest(client_items))
    found = len(client.GetIntersection(setup, response))
    seconds = time.perf_counter() - start
    # the parent is small here: what it held does not count
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / 1e9
    sys.stdout.write(json.dumps({"seconds": seconds, "peak_gb": peak, "found": found}) + "\n")


if __name__ == "__main__":
    main(*sys.argv[1:])
