"""How the error tree crosses the wire: gRPC's rich status with our code, and back.

The code, message and hint of a `CleanroomError` travel in `google.rpc.ErrorInfo` and `Help`
details (https://google.aip.dev/193). Any other exception becomes `InternalError` without a word
about it: what was in it may be confidential. Whoever answers may be a stranger, so nothing that
arrives can do more in a terminal than be read.
"""

from collections.abc import Iterable
from typing import NoReturn

import grpc
from google.protobuf import any_pb2
from google.rpc import code_pb2, error_details_pb2, status_pb2
from grpc_status import rpc_status

from cleanroom.errors import (
    CATALOGUE,
    CleanroomError,
    DeadlineExceeded,
    InternalError,
    Overloaded,
    Problem,
    TransferBroken,
    Unreachable,
)
from cleanroom.legible import legible

DOMAIN = "cleanroom.dev"
LONGEST_TEXT = 800
"""Bytes of a message, a hint or a problem that travel; what is longer is cut."""
LARGEST_DETAILS = 4096
"""Bytes of all details: with the message they must fit the 8 KiB of metadata that peers accept.
Problems that do not fit stay behind; the first ones travel."""

_CODES: dict[str, int] = {
    "1": code_pb2.INVALID_ARGUMENT,
    "2": code_pb2.FAILED_PRECONDITION,
    "3": code_pb2.PERMISSION_DENIED,
    "4": code_pb2.INVALID_ARGUMENT,
    "5": code_pb2.FAILED_PRECONDITION,
    "6": code_pb2.FAILED_PRECONDITION,
    "7": code_pb2.UNAVAILABLE,
    "8": code_pb2.FAILED_PRECONDITION,
    "9": code_pb2.INTERNAL,
}
"""gRPC's code by the family of ours; what a caller acts on is ours."""


def to_status(error: BaseException) -> status_pb2.Status:
    """The rich status for an error; anything unexpected becomes `InternalError`."""
    known = error if isinstance(error, CleanroomError) else InternalError("the call failed inside")
    reason = error_details_pb2.ErrorInfo(
        reason=known.code, domain=DOMAIN, metadata={"slug": known.slug, "hint": _cut(known.hint)}
    )
    details = [_packed(reason)]
    problems = _fitting(known.problems, LARGEST_DETAILS - reason.ByteSize())
    if problems.field_violations:
        details.append(_packed(problems))
    code = _CODES[known.code[3]]
    return status_pb2.Status(code=code, message=_cut(known.message), details=details)


def abort(context: grpc.ServicerContext, error: BaseException) -> NoReturn:
    """End the call on the server with the rich status of `error`."""
    context.abort_with_status(rpc_status.to_status(to_status(error)))
    raise AssertionError("abort_with_status always raises")


def from_rpc(error: grpc.RpcError, address: str) -> CleanroomError:
    """The error of the tree that a failed call stands for.

    Args:
        error: what the stub raised.
        address: whom we called, for the message.
    """
    status = rpc_status.from_call(error) if isinstance(error, grpc.Call) else None
    if status is not None:
        for detail in status.details:
            reason = error_details_pb2.ErrorInfo()
            if detail.Unpack(reason) and reason.domain == DOMAIN and reason.reason in CATALOGUE:
                return CATALOGUE[reason.reason](
                    legible(status.message),
                    hint=legible(reason.metadata.get("hint", "")),
                    problems=_problems(status),
                )
    return _plain(error, address)


def _plain(error: grpc.RpcError, address: str) -> CleanroomError:
    code = error.code() if isinstance(error, grpc.Call) else grpc.StatusCode.UNKNOWN
    if code is grpc.StatusCode.UNAVAILABLE:
        return Unreachable(f"nobody answers at {address}")
    if code is grpc.StatusCode.DEADLINE_EXCEEDED:
        return DeadlineExceeded(f"{address} did not answer in time")
    if code is grpc.StatusCode.RESOURCE_EXHAUSTED:
        return Overloaded(f"a message to or from {address} is larger than allowed")
    return TransferBroken(f"the call to {address} ended with {code.name.lower()}")


def _problems(status: status_pb2.Status) -> list[Problem]:
    found: list[Problem] = []
    for detail in status.details:
        request = error_details_pb2.BadRequest()
        if detail.Unpack(request):
            found += [
                Problem(legible(one.description), where=legible(one.field))
                for one in request.field_violations
            ]
    return found


def _fitting(problems: Iterable[Problem], size: int) -> error_details_pb2.BadRequest:
    """The first of the problems, as many as fit into `size` bytes."""
    request = error_details_pb2.BadRequest()
    for problem in problems:
        request.field_violations.add(field=_cut(problem.where), description=_cut(problem.message))
        if request.ByteSize() > size:
            del request.field_violations[-1]
            break
    return request


def _cut(text: str) -> str:
    raw = text.encode()
    if len(raw) <= LONGEST_TEXT:
        return text
    return raw[:LONGEST_TEXT].decode(errors="ignore") + "…"


def _packed(message: error_details_pb2.ErrorInfo | error_details_pb2.BadRequest) -> any_pb2.Any:
    packed = any_pb2.Any()
    packed.Pack(message)
    return packed
