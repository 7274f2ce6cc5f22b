"""The engine for a gang: one Ray node on each worker, a cluster for one run, then nothing.

The worker makes the node's key and asks for a certificate (`equip`), starts the node with the
run's credentials (`form`), and serves its tasks the keys of the parts that it fetched itself. The
head also starts the driver. Every process is ended by its id, and every file goes with the run.
"""

import os
import secrets
import subprocess
import threading
import time
from pathlib import Path

from cleanroom.crypto.certificates import certificate_request, new_private_key
from cleanroom.errors import (
    AdmissionRefused,
    CleanroomError,
    MachineUnfit,
    RunRefused,
    WorkerLost,
)
from cleanroom.protocol.work import (
    Credentials,
    Equipped,
    Failed,
    Provision,
    Ready,
    token_context,
)
from enclave.worker import ports
from enclave.worker.child import Child
from enclave.worker.confine import command, private_directory, remove
from enclave.worker.engine import Job, Say
from enclave.worker.joining import Membership
from enclave.worker.memory import available_memory
from enclave.worker.pipe import Fetched
from enclave.worker.preflight import measure, on_tmpfs
from enclave.worker.processes import end_family, listeners, parents
from enclave.worker.raycommand import (
    LONGEST_DIRECTORY,
    Seat,
    ray_environment,
    start_command,
)
from enclave.worker.serving import KeyService
from enclave.worker.tls import reach, shake_hands, write_credentials

NODE, DRIVER = "enclave.worker.node", "enclave.worker.driver"
PLACES = (Path("/dev/shm"), Path("/run"), Path("/tmp"))  # noqa: S108 - a private one is made there
"""Where a node's directory may be; the first that is in memory."""
READY_S = 45.0
"""A node that is not up within so many seconds has failed."""
LOOK_S = 0.25
"""How often a node's processes are looked at, in seconds."""
ENDING_S = 5.0
"""How long the process above a node may take to end all of it, in seconds."""
LEAST_STORE = 100 * 1024 * 1024
STORE_SHARE = 0.3
"""The part of the available memory that Ray's objects may take."""


def gang_node(provision: Provision, membership: Membership) -> "GangNode":
    """The node that `provision` asks of this worker."""
    return GangNode(provision, membership)


