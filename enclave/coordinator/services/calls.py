"""What every method does the same way: errors become rich statuses, streams are bounded.

An unexpected exception is told to the operator by its class only, and to the caller not at all.
"""

import threading
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from functools import wraps
from typing import Any, NoReturn, TypeVar

import grpc

from cleanroom.errors import CleanroomError, Overloaded
from cleanroom.wire.errors import abort
from cleanroom.wire.proto.cleanroom.v1 import cleanroom_pb2 as pb
from enclave.coordinator.logs import logger

MOST_BYTES = 3 << 20
"""Records in one answer, in bytes: a message is limited to 4 MiB."""
Method = TypeVar("Method", bound=Callable[..., Any])


def unary(method: Method) -> Method:
    """A method that gives one answer."""

    @wraps(method)
    def answer(self: object, request: object, context: grpc.ServicerContext) -> object:
        try:
            return method(self, request, context)
        except Exception as error:  # noqa: BLE001 - whatever it is, it ends here with a status
            _refuse(method.__name__, context, error)

    return answer  # type: ignore[return-value]


def streaming(method: Method) -> Method:
    """A method that gives a stream of answers."""

    @wraps(method)
    def answer(self: object, request: object, context: grpc.ServicerContext) -> Iterator[object]:
        try:
            yield from method(self, request, context)
        except Exception as error:  # noqa: BLE001 - whatever it is, it ends here with a status
            _refuse(method.__name__, context, error)

    return answer  # type: ignore[return-value]


def fitting(records: Iterable[bytes]) -> pb.CanonicalList:
    """The first records, as many as one answer holds; the caller asks for those behind them."""
    taken: list[bytes] = []
    size = 0
    for record in records:
        size += len(record)
        if size > MOST_BYTES and taken:  # no record would end the list, however long it is
            break
        taken.append(record)
    return pb.CanonicalList(records=taken)


class Places:
    """A number of streams that may be open at a time, over all and for each caller."""

    def __init__(self, most: int, each: int, what: str) -> None:
        self._most = most
        self._each = each
        self._what = what
        self._lock = threading.Lock()
        self._taken: Counter[str] = Counter()

    @contextmanager
    def one(self, caller: str) -> Iterator[None]:
        """Take a place for the length of the block.

        Raises:
            Overloaded: there is none, or the caller has all of its own.
        """
        with self._lock:
            if self._taken.total() >= self._most or self._taken[caller] >= self._each:
                raise Overloaded(
                    f"{self._taken[caller]} {self._what} of this caller and "
                    f"{self._taken.total()} of all are open, expected fewer than {self._each} "
                    f"and {self._most}"
                )
            self._taken[caller] += 1
        try:
            yield
        finally:
            with self._lock:
                self._taken[caller] -= 1
                self._taken += Counter()  # forget callers without any


def _refuse(method: str, context: grpc.ServicerContext, error: Exception) -> NoReturn:
    if isinstance(error, CleanroomError):
        logger().info("refused", extra={"method": method, "code": error.code})
    elif context.is_active():
        logger().error("failed", extra={"method": method, "failure": type(error).__name__})
    abort(context, error)
