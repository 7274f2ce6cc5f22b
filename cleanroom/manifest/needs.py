"""How much memory a run takes of each of its workers: from what was signed, and sizes of inputs.

The estimate is coarse and errs upwards. A worker judges exact sizes before a key is opened. A party
is told no more than follows from `at_most`, what the manifest allows, or `rounded`: an owner's
number of rows is not for others to know, and no choice of parameters makes a rounded one finer.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from cleanroom.manifest.model import (
    AnyComputation,
    Column,
    Input,
    Manifest,
    ModelDataset,
    Predict,
    Prediction,
    Training,
    TrainTorch,
)

WIDTHS: Final = {
    "bool": 1,
    "int32": 4,
    "date32": 4,
    "int64": 8,
    "float64": 8,
    "timestamp": 8,
    "string": 40,
}
"""Bytes that one value takes in a column; for texts an assumption."""
NUMBER: Final = WIDTHS["float64"]
COPIES_OF_KEYS: Final = 3
"""Key columns are held as read, as partitioned and as matched."""
COPIES_OF_PAYLOAD: Final = 2
"""Other columns are held as read, and as the result has them."""
COPIES_OF_MATRIX: Final = 3
"""Features are held as a matrix, as the fit arranges them, and as much again to be safe."""
COPIES_TO_COMPARE: Final = 1
"""Each owner's features, or rows, alone are held beside those of all."""
COPIES_FOR_FOLDS: Final = 1
"""The rows of a fold are chosen while those of the fit before may not be free yet."""
COPIES_OF_SCORES: Final = 3
"""What a model says is held as said, as columns, and as rounded."""
COPIES_OF_MODEL: Final = 20
"""A model is read into Python's values, then by its library; most of it are single numbers."""
COPIES_OF_LINES: Final = 3
"""Lines of a join are held as matched, in order, and as shares."""
WORDS_OF_A_LINE: Final = 2
"""The number of its unit, and its weight."""
COPIES_OF_ROLES: Final = 3
"""What a row is for in each fit is a byte: as drawn, as cut into shares, and whose row it is."""
NETWORK_BYTES: Final = 1 << 30
"""Torch itself, the weights with what its steps keep of them, and rows that are asked together."""
GRAPH_BYTES: Final = 1 << 29
"""All intermediate results of an ONNX graph; a file whose graph may take more is refused."""
COPIES_OF_SIGNALS: Final = 3
"""Of each hidden unit, for each row of a step: before and after it, and what flows back."""
COPIES_FOR_NOISE: Final = 3
"""With `dp` the matrix is held as whole numbers, too, as they are made and as they are scaled."""
NOISY_ROWS: Final = 1 << 14
"""Rows that a network with `dp` takes together; a step adds up all of them."""
COPIES_OF_NOISY_SIGNALS: Final = 8
"""Of each hidden unit, for each of these rows: signals, slopes and deltas, as made and as cut."""
OVERHEAD: Final = 24
"""Row numbers, hash words and sorted runs, in bytes for each row."""
USABLE: Final = 0.9
"""The part of the available memory that a run may take."""


@dataclass(frozen=True, slots=True)
class Sizes:
    """How large the inputs of a run are."""

    rows: Mapping[str, int]
    """Rows, by input; a model is none."""
    model: int = 0
    """Bytes of the model's file; 0 where none is used."""


def at_most(manifest: Manifest, computation: AnyComputation) -> Sizes:
    """The largest inputs that the manifest allows: known to everybody who reads it."""
    datasets = manifest.datasets
    rows = {name: datasets[read.dataset].rows.max for name, read in computation.inputs.items()}
    model = _model(manifest, computation)
    return Sizes(rows, model.max_bytes if model else 0)


def rounded(sizes: Sizes, manifest: Manifest, computation: AnyComputation) -> Sizes:
    """Each size as the next power of two, or the largest allowed one where that is less."""
    most = at_most(manifest, computation)
    rows = {name: min(_power(size), most.rows[name]) for name, size in sizes.rows.items()}
    return Sizes(rows, min(_power(sizes.model), most.model))


def needed(
    manifest: Manifest,
    computation: AnyComputation,
    sizes: Sizes,
    node: int = 0,
) -> int:
    """What a run takes on each of its workers, in bytes.

    Args:
        manifest: which datasets there are.
        computation: what runs, one of the manifest's; no parameter of a run makes it larger.
        sizes: of its inputs.
        node: the worker's place in its gang; the head, 0, takes the most.
    """
    nodes = computation.workers.count
    total = _of_inputs(manifest, computation, sizes) // nodes
    if isinstance(computation, Training):
        total += _of_training(manifest, computation, sizes)
        total += _of_lines(computation, sizes) if nodes > 1 and node == 0 else 0
    if isinstance(computation, Prediction):
        total += _of_scoring(manifest, computation, sizes)
    return total


