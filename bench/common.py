"""What every benchmark needs: the machine, the versions, fresh processes, and medians as JSON.

A contender runs in a process of its own with a scrubbed environment, so that neither memory nor
warm caches of one help another; rounds are interleaved, and only ratios within one run travel.
"""

import json
import os
import platform
import resource
import statistics
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from importlib import metadata
from pathlib import Path

from enclave.worker.confine import KEPT_MEMORY

ROOT = Path(__file__).resolve().parent.parent
"""The root of the project."""
LIBRARIES = (
    "cryptography",
    "duckdb",
    "numpy",
    "pandas",
    "polars",
    "pyarrow",
    "scikit-learn",
    "xgboost-cpu",
)
"""Whose versions decide the figures."""


def environment() -> dict[str, str]:
    """The whole environment of a contender: nothing is inherited; memory is kept as in a worker."""
    return {"PATH": os.defpath, "LANG": "C.UTF-8", "PYTHONPATH": str(ROOT), **KEPT_MEMORY}


def machine() -> dict[str, object]:
    """What this machine is, as far as it decides the figures."""
    described = dict(
        line.split(":", 1)
        for line in Path("/proc/cpuinfo").read_text(encoding="ascii").split("\n\n")[0].splitlines()
        if ":" in line
    )
    fields = {name.strip(): value.strip() for name, value in described.items()}
    flags = fields.get("flags", "").split()
    return {
        "processor": fields.get("model name", platform.processor()),
        "cores": os.cpu_count(),
        "memory_gb": round(os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") / 1e9, 1),
        "avx512": "avx512f" in flags,
        "vaes": "vaes" in flags,
        "kernel": platform.release(),
        "python": platform.python_version(),
        "load_before": os.getloadavg()[0],
    }


def versions() -> dict[str, str]:
    """Installed versions of the libraries that are compared."""
    return {name: metadata.version(name) for name in LIBRARIES}


def fresh(arguments: Sequence[str], timeout_s: float = 900) -> dict[str, float]:
    """Run a contender in a fresh process and read the JSON object it prints last.

    Raises:
        RuntimeError: it failed; with what it wrote to its standard error.
        subprocess.TimeoutExpired: it took longer than `timeout_s`, in seconds.
    """
    settle()
    done = subprocess.run(
        [*arguments],
        env=environment(),
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=timeout_s,
        check=False,
    )
    if done.returncode:
        raise RuntimeError(f"{arguments} failed: {done.stderr[-2000:]}")
    measured: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return measured


def summary(rounds: Sequence[Mapping[str, float]]) -> dict[str, float]:
    """Median and best seconds, median processor time and highest memory of a contender's rounds.

    Processor time of all threads hardly depends on what else the machine does; seconds do.
    """
    seconds = [each["seconds"] for each in rounds]
    return {
        "median_s": statistics.median(seconds),
        "best_s": min(seconds),
        "cpu_s": statistics.median(each["cpu_s"] for each in rounds),
        "peak_gb": max(each["peak_gb"] for each in rounds),
        "rounds": len(rounds),
    }


def processor_s() -> float:
    """User and system time of this process so far, all threads, in seconds."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


def peak_gb() -> float:
    """The highest resident memory of this process so far, in GB.

    NOTE: `ru_maxrss` also counts what the parent held when it started this process.
    """
    status = Path("/proc/self/status").read_text(encoding="ascii")
    (line,) = (line for line in status.splitlines() if line.startswith("VmHWM:"))
    return int(line.split()[1]) * 1024 / 1e9


def settle(patience_s: float = 5, busy: float = 0.15) -> None:
    """Wait until the machine is idle but for `busy` of its time, or patience ends, in seconds."""
    for _ in range(round(patience_s / 0.25)):
        idle, total = _processor_time()
        time.sleep(0.25)
        later_idle, later_total = _processor_time()
        if later_idle - idle > (1 - busy) * (later_total - total):
            return


def _processor_time() -> tuple[int, int]:
    ticks = [int(each) for each in Path("/proc/stat").read_text("ascii").split("\n")[0].split()[1:]]
    return ticks[3] + ticks[4], sum(ticks)


def say(line: str = "") -> None:
    """Print a line now."""
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def write_report(path: Path, report: Mapping[str, object]) -> None:
    """Write a report as JSON beside the others."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(report, indent=2) + "\n", encoding="utf-8")
    say(f"wrote {path}")
