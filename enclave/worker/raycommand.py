"""The words with which Ray is started: every port pinned, nothing inherited, nothing optional.

Environment variables must be there before Ray is imported; spilling is switched off by
`--system-config`, because the variable for it is ignored.
"""

import json
import os
from dataclasses import dataclass
from pathlib import Path

from cleanroom.protocol.work import Peer
from enclave.worker import ports
from enclave.worker.confine import command, environment
from enclave.worker.raystart import HERE
from enclave.worker.tls import NodeFiles

START = "enclave.worker.raystart"
SYSTEM = {
    "automatic_object_spilling_enabled": False,
    "health_check_initial_delay_ms": 1000,
    "health_check_period_ms": 500,
    "health_check_timeout_ms": 2000,
    "health_check_failure_threshold": 4,
    "worker_niceness": 0,
}
"""A node that died is noticed within about 7 s instead of 15 s. Tasks are not put behind other
processes: the run is what this machine is there for."""
SOCKET_VARIABLE = "CLEANROOM_KEYS"
"""Tells a node's tasks where to ask for keys."""
LONGEST_DIRECTORY = 43
"""Ray's socket paths must stay below 108 bytes; of the temp directory, in characters."""


@dataclass(frozen=True, slots=True)
class Seat:
    """One node's place in its gang's cluster."""

    directory: Path
    gang: tuple[Peer, ...]
    node: int
    object_store: int
    """Shared memory for objects, in bytes."""

    @property
    def peer(self) -> Peer:
        """This node."""
        return self.gang[self.node]

    @property
    def head_address(self) -> str:
        """Where the cluster is reached."""
        head = self.gang[0]
        return f"{head.node_ip}:{head.port_base + ports.GCS}"

    @property
    def files(self) -> NodeFiles:
        """The node's credentials."""
        return NodeFiles(self.directory)


def ray_environment(files: NodeFiles) -> dict[str, str]:
    """The whole environment of a node and of everything it starts."""
    return environment(files.directory) | {
        "RAY_USE_TLS": "1",
        "RAY_TLS_SERVER_CERT": str(files.certificate),
        "RAY_TLS_SERVER_KEY": str(files.key),
        "RAY_TLS_CA_CERT": str(files.authority),
        "RAY_AUTH_MODE": "token",
        "RAY_AUTH_TOKEN_PATH": str(files.token),
        "RAY_USAGE_STATS_ENABLED": "0",
        SOCKET_VARIABLE: str(files.socket),
    }


def start_command(seat: Seat) -> list[str]:
    """`ray start` for one node."""
    head = seat.gang[0]
    host = HERE if seat.node == 0 else head.node_ip
    words = command(START, str(seat.directory), host, str(head.port_base + ports.GCS), "start")
    if seat.node == 0:
        words += [
            "--head",
            f"--port={seat.peer.port_base + ports.GCS}",
            "--no-monitor",
            "--include-dashboard=false",
            f"--system-config={json.dumps(SYSTEM)}",
        ]
    else:
        words.append(f"--address={seat.head_address}")
    return [*words, *_common(seat)]


def resource_of(node: int) -> str:
    """The resource that only this node has: for tasks that need its parts."""
    return f"node-{node}"


def _common(seat: Seat) -> list[str]:
    base = seat.peer.port_base
    return [
        "--block",
        f"--node-ip-address={seat.peer.node_ip}",
        f"--temp-dir={seat.directory / 't'}",
        f"--object-spilling-directory={seat.directory / 's'}",
        f"--num-cpus={len(os.sched_getaffinity(0))}",
        f"--resources={json.dumps({resource_of(seat.node): 1_000_000})}",
        f"--object-store-memory={seat.object_store}",
        "--include-log-monitor=false",
        "--disable-usage-stats",
        f"--node-manager-port={base + ports.NODE}",
        f"--object-manager-port={base + ports.OBJECTS}",
        f"--runtime-env-agent-port={base + ports.RUNTIME_ENV}",
        f"--metrics-export-port={base + ports.METRICS}",
        f"--dashboard-agent-listen-port={base + ports.AGENT}",
        f"--dashboard-agent-grpc-port={base + ports.AGENT_GRPC}",
        f"--min-worker-port={base + ports.FIRST_WORKER}",
        f"--max-worker-port={base + ports.LAST_WORKER}",
    ]
