"""One contender, once, in this process: prints seconds, peak memory and the people it found.

python -m bench.intersection.contender sealed-rows DIRECTORY 2
"""

import json
import sys
import time
from pathlib import Path

import numpy as np
import pyarrow as pa

from bench.common import peak_gb
from bench.intersection.contenders import CONTENDERS


def main(name: str, directory: str, parties: str) -> None:
    """Run the contender and print one JSON object."""
    pa.array(
        np.zeros(1)
    )  # Arrow looks for pandas once in a process, which takes longer than 1 M rows
    started = [0.0]

    def start() -> None:
        started[0] = time.perf_counter()

    result = CONTENDERS[name](Path(directory), int(parties), start)
    seconds = time.perf_counter() - started[0]
    peak = peak_gb()
    sys.stdout.write(json.dumps({"seconds": seconds, "peak_gb": peak, "found": result()}) + "\n")


if __name__ == "__main__":
    main(*sys.argv[1:])
