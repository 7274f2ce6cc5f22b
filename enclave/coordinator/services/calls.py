"""What every method does the same way: errors become rich statuses, streams are bounded.

An unexpected exception is told to the operator by its class only, and to the caller not at all.
"""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import wraps
from typing import Any, NoReturn, TypeVar

import grpc

from cleanroom.errors import CleanroomError, Overloaded
from cleanroom.wire.errors import abort
from enclave.coordinator.logs import logger

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


class Places:
    """A number of streams that may be open at a time."""

    def __init__(self, most: int, what: str) -> None:
        self._free = threading.BoundedSemaphore(most)
        self._refusal = f"{most} {what} are open already"

    @contextmanager
    def one(self) -> Iterator[None]:
        """Take a place for the length of the block.

        Raises:
            Overloaded: there is none.
        """
        if not self._free.acquire(blocking=False):
            raise Overloaded(self._refusal)
        try:
            yield
        finally:
            self._free.release()


def _refuse(method: str, context: grpc.ServicerContext, error: Exception) -> NoReturn:
    if isinstance(error, CleanroomError):
        logger().info("refused", extra={"method": method, "code": error.code})
    elif context.is_active():
        logger().error("failed", extra={"method": method, "failure": type(error).__name__})
    abort(context, error)
