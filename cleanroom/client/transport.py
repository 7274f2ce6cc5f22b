"""One channel to a coordinator: its services, a deadline on every call, errors of our tree.

A transport is either `opening` (to whoever answers; good for a statement and nothing else) or
`attested` (to a holder of a leaf of the verified authority). It tries nothing twice; `calls` does.
"""

import base64
import ssl
from collections.abc import Callable, Iterator
from typing import Any, Self, TypeVar

import grpc

from cleanroom.crypto.certificates import verify_issued
from cleanroom.errors import CleanroomError, SignatureInvalid, StatementRejected, Unreachable
from cleanroom.wire.channels import CONNECT_TIMEOUT_S, attested, bootstrap, split_address
from cleanroom.wire.errors import from_rpc
from cleanroom.wire.proto.cleanroom.v1 import cleanroom_pb2 as pb
from cleanroom.wire.proto.cleanroom.v1 import cleanroom_pb2_grpc as services

TOKEN = "cleanroom-token"  # noqa: S105 - the name of a metadata entry
"""The metadata entry that carries a session's token, in base64."""
SHORT_S = 15.0
"""Deadline of a call that only asks, in seconds."""
LONG_S = 60.0
"""Deadline of a call after which the room collects evidence or writes its log, in seconds."""

T = TypeVar("T")


class Transport:
    """The services of one room behind one channel."""

    def __init__(self, address: str, channel: grpc.Channel, token: bytes = b"") -> None:
        self.address = address
        self.trust = services.TrustStub(channel)
        self.governance = services.GovernanceStub(channel)
        self.blobs = services.BlobsStub(channel)
        self.datasets = services.DatasetsStub(channel)
        self.runs = services.RunsStub(channel)
        self.log = services.LogStub(channel)
        self._channel = channel
        self._metadata = ((TOKEN, base64.b64encode(token).decode()),) if token else ()

    @classmethod
    def opening(cls, address: str) -> Self:
        """To whoever answers at `address`: ask for a statement, send nothing else.

        Raises:
            Unreachable: nobody answers, or not with TLS.
        """
        return cls(address, bootstrap(address))

    @classmethod
    def attested(cls, address: str, root_certificate: bytes) -> Self:
        """To a holder of a leaf of the authority that a verified statement names."""
        return cls(address, attested(address, root_certificate))

    def with_token(self, token: bytes) -> "Transport":
        """The same channel, in the name of a party."""
        return Transport(self.address, self._channel, token)

    def call(self, method: Callable[..., T], request: object, seconds: float = SHORT_S) -> T:
        """One request (or an iterator of them), one reply.

        Raises:
            CleanroomError: the error that the room answered with, or why there is no answer.
        """
        try:
            return method(request, timeout=seconds, metadata=self._metadata)
        except grpc.RpcError as failed:
            raise from_rpc(failed, self.address) from None

    def stream(self, method: Callable[..., Any], request: object, seconds: float) -> Iterator[Any]:
        """One request, many replies; the call is cancelled when the caller stops reading.

        Raises:
            CleanroomError: as `call`.
        """
        replies = method(request, timeout=seconds, metadata=self._metadata)
        try:
            yield from replies
        except grpc.RpcError as failed:
            raise from_rpc(failed, self.address) from None
        finally:
            replies.cancel()

    def close(self) -> None:
        """End every call on this channel."""
        self._channel.close()


def explained(failure: CleanroomError, address: str, root_certificate: bytes) -> CleanroomError:
    """Why the attested channel was not reached, if somebody else answers at the address.

    Args:
        failure: what the first call on the attested channel raised.
        address: whom we called.
        root_certificate: of the verified statement, DER.
    """
    if not isinstance(failure, Unreachable):
        return failure
    try:
        shown = ssl.get_server_certificate(split_address(address), timeout=CONNECT_TIMEOUT_S)
        verify_issued(ssl.PEM_cert_to_DER_cert(shown), root_certificate)
    except SignatureInvalid:
        return StatementRejected(
            f"{address} relays the statement of another coordinator: "
            "its own certificate is not of the attested authority",
            hint="nothing was sent; somebody stands between you and the room: do not continue",
        )
    except (OSError, ValueError):
        return failure
    return failure


def challenge(transport: Transport) -> bytes:
    """A challenge for one caller proof."""
    reply: pb.Challenge = transport.call(transport.trust.GetChallenge, pb.Nothing())
    return reply.challenge
