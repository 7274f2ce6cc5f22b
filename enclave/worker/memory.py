"""Whether a run's inputs fit into this worker, judged before a key is opened.

The estimate is coarse and errs upwards. A run that outgrows it nevertheless is killed by the
kernel, and ends with a code like any other.
"""

from pathlib import Path

from cleanroom.errors import MemoryShort
from enclave.worker.diary import note
from enclave.worker.orders import AcceptedOrder

WIDTHS = {
    "bool": 1,
    "int32": 4,
    "date32": 4,
    "int64": 8,
    "float64": 8,
    "timestamp": 8,
    "string": 40,
}
"""Bytes that one value takes in a column; for texts an assumption."""
COPIES_OF_KEYS = 3
"""Key columns are held as read, as partitioned and as matched."""
COPIES_OF_MATRIX = 3
"""Features are held as joined, as the rows that train, and as the fit arranges them."""
COPIES_TO_COMPARE = 1
"""Each owner's features alone are held beside those of all."""
COPIES_FOR_FOLDS = 2
"""Folds hold the rows that do not test once more, and of each fold those that train."""
COPIES_OF_SCORES = 3
"""What a model says is held as said, as columns, and as rounded."""
COPIES_OF_MODEL = 20
"""A model is read into Python's values, then by its library; most of it are single numbers."""
COPIES_OF_LINES = 3
"""Lines of a join are held as matched, in order, and as shares."""
NETWORK_BYTES = 1 << 30
"""Torch itself, the weights with what its steps keep of them, and rows that are asked together."""
COPIES_OF_SIGNALS = 3
"""Of each hidden unit, for each row of a step: before and after it, and what flows back."""
OVERHEAD = 24
"""Row numbers, hash words and sorted runs, in bytes for each row."""
USABLE = 0.9
"""The part of the available memory that a run may take."""


def estimate(accepted: AcceptedOrder) -> int:
    """What the run takes on each of its workers, in bytes."""
    total = 0
    for planned in accepted.plan.inputs:
        columns = accepted.manifest.datasets[planned.dataset].columns
        widths = {column.name: WIDTHS[column.type] for column in columns}
        keys = sum(widths[name] for name in planned.keys)
        payload = sum(widths[name] for name in planned.payload)
        rows = accepted.order.inputs[planned.name].version.rows
        total += rows * (COPIES_OF_KEYS * keys + OVERHEAD + 2 * payload)
    held = _of_training(accepted) + _of_lines(accepted) + _of_scoring(accepted)
    held += _of_network(accepted)
    return total // accepted.nodes + held


def _of_training(accepted: AcceptedOrder) -> int:
    """The matrix of a training: no more rows than `max_rows`, or than the join can give."""
    lesson = accepted.plan.lesson
    if lesson is None:
        return 0
    width = sum(len(column.values or ("",)) for _, column in lesson.features)
    rows = min(_joined_rows(accepted), lesson.max_rows)
    copies = COPIES_OF_MATRIX + (COPIES_FOR_FOLDS if lesson.folds else 0)
    compares = (getattr(output, "compare", "none") != "none" for output in lesson.outputs.values())
    copies += COPIES_TO_COMPARE if any(compares) else 0
    return rows * width * WIDTHS["float64"] * copies // accepted.nodes


def _of_network(accepted: AcceptedOrder) -> int:
    """What learning a network takes besides its matrix, whatever the rows."""
    lesson = accepted.plan.lesson
    if lesson is None or lesson.network is None:
        return 0
    signals = int(lesson.settings["batch"]) * sum(lesson.network.hidden)
    return NETWORK_BYTES + signals * WIDTHS["int32"] * COPIES_OF_SIGNALS


def _of_lines(accepted: AcceptedOrder) -> int:
    """The lines of a join that the head of a gang cuts into shares for a training."""
    lesson = accepted.plan.lesson
    if lesson is None or accepted.nodes == 1 or accepted.node != 0:
        return 0
    rows = min(_joined_rows(accepted), lesson.max_rows)
    return rows * (len(accepted.plan.inputs) + 1) * WIDTHS["int64"] * COPIES_OF_LINES


def _joined_rows(accepted: AcceptedOrder) -> int:
    """The most rows that the join of a training gives."""
    plan = accepted.plan
    rows = [accepted.order.inputs[planned.name].version.rows for planned in plan.inputs]
    if plan.join == "concat":
        return sum(rows)
    if plan.duplicates == "all":
        return plan.most
    return rows[plan.left] if plan.join == "left" else min(rows)


def _of_scoring(accepted: AcceptedOrder) -> int:
    """The model, as read and as its library holds it, the matrix, and what is said of each row."""
    scoring = accepted.plan.scoring
    if scoring is None:
        return 0
    inputs = {planned.name for planned in accepted.plan.inputs}
    versions = {name: ordered.version for name, ordered in accepted.order.inputs.items()}
    rows = min(version.rows for name, version in versions.items() if name in inputs)
    model = versions[scoring.model.name].parts[0].size
    width = 2 * scoring.dataset.width + COPIES_OF_SCORES * scoring.dataset.scores
    return rows * width * WIDTHS["float64"] + COPIES_OF_MODEL * model


def require_memory(accepted: AcceptedOrder, available: int) -> int:
    """Return the estimate, in bytes, once it fits into `available` bytes; the diary has both.

    Raises:
        MemoryShort: it does not.
    """
    needed, usable = estimate(accepted), int(available * USABLE)
    told = {"needed": megabytes(needed), "usable": megabytes(usable)}
    note("memory", run=accepted.order.run, **told)
    if needed > usable:
        raise MemoryShort(
            f"the run needs {told['needed']} MB on this worker, expected at most {told['usable']}"
        )
    return needed


def megabytes(size: int) -> str:
    """So many bytes in megabytes, rounded up."""
    return str(-(-size // 1_000_000))


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