class GangNode:
    """One node of one run's cluster."""

    def __init__(self, provision: Provision, membership: Membership) -> None:
        self._provision = provision
        self._instance = membership.admit.instance
        self._unsealer = membership.unsealer
        self._key = new_private_key()
        self._port_base = ports.free_block()
        self._seat: Seat | None = None
        self._above: subprocess.Popen[bytes] | None = None
        self._keys: KeyService | None = None
        self._driver: Child | None = None
        self._killed = threading.Event()

    def equip(self) -> Equipped:
        """Ask for a certificate of the fresh key, and name the ports."""
        return Equipped(
            run=self._provision.run,
            request=certificate_request(self._key),
            port_base=self._port_base,
        )

    def form(self, credentials: Credentials, say: Say) -> None:
        """Write the credentials, start the node, and wait for it in the background.

        Raises:
            RunRefused: the credentials are for another run, node or block of ports.
            NotTrusted: certificate or token do not fit.
            MachineUnfit: there is no place for a private directory.
        """
        seat = self._seat = self._seated(credentials)
        context = token_context(credentials.run, self._instance)
        token = self._unsealer.open(credentials.sealed_token, context=context)
        write_credentials(
            seat.files, self._key, credentials.certificate, credentials.authority, token
        )
        self._above = subprocess.Popen(  # noqa: S603 - our own module, our own words
            command(NODE, str(seat.directory), *start_command(seat)),
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            env=ray_environment(seat.files),
            cwd=seat.directory,
            start_new_session=True,
        )
        if seat.node == 0:
            self._driver = _driver(seat)
        watch = threading.Thread(target=self._watch, args=(seat, self._above, say), daemon=True)
        watch.start()

    def begin(self, job: Job) -> None:
        """Serve keys to this node's tasks; on the head, let the driver begin.

        Raises:
            AdmissionRefused: the node was not formed.
        """
        seat, above = self._seat, self._above
        if seat is None or above is None:
            raise AdmissionRefused("the gang's node was not formed")
        self._keys = KeyService(seat.files.socket, above.pid, job)
        if self._driver is not None:
            self._driver.write(job.assignment.to_bytes())
            self._driver.listen(job.accepted.order.run, job.say, WorkerLost)

    def keeps(self, index: int) -> bool:
        """Whether a part is this node's share: parts go round the gang."""
        return index % self._provision.nodes == self._provision.node

    def supply(self, fetched: Fetched) -> None:
        """A part of this node's share is there."""
        if self._keys is not None:
            self._keys.supply(fetched)

    def resume(self, file: Path, key: bytes) -> None:
        """Tell the driver where the snapshot is that it goes on from."""
        if self._driver is not None:
            self._driver.write(str(file).encode(), key)

    def kill(self) -> None:
        """End driver, keys and node, and remove the node's directory."""
        self._killed.set()
        if self._driver is not None:
            self._driver.kill()
        if self._keys is not None:
            self._keys.close()
        if self._above is not None:
            _end(self._above)
        if self._seat is not None:
            remove([self._seat.directory])

    def _seated(self, credentials: Credentials) -> Seat:
        node, gang = self._provision.node, tuple(credentials.gang)
        places = [peer.node for peer in gang]
        if credentials.run != self._provision.run or places != list(range(self._provision.nodes)):
            raise RunRefused("the credentials are for another run or gang")
        if gang[node].instance != self._instance or gang[node].port_base != self._port_base:
            raise RunRefused("the credentials are for another worker or other ports")
        directory = _node_directory()
        (directory / "s").mkdir(mode=0o700)
        store = max(LEAST_STORE, int(STORE_SHARE * available_memory() / len(gang)))
        return Seat(directory, gang, node, object_store=store)

    def _watch(self, seat: Seat, above: "subprocess.Popen[bytes]", say: Say) -> None:
        """Say when the node is up, and when it is gone before its time."""
        run = self._provision.run
        try:
            self._await_up(seat, above)
            checks = measure(seat, above.pid)
        except CleanroomError as failed:
            self._unless_killed(say, Failed(run=run, code=failed.code))
            return
        serving = listeners(above.pid, _awaited(seat))
        self._unless_killed(say, Ready(run=run, preflight=checks))
        # Ray itself may take long to see that its own process is gone
        while serving <= parents().keys() and not self._killed.wait(LOOK_S):
            continue
        self._unless_killed(say, Failed(run=run, code=WorkerLost.code))

    def _await_up(self, seat: Seat, above: "subprocess.Popen[bytes]") -> None:
        until = time.monotonic() + READY_S
        while True:
            if above.poll() is not None or time.monotonic() > until or self._killed.is_set():
                raise WorkerLost("the gang's node did not start")
            try:
                for port in _awaited(seat):
                    shake_hands(seat.files, seat.peer.node_ip, port)
                # the only port without TLS; the preflight looks at it
                reach(seat.peer.node_ip, seat.peer.port_base + ports.RUNTIME_ENV)
            except OSError:
                time.sleep(0.05)
            else:
                return

    def _unless_killed(self, say: Say, message: Ready | Failed) -> None:
        if not self._killed.is_set():
            say(message)


def _awaited(seat: Seat) -> list[int]:
    """The ports of a node that is up."""
    offsets = [ports.NODE, ports.OBJECTS] + ([ports.GCS] if seat.node == 0 else [])
    return [seat.peer.port_base + offset for offset in offsets]


def _driver(seat: Seat) -> Child:
    """Started with the cluster, so that it has joined and is warm when the order comes."""
    head, peer = seat.head_address, seat.peer
    words = [head, peer.node_ip, str(peer.port_base + ports.NODE), str(len(seat.gang))]
    return Child(
        command(DRIVER, str(os.getpid()), str(seat.directory), *words),
        ray_environment(seat.files),
        seat.directory,
    )


def _node_directory() -> Path:
    """A new private directory, in memory where the machine has such a place."""
    usable = [place for place in PLACES if place.is_dir()]
    if not usable:
        raise MachineUnfit("this machine has no place for temporary files")
    place = next((each for each in usable if on_tmpfs(each)), usable[-1])
    made = private_directory(place, f"cr-{secrets.token_hex(4)}")
    if len(str(made / "t")) > LONGEST_DIRECTORY:
        raise MachineUnfit("the place for temporary files has too long a name for sockets")
    return made


def _end(above: "subprocess.Popen[bytes]") -> None:
    """Let the process above a node end all of it, and do it ourselves if it does not."""
    if above.stdin is not None:
        above.stdin.close()
    try:
        above.wait(ENDING_S)
    except subprocess.TimeoutExpired:
        end_family(above.pid, grace_s=0)
        above.kill()
        above.wait()
