"""One contender, once, in this process: prints seconds, peak memory and the people it found.

python -m bench.intersection.contender sealed-rows DIRECTORY 2
"""

import json
import sys
import time
from pathlib import Path

import numpy as np
import pyarrow as pa

from bench.common import peak_gb, processor_s
from bench.intersection.contenders import CONTENDERS


def main(name: str, directory: str, parties: str) -> None:
    """Run the contender and print one JSON object."""
    pa.array(
        np.zeros(1)
    )  # Arrow looks for pandas once in a process, which takes longer than 1 M rows
    started = [0.0, 0.0]

    def start() -> None:
        started[:] = time.perf_counter(), processor_s()

    result = CONTENDERS[name](Path(directory), int(parties), start)
    measured = {
        "seconds": time.perf_counter() - started[0],
        "cpu_s": processor_s() - started[1],
        "peak_gb": peak_gb(),
    }
    sys.stdout.write(json.dumps({**measured, "found": result()}) + "\n")


if __name__ == "__main__":
    main(*sys.argv[1:])
