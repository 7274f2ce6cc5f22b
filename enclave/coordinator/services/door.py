"""Who may call which method: one table, checked before a request is even parsed.

A method that is not in the table is closed.
"""

from collections.abc import Callable
from typing import Any, Literal

import grpc

from cleanroom.errors import CallerRefused, CleanroomError
from cleanroom.wire.errors import abort
from enclave.coordinator.callers import METADATA_KEY, Caller, Callers

Who = Literal["anybody", "party", "party or worker"]
_PREFIX = "/cleanroom.v1."
OPEN_TO: dict[str, Who] = {
    "Trust/GetStatement": "anybody",
    "Trust/GetChallenge": "anybody",
    "Trust/OpenSession": "anybody",
    "Trust/GetWorkers": "party",
    "Governance/Propose": "anybody",
    "Governance/GetTally": "anybody",
    "Blobs/Put": "party or worker",
    "Blobs/Get": "party or worker",
    "Blobs/Stat": "party or worker",
    "Datasets/Put": "party",
    "Datasets/GetVersions": "party",
    "Runs/Submit": "party",
    "Runs/Get": "party",
    "Runs/List": "party",
    "Runs/Watch": "party",
    "Runs/GetOutput": "party",
    "Runs/GetReceipt": "party",
    "Runs/Cancel": "party",
    "Log/GetCheckpoint": "party",
    "Log/GetConsistency": "party",
    "Log/GetInclusion": "party",
    "Log/GetEntries": "party",
    "Workers/Session": "anybody",
}
"""Methods by name. Workers prove themselves inside of their session."""
HEALTH = ("/grpc.health.v1.Health/Check", "/grpc.health.v1.Health/Watch")

Metadata = Any
"""gRPC's sequence of key and value pairs."""


def caller_of(callers: Callers, metadata: Metadata) -> Caller:
    """Whose token a call carries.

    Raises:
        CallerRefused: none, more than one, or one that is not valid.
    """
    tokens = [value for key, value in metadata or () if key == METADATA_KEY]
    if len(tokens) != 1:
        raise CallerRefused(f"the call carries {len(tokens)} tokens, expected exactly 1")
    return callers.caller(tokens[0])


class Door(grpc.ServerInterceptor):  # type: ignore[misc]
    """Refuses calls that are not open to their caller."""

    def __init__(self, callers: Callers) -> None:
        self._callers = callers

    def intercept_service(
        self, continuation: Callable[..., Any], handler_call_details: grpc.HandlerCallDetails
    ) -> grpc.RpcMethodHandler:
        """Pass the call on, or put a refusal in its place."""
        method = continuation(handler_call_details)
        try:
            self._check(handler_call_details.method, handler_call_details.invocation_metadata)
        except CleanroomError as refused:
            return None if method is None else _refusal(method, refused)
        return method

    def _check(self, method: str, metadata: Metadata) -> str:
        if method in HEALTH:
            return method
        who = OPEN_TO.get(method.removeprefix(_PREFIX))
        if who is None:
            raise CallerRefused("there is no such method")
        if who != "anybody" and caller_of(self._callers, metadata).kind not in who:
            raise CallerRefused(f"this method is for a {who}")
        return method


def _refusal(method: grpc.RpcMethodHandler, refused: CleanroomError) -> grpc.RpcMethodHandler:
    def refuse(_: object, context: grpc.ServicerContext) -> None:
        abort(context, refused)

    if method.request_streaming and method.response_streaming:
        return grpc.stream_stream_rpc_method_handler(refuse)
    if method.request_streaming:
        return grpc.stream_unary_rpc_method_handler(refuse)
    if method.response_streaming:
        return grpc.unary_stream_rpc_method_handler(refuse)
    return grpc.unary_unary_rpc_method_handler(refuse)
