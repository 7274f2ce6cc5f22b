"""Whether a run's inputs fit into this worker, judged before a key is opened.

`cleanroom.manifest.needs` estimates. A run that outgrows it nevertheless is killed by the kernel,
and ends with a code like any other. No figure leaves this machine: parties hear a code, and what
the room works out for itself.
"""

from pathlib import Path

from cleanroom.errors import MemoryShort
from cleanroom.manifest.needs import USABLE, Sizes, megabytes, needed
from enclave.worker.diary import note
from enclave.worker.orders import AcceptedOrder


def estimate(accepted: AcceptedOrder) -> int:
    """What the run takes on this worker, in bytes."""
    computation = accepted.manifest.computations[accepted.order.computation]
    versions = {name: each.version for name, each in accepted.order.inputs.items()}
    scoring = accepted.plan.scoring
    model = versions.pop(scoring.model.name).parts[0].size if scoring is not None else 0
    sizes = Sizes({name: version.rows for name, version in versions.items()}, model)
    return needed(accepted.manifest, computation, sizes, accepted.node)


def require_memory(accepted: AcceptedOrder, available: int) -> int:
    """Return the estimate, in bytes, once it fits into `available` bytes; the diary has both.

    Raises:
        MemoryShort: it does not.
    """
    wanted, usable = estimate(accepted), int(available * USABLE)
    told = {"needed": str(megabytes(wanted)), "usable": str(megabytes(usable))}
    note("memory", run=accepted.order.run, **told)
    if wanted > usable:
        raise MemoryShort(
            f"the run needs {told['needed']} MB on this worker, expected at most {told['usable']}"
        )
    return wanted


def available_memory(root: Path = Path("/")) -> int:
    """What this machine, or this worker's control group, has left, in bytes.

    Args:
        root: where `proc` and `sys` are found.
    """
    lines = (root / "proc/meminfo").read_text(encoding="ascii").splitlines()
    fields = dict(line.split(":", 1) for line in lines if ":" in line)
    free = int(fields["MemAvailable"].split()[0]) * 1024
    group = root / "sys/fs/cgroup"
    limit, current = _number(group / "memory.max"), _number(group / "memory.current")
    return free if limit is None or current is None else min(free, max(limit - current, 0))


def _number(file: Path) -> int | None:
    """What a control group's file says; None for no limit, or where there is no such file."""
    text = file.read_text(encoding="ascii").strip() if file.is_file() else "max"
    return int(text) if text.isdigit() else None
