"""The fresh subprocess of one rank that grows trees: meet the gang, leave the network, learn.

XGBoost's collective speaks plain TCP to whoever it reaches. Here it reaches nobody but the ranks
of this attempt: it is imported after this process has left every network but the tunnel's. Rows
come in by memory that the learner shares, trees go out by it; a broken tunnel ends the process.

`python -I -m enclave.worker.growing PARENT`, with a `Course` on its input.
"""

import asyncio
import mmap
import os
import socket
import sys
import threading
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, BinaryIO, Literal

from pydantic import Field

from cleanroom.encoding import Bytes, Record
from cleanroom.errors import CleanroomError, ComputationFailed
from enclave.worker.confine import claim_stdout, confine
from enclave.worker.pipe import read_frame, write_frame
from enclave.worker.seclusion import address, seclude
from enclave.worker.tls import NodeFiles
from enclave.worker.tunnel import SECRET_LENGTH, Meeting, Stream, carry, meet

TRACKER_PORT = 9091
"""Of XGBoost's tracker, inside of the gang's own network."""
PATIENCE_S = 86_400
"""XGBoost's own patience with a peer; who is lost ends the tunnel long before, in seconds."""


class Seat(Record):
    """Where a rank is reached."""

    host: str
    port: int = Field(ge=1, le=65535)


class Part(Record):
    """A part of the rows."""

    part: str
    """`training`, `test` or `validation`."""
    rows: int = Field(ge=0)
    memory: list[int] = Field(min_length=2, max_length=3)
    """Descriptors of 32-bit rows, 32-bit labels and, where rows have some, 32-bit weights."""


class Loss(Record):
    """What was measured of a part after a round."""

    metric: str
    part: str
    value: float


class Course(Record):
    """What one rank is to do; rows, labels and trees are in shared memory."""

    kind: Literal["course"] = "course"
    rank: int = Field(ge=0)
    gang: list[Seat] = Field(min_length=2)
    secret: Bytes = Field(min_length=SECRET_LENGTH, max_length=SECRET_LENGTH)
    """Of this attempt, the same for all ranks."""
    directory: str
    """Of the node's credentials."""
    settings: dict[str, str | int | float]
    """XGBoost's parameters."""
    names: list[str]
    """Of the matrix's columns."""
    rounds: int = Field(ge=1)
    """Trees of each class that are to be there at the end."""
    done: int = Field(ge=0)
    """Those that `trees` begins with."""
    every: int = Field(ge=1)
    """After so many rounds the trees so far are handed out."""
    trees: int
    """Descriptor of the trees that are there already, and of those that are handed out."""
    training: Part
    """The rows to learn from."""
    watched: list[str]
    """Parts of the rows that are measured after each round, in this order."""
    others: list[Part]
    """Those of them that are not learned from."""
    patience: int = Field(ge=0)
    """Stop after so many rounds without a lower loss on the last part; 0 for never."""
    past: list[float]
    """The loss of the last part in each round that is done."""


class Word(Record):
    """So many rounds are done, or the rank has failed."""

    kind: Literal["word"] = "word"
    rounds: int = Field(ge=0)
    size: int = Field(ge=0)
    """The trees so far are in shared memory, so many bytes; 0 if they are not handed out."""
    losses: list[Loss]
    """Of every part that is watched."""
    last: bool
    """Whether no further round follows."""
    code: str
    """Why the rank has failed; empty while it has not."""


def grow(course: Course, pipe: BinaryIO, out: BinaryIO) -> None:
    """Grow trees with the gang, as rank of a collective that is there already."""
    import xgboost  # noqa: PLC0415 - brings threads, which must be in the namespace

    parts = {each.part: _matrix(course, each) for each in (course.training, *course.others)}
    trees = course.trees
    past = list(course.past)

    class Telling(xgboost.callback.TrainingCallback):
        def after_iteration(self, model: Any, epoch: int, evals_log: Any) -> bool:  # noqa: ANN401
            del epoch
            done = model.num_boosted_rounds()
            losses = list(_losses(evals_log))
            past.extend(loss.value for loss in losses[-1:])
            last = done == course.rounds or _stops(past, course.patience)
            size = 0
            if course.rank == 0 and (last or done % course.every == 0):
                raw = model.save_raw(raw_format="ubj")
                size = len(raw)
                os.ftruncate(trees, size)
                os.pwrite(trees, raw, 0)
            word = Word(rounds=done, size=size, losses=losses, last=last, code="")
            write_frame(out, word.to_bytes())
            if size:
                read_frame(pipe)  # taken
            return last

    xgboost.train(
        # the draws of rounds that are done are not drawn again
        {**course.settings, "seed": int(course.settings.get("seed", 0)) + course.done},
        parts[course.training.part],
        course.rounds - course.done,
        evals=[(parts[each], each) for each in course.watched],
        verbose_eval=False,
        xgb_model=xgboost.Booster(model_file=bytearray(_mapped(trees))) if course.done else None,
        callbacks=[Telling()],
    )


