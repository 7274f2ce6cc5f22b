"""An ONNX graph, run by ONNX Runtime on the processor: one session, its threads fixed."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import onnx
import onnxruntime

from cleanroom.dataset.features import Matrix
from cleanroom.dataset.models.check import CheckedModel
from cleanroom.dataset.models.extents import ROWS_AT_ONCE
from cleanroom.errors import ModelRefused
from enclave.computations.threads import THREADS

QUIET = 4
"""Nothing but what is fatal is written: messages of the runtime quote values."""


@dataclass(frozen=True, slots=True)
class Graph:
    """A graph with its session."""

    session: Any
    """`onnxruntime.InferenceSession`."""
    given: str
    """The name of its input."""
    asked: str
    """The name of the output that is used."""
    width: int
    """How many numbers it says of a row."""

    def scores(self, rows: Matrix) -> Matrix:
        """See `Scorer.scores`; rows that the runtime gives up on have no answer.

        Otherwise whoever made the graph could learn from how a run ends what is in a row. So many
        rows are asked about at once as its intermediate results were judged for.
        """
        said = np.empty((len(rows), self.width))
        for start in range(0, len(rows), ROWS_AT_ONCE):
            said[start : start + ROWS_AT_ONCE] = self._few(rows[start : start + ROWS_AT_ONCE])
        return said

    def _few(self, rows: Matrix) -> Matrix:
        try:
            (said,) = self.session.run([self.asked], {self.given: rows})
        except Exception:  # noqa: BLE001 - the runtime's errors have no common base
            said = None
        if not isinstance(said, np.ndarray) or said.size != len(rows) * self.width:
            return np.full((len(rows), self.width), np.nan)
        return np.asarray(said.astype(np.float64).reshape(len(rows), self.width))


def graph(model: CheckedModel) -> Graph:
    """Load a graph and try it on rows of zeros.

    Raises:
        ModelRefused: ONNX does not accept it, or it does not say as many numbers as declared.
    """
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads, options.inter_op_num_threads = THREADS, 1
    options.execution_mode = onnxruntime.ExecutionMode.ORT_SEQUENTIAL
    options.log_severity_level = QUIET
    refused = ModelRefused("ONNX does not accept the graph")
    try:
        onnx.checker.check_model(model.content)
        session = onnxruntime.InferenceSession(
            model.content, options, providers=["CPUExecutionProvider"]
        )
    except Exception:  # noqa: BLE001 - neither library's errors have a common base
        raise refused from None
    floats = [each.name for each in session.get_outputs() if each.type == "tensor(float)"]
    if len(floats) != 1:
        raise ModelRefused(f"the graph has {len(floats)} outputs of 32-bit floats, expected one")
    (given,), width = session.get_inputs(), model.dataset.scores
    made = Graph(session, given.name, floats[0], width)
    if not np.isfinite(made.scores(np.zeros((2, model.dataset.width), np.float32))).all():
        raise ModelRefused(f"the graph does not say {width} finite numbers of a row of zeros")
    return made