def free_megabytes(size: int) -> int:
    """How much memory must be free on a worker that a run may take `size` bytes of; in MB."""
    return megabytes(int(size / USABLE))


def megabytes(size: int) -> int:
    """So many bytes in megabytes, rounded up."""
    return -(-size // 1_000_000)


def _of_inputs(manifest: Manifest, computation: AnyComputation, sizes: Sizes) -> int:
    total = 0
    for name, rows in sizes.rows.items():
        read = computation.inputs[name]
        columns = manifest.datasets[read.dataset].columns
        widths = {column.name: WIDTHS[column.type] for column in columns}
        keys = sum(widths[column] for column in computation.on)
        payload = sum(widths[column] for column in _payload(computation, name, read))
        total += rows * (COPIES_OF_KEYS * keys + OVERHEAD + COPIES_OF_PAYLOAD * payload)
    return total


def _payload(computation: AnyComputation, name: str, read: Input) -> set[str]:
    """What is held besides the keys; keys that stand in the result are held for it once more."""
    told = {column for output in computation.outputs.values() for column in output.columns}
    again = {key for key in computation.on if f"{name}.{key}" in told}
    if isinstance(computation, Predict) and computation.rows == name:
        again = set(computation.on)
    return {*read.columns} - {*computation.on} | again


def _of_training(manifest: Manifest, computation: Training, sizes: Sizes) -> int:
    """The matrix: no more rows than `max_rows`, or than the join can give; and the network."""
    width = sum(len(column.values or ("",)) for column in _features(manifest, computation))
    copies = COPIES_OF_MATRIX + (COPIES_FOR_FOLDS if computation.folds else 0)
    compares = (getattr(each, "compare", "none") for each in computation.outputs.values())
    copies += COPIES_TO_COMPARE if any(each != "none" for each in compares) else 0
    copies += COPIES_FOR_NOISE if computation.loss is not None else 0
    matrix = _joined(computation, sizes) * width * NUMBER * copies // computation.workers.count
    return matrix + (_of_network(computation) if isinstance(computation, TrainTorch) else 0)


def _of_network(computation: TrainTorch) -> int:
    """What learning a network takes besides its matrix, whatever the rows."""
    if computation.dp is not None:
        signals = NOISY_ROWS * sum(computation.network.hidden)
        return signals * NUMBER * COPIES_OF_NOISY_SIGNALS
    signals = computation.batch * sum(computation.network.hidden)
    return NETWORK_BYTES + signals * WIDTHS["int32"] * COPIES_OF_SIGNALS


def _of_lines(computation: Training, sizes: Sizes) -> int:
    """The lines of a join that the head of a gang cuts into shares."""
    words = (len(sizes.rows) + 1) * COPIES_OF_LINES + WORDS_OF_A_LINE
    fits = 1 + (computation.folds or 0) + len(sizes.rows)
    return _joined(computation, sizes) * (words * NUMBER + COPIES_OF_ROLES * fits)


def _of_scoring(manifest: Manifest, computation: Prediction, sizes: Sizes) -> int:
    """The model, as read and as its library holds it; the matrix, and what is said of each row."""
    dataset = manifest.datasets[computation.model.dataset]
    if not isinstance(dataset, ModelDataset):
        return 0
    width = 2 * dataset.width + COPIES_OF_SCORES * dataset.scores
    graph = GRAPH_BYTES if dataset.format == "onnx" else 0
    return min(sizes.rows.values()) * width * NUMBER + COPIES_OF_MODEL * sizes.model + graph


def _features(manifest: Manifest, computation: Training) -> list[Column]:
    """The columns that become a matrix; rows below each other have the same ones."""
    inputs = sorted(computation.inputs.items())
    return [
        column
        for _, read in (inputs[:1] if computation.join == "concat" else inputs)
        for column in manifest.datasets[read.dataset].columns
        if column.role == "feature" and column.name in read.columns
    ]


def _joined(computation: Training, sizes: Sizes) -> int:
    """The most rows that a training uses."""
    rows, most = sizes.rows, computation.max_rows
    if computation.join == "concat":
        return min(sum(rows.values()), most)
    if computation.duplicates == "all":
        return most
    if computation.join == "left":
        return min(rows[computation.left or min(rows)], most)
    return min(*rows.values(), most)


def _model(manifest: Manifest, computation: AnyComputation) -> ModelDataset | None:
    if not isinstance(computation, Prediction):
        return None
    dataset = manifest.datasets[computation.model.dataset]
    return dataset if isinstance(dataset, ModelDataset) else None


def _power(size: int) -> int:
    """The least power of two that is no less."""
    return 1 << max(size - 1, 0).bit_length() if size else 0
