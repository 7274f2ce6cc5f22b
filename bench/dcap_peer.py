"""dcap-qvl over one quote, many times: prints the processor milliseconds of one verification.

Runs in an environment of its own (`bench/requirements-peers.txt`).

    peers/bin/python bench/dcap_peer.py FILE TIMES
"""

import json
import statistics
import sys
import time
from importlib import metadata
from pathlib import Path

import dcap_qvl


def main(file: str, times: str) -> None:
    """Verify the quote in `file`, which also says its collateral, root and time."""
    said = json.loads(Path(file).read_text(encoding="utf-8"))
    quote, root, now = bytes.fromhex(said["quote"]), bytes.fromhex(said["root"]), said["now"]
    text = json.dumps(said["collateral"])
    taken = []
    for _ in range(int(times)):
        start = time.process_time()
        collateral = dcap_qvl.QuoteCollateralV3.from_json(text)
        report = dcap_qvl.verify_with_root_ca(quote, collateral, root, now)
        taken.append((time.process_time() - start) * 1000)
    if report.status != said["status"]:
        raise RuntimeError(f"the peer says {report.status}, expected {said['status']}")
    print(json.dumps({"ms": statistics.median(taken), "version": metadata.version("dcap-qvl")}))


if __name__ == "__main__":
    main(*sys.argv[1:])
