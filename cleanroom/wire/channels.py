"""Channels to a coordinator: first to whoever answers, then only to the key that was attested.

gRPC for Python has no verify callback, so trust takes two steps: `bootstrap` pins the certificate
that the address happens to show and is good for fetching a statement only; `attested` accepts
nothing but leaves of the authority that the verified statement names.
"""

import socket
import ssl

import grpc

from cleanroom.crypto.certificates import COORDINATOR_NAME, certificate_pem
from cleanroom.errors import Unreachable, Usage

LARGEST_MESSAGE = 4 * 1024 * 1024
"""No message is larger, in bytes; bulk bytes travel in chunks."""
CHUNK = 1024 * 1024
"""Bytes in one message of a transfer."""
CONNECT_TIMEOUT_S = 5.0
"""How long to wait for an address to show its certificate, in seconds."""

_OPTIONS: list[tuple[str, str | int]] = [
    ("grpc.ssl_target_name_override", COORDINATOR_NAME),
    ("grpc.max_receive_message_length", LARGEST_MESSAGE),
    ("grpc.max_send_message_length", LARGEST_MESSAGE),
    ("grpc.keepalive_time_ms", 20_000),
    ("grpc.enable_retries", 1),
]


def split_address(address: str) -> tuple[str, int]:
    """Host and port of `host:port` or `[v6]:port`.

    Raises:
        Usage: it is neither.
    """
    host, _, port = address.rpartition(":")
    host = host.removeprefix("[").removesuffix("]")
    if not host or not port.isdigit() or not 0 < int(port) < 65_536:
        raise Usage(f"the address is {address!r}, expected host:port")
    return host, int(port)


def bootstrap(address: str) -> grpc.Channel:
    """A channel to whoever answers at `address`: trust nothing that comes through it.

    Raises:
        Unreachable: nobody answers, or not with TLS.
    """
    host, port = split_address(address)
    try:
        shown = ssl.get_server_certificate((host, port), timeout=CONNECT_TIMEOUT_S)
    except (OSError, socket.gaierror, ValueError):
        raise Unreachable(f"nobody answers at {address}") from None
    return _channel(address, shown.encode())


def attested(address: str, root_certificate: bytes) -> grpc.Channel:
    """A channel that only reaches a holder of a leaf of the attested authority.

    Args:
        address: `host:port`; untrusted.
        root_certificate: DER, from a verified statement.
    """
    return _channel(address, certificate_pem(root_certificate))


def _channel(address: str, roots: bytes) -> grpc.Channel:
    credentials = grpc.ssl_channel_credentials(root_certificates=roots)
    return grpc.secure_channel(address, credentials, options=_OPTIONS)
