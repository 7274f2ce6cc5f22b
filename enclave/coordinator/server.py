"""The gRPC server of a room: its services, its limits, and where it listens."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime

import grpc
from grpc_health.v1 import health, health_pb2, health_pb2_grpc

from cleanroom.errors import PortTaken
from cleanroom.wire.channels import LARGEST_MESSAGE, split_address
from cleanroom.wire.proto.cleanroom.v1 import cleanroom_pb2_grpc as rpc
from enclave.coordinator.engine import Engine
from enclave.coordinator.keys import server_credentials
from enclave.coordinator.services.blobs import BlobFiles
from enclave.coordinator.services.datasets import Datasets
from enclave.coordinator.services.door import Door
from enclave.coordinator.services.governance import Governance
from enclave.coordinator.services.log import Log
from enclave.coordinator.services.runs import Runs
from enclave.coordinator.services.trust import Trust
from enclave.coordinator.services.workers import Workers

THREADS = 384
"""Long streams take a thread each: 192 workers, 64 watchers, 48 transfers; the rest is calls."""
_OPTIONS = [
    ("grpc.max_receive_message_length", LARGEST_MESSAGE),
    ("grpc.max_send_message_length", LARGEST_MESSAGE),
    ("grpc.max_metadata_size", 16 * 1024),
    ("grpc.so_reuseport", 0),
    ("grpc.keepalive_time_ms", 30_000),
    ("grpc.keepalive_timeout_ms", 10_000),
    ("grpc.http2.min_ping_interval_without_data_ms", 10_000),
]


def start(engine: Engine, listen: str, clock: Callable[[], datetime]) -> tuple[grpc.Server, str]:
    """Start to serve; returns the server and the address it listens at.

    Args:
        engine: the room.
        listen: `host:port`; port 0 takes a free one.
        clock: for the TLS leaf.

    Raises:
        PortTaken: somebody else listens there, or the address is not this machine's.
        Usage: it is no address.
    """
    server = grpc.server(
        ThreadPoolExecutor(THREADS, thread_name_prefix="call"),
        interceptors=[Door(engine.performer.callers)],
        options=_OPTIONS,
        maximum_concurrent_rpcs=THREADS,
    )
    _add_services(server, engine)
    host, _ = _host_and_port(listen)
    try:
        port = server.add_secure_port(listen, server_credentials(engine.keys, clock))
    except RuntimeError:
        raise PortTaken(f"{listen} is taken, or is no address of this machine") from None
    server.start()
    return server, f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def _add_services(server: grpc.Server, engine: Engine) -> None:
    rpc.add_TrustServicer_to_server(Trust(engine), server)
    rpc.add_GovernanceServicer_to_server(Governance(engine), server)
    rpc.add_BlobsServicer_to_server(BlobFiles(engine), server)
    rpc.add_DatasetsServicer_to_server(Datasets(engine), server)
    rpc.add_RunsServicer_to_server(Runs(engine), server)
    rpc.add_LogServicer_to_server(Log(engine), server)
    rpc.add_WorkersServicer_to_server(Workers(engine), server)
    alive = health.HealthServicer()
    alive.set("", health_pb2.HealthCheckResponse.SERVING)
    health_pb2_grpc.add_HealthServicer_to_server(alive, server)


def _host_and_port(listen: str) -> tuple[str, int]:
    host, _, port = listen.rpartition(":")
    return split_address(f"{host}:1" if port == "0" else listen)