def _matrix(course: Course, part: Part) -> Any:  # noqa: ANN401 - see `grow`
    import numpy as np  # noqa: PLC0415 - as in `grow`
    import xgboost  # noqa: PLC0415

    rows, labels, *weights = (np.frombuffer(_mapped(each), np.float32) for each in part.memory)
    return xgboost.DMatrix(
        rows.reshape(part.rows, len(course.names)),
        label=labels,
        weight=weights[0] if weights else None,
        feature_names=course.names,
        nthread=int(course.settings["nthread"]),
    )


def _losses(evals_log: Mapping[str, Mapping[str, list[float]]]) -> Iterator[Loss]:
    for part, metrics in evals_log.items():
        for metric, values in metrics.items():
            yield Loss(metric=metric, part=part, value=float(values[-1]))


def _stops(past: list[float], patience: int) -> bool:
    """Whether the lowest loss is that many rounds old; the sums of a gang are alike everywhere."""
    return patience > 0 and len(past) - 1 - past.index(min(past)) >= patience


def collect(course: Course) -> None:
    """Make this process a rank of XGBoost's collective; rank 0 keeps its tracker."""
    # XGBoost's interface to scikit-learn is not used and takes as long to load as all the rest
    sys.modules["sklearn"] = None  # type: ignore[assignment]
    from xgboost import collective  # noqa: PLC0415 - as in `grow`
    from xgboost.tracker import RabitTracker  # noqa: PLC0415

    if course.rank == 0:
        tracker = RabitTracker(
            n_workers=len(course.gang), host_ip=address(0), port=TRACKER_PORT, sortby="task"
        )
        tracker.start()
        KEPT.append(tracker)
    collective.init(
        dmlc_communicator="rabit",
        dmlc_tracker_uri=address(0),
        dmlc_tracker_port=TRACKER_PORT,
        dmlc_task_id=f"{course.rank:05d}",
        dmlc_timeout=PATIENCE_S,
        dmlc_retry=30,
    )


KEPT: list[object] = []
"""What must not be collected before the process ends."""


def run(course: Course, pipe: BinaryIO, out: BinaryIO) -> None:
    """Meet, leave, collect, grow."""
    gang = tuple((seat.host, seat.port) for seat in course.gang)
    meeting = Meeting(course.rank, gang, course.secret)
    loop = asyncio.new_event_loop()
    streams = loop.run_until_complete(meet(meeting, NodeFiles(Path(course.directory))))
    device = seclude(course.rank)
    threading.Thread(target=_carry, args=(loop, device, streams), daemon=True).start()
    collect(course)
    grow(course, pipe, out)


def _carry(loop: asyncio.AbstractEventLoop, device: int, streams: Mapping[int, Stream]) -> None:
    try:
        loop.run_until_complete(
            carry(device, streams, lambda rank: socket.inet_aton(address(rank)))
        )
    finally:
        os._exit(1)


def _mapped(descriptor: int) -> bytes | mmap.mmap:
    size = os.fstat(descriptor).st_size
    return mmap.mmap(descriptor, size, access=mmap.ACCESS_READ) if size else b""


def main() -> None:
    """Carry out one course; the end of the input ends the process."""
    out = os.fdopen(claim_stdout(), "wb")
    confine(int(sys.argv[1]))
    pipe = sys.stdin.buffer
    course = Course.from_bytes(read_frame(pipe))
    try:
        run(course, pipe, out)
    except CleanroomError as failed:
        code = failed.code
    except Exception:  # noqa: BLE001 - whatever it says may quote a value
        code = ComputationFailed.code
    else:
        code = ""
    if code:
        write_frame(out, Word(rounds=0, size=0, losses=[], last=True, code=code).to_bytes())
    # others may still wait for what this process has sent: it ends when it is told to
    pipe.read(1)
    os._exit(0)


if __name__ == "__main__":
    main()
