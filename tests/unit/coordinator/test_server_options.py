"""What gRPC is told is told in its own words: a name that it does not know, it ignores."""

from pathlib import Path

import pytest
from grpc._cython import cygrpc

from cleanroom.wire import channels
from enclave.coordinator import server

LIBRARY = Path(cygrpc.__file__).read_bytes()


@pytest.mark.parametrize("name", sorted({name for name, _ in server._OPTIONS + channels._OPTIONS}))
def test_every_option_is_one_that_grpc_knows(name):
    assert name.encode() + b"\0" in LIBRARY


def test_a_worker_that_says_nothing_may_ask_whether_the_room_is_there():
    """Otherwise its stream is ended after a minute or two of silence, and with it its run."""
    allowed = dict(server._OPTIONS)["grpc.http2.min_ping_interval_without_data_ms"]
    assert allowed <= dict(channels._OPTIONS)["grpc.keepalive_time_ms"]
