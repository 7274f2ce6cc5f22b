"""A TCP port that nobody listens on at this moment."""

import socket


def free_port() -> int:
    """A port on 127.0.0.1; another program could take it before it is used."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
