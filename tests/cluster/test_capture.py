"""Two companies' tables full of canaries go through a whole room: none is seen where it must not be.

Coordinator and two workers are processes of their own; `overlap` runs on two Ray nodes, `matches`
on one worker. Looked at are every file of the host and of the parties' memories, what nodes write
while they work, what stays behind, what processes show, and every packet on the loopback.
"""

import base64
import hashlib
import json
import os
import pickle
import socket
import struct
import threading
import time
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
import pytest

from cleanroom.dataset.seal import seal
from enclave.worker.processes import descendants
from tests.support.canaries import (
    Flock,
    Looking,
    Wire,
    again_and_again,
    captured,
    secret_needles,
)
from tests.support.manifests import good_manifest
from tests.support.whole_rooms import whole_room

pytestmark = pytest.mark.cluster

ROWS, SHARED = 2000, 1200
NODES = [Path("/dev/shm"), Path("/tmp"), Path("/var/tmp")]
"""Where a worker may make its node's directory."""
LARGE = ["0", str(2**59)]
MANIFEST = {
    "datasets__customers__columns__2__bounds": LARGE,
    "datasets__baskets__columns__1__bounds": LARGE,
}


@dataclass
class Seen:
    """What somebody saw who looked everywhere."""

    needles: dict[str, bytes]
    overlap: pa.Table
    matches: pa.Table
    host: Looking
    parties: Looking
    nodes: Looking
    left: Looking
    processes: Looking
    wire: Wire | None


def tables(flock):
    bank = pa.table(
        {
            "email": flock.emails(0, ROWS),
            "segment": ["gold"] * ROWS,
            "income": flock.numbers(0, ROWS),
            "since": pa.array([1] * ROWS, pa.int32()).cast(pa.date32()),
        }
    )
    first = ROWS - SHARED
    shop = pa.table(
        {
            "email": flock.emails(first, ROWS),
            "spend": flock.numbers(first, ROWS),
            "visits": pa.array([1] * ROWS, pa.int64()),
            "favourite": ["books"] * ROWS,
        }
    )
    return bank, shop


@pytest.fixture(scope="module")
def flock():
    return Flock()


@pytest.fixture(scope="module")
def seen(flock, tmp_path_factory):
    """Everything happens once; the tests below read what was seen."""
    base = tmp_path_factory.mktemp("whole")
    began = time.time()
    with pytest.MonkeyPatch.context() as patch, captured(flock.needles()) as wire:
        keys = noted_data_keys(patch)
        with whole_room(base / "room", good_manifest(**MANIFEST), workers=2) as room:
            bank, shop = room.enter("bank"), room.enter("shop")
            for party, dataset, table in zip(
                (bank, shop), ("customers", "baskets"), tables(flock), strict=True
            ):
                party.add(dataset, table)
            needles = flock.needles() | of_keys(keys, room.identities)
            if wire is not None:
                wire.look.needles = needles
            nodes = Looking(needles)
            with again_and_again(nodes, *NODES, named="cr-*"):
                overlap = shop.run("overlap").result(timeout=240)
                matches = bank.run("matches").result(timeout=240)
            processes = Looking(needles).processes(descendants(os.getpid()))
            host = Looking(needles).below(room.directory)
    host.below(base / "room")  # what was written at the very end
    return Seen(
        needles,
        overlap.table,
        matches.table,
        host,
        Looking(needles).below(base / "room-bank", base / "room-shop"),
        nodes,
        Looking(needles).below(*written_since(began)),
        processes,
        wire,
    )


def noted_data_keys(patch):
    """The keys of all versions that are sealed from now on."""
    made = []

    def noting(*given, **named):
        sealed = seal(*given, **named)
        made.append(sealed.key)
        return sealed

    patch.setattr("cleanroom.client.brought.seal", noting)
    return made


def of_keys(data_keys, identities):
    """Data keys, and every private key of the parties."""
    assert len(data_keys) == len(identities) == 2
    private = [
        identity.signer(use).private_bytes()
        for identity in identities.values()
        for use in ("approve", "submit", "provide")
    ]
    private += [identity.unsealer().private_bytes() for identity in identities.values()]
    named = [("data key", key) for key in data_keys] + [("private key", key) for key in private]
    needles = {}
    for number, (what, key) in enumerate(named):
        needles |= secret_needles(f"{what} {number}", key)
    return needles


def written_since(began):
    """Top-level entries of shared and temporary places that are not older than the room."""
    return [
        entry
        for place in NODES
        if place.is_dir()
        for entry in place.iterdir()
        if not entry.name.startswith("pytest-") and changed_since(entry, began)
    ]


def changed_since(entry, began):
    try:
        return entry.lstat().st_mtime >= began
    except OSError:
        return False


def test_the_canaries_were_really_in_the_results(seen, flock):
    """Without this, finding none would mean nothing: the rows did go through the room."""
    assert seen.overlap.to_pydict() == {"overlap": [SHARED]}
    assert seen.matches.num_rows == SHARED
    assert set(seen.matches["left.email"].to_pylist()) == set(flock.emails(ROWS - SHARED, SHARED))
    shared = flock.numbers(ROWS - SHARED, SHARED)
    assert sorted(seen.matches["right.spend"].to_pylist()) == sorted(shared.to_pylist())


def test_whoever_looks_would_find_a_canary_in_any_spelling(seen, flock, tmp_path):
    email, number = flock.email(1500), flock.numbers(1500, 1)[0].as_py()
    spellings = {
        "utf-8": email.encode(),
        "utf-16": email.encode("utf-16"),
        "json": json.dumps({"email": email}).encode(),
        "base64": base64.b64encode(b"{" + email.encode()),
        "repr": repr(email.encode("utf-16-be")).encode() + email.encode("utf-16-be"),
        "number": struct.pack("<q", number),
        "big-endian": struct.pack(">q", number),
        "decimal": f"{number:d}".encode(),
        "hash": hashlib.sha256(flock.email(1003).encode()).hexdigest().encode(),
        "pickle": pickle.dumps([email, number]),
    }
    for name, content in spellings.items():
        (tmp_path / name).write_bytes(b"before " + content + b" after")
    (tmp_path / email).touch()
    look = Looking(seen.needles).below(tmp_path)
    places = {Path(place.partition(":")[0].removesuffix(" (name)")).name for place in look.found}
    assert places == {*spellings, email}


def test_the_host_stores_no_canary_and_no_key(seen):
    assert seen.host.found == set()
    names = {Path(place).name for place in seen.host.places}
    assert {"state.sqlite", "coordinator.log", "worker-1.log", "worker-2.log"} <= names
    assert sum("/blobs/" in place and "(name)" not in place for place in seen.host.places) >= 6


def test_the_parties_memories_hold_no_canary_and_no_key(seen):
    assert seen.parties.found == set()
    assert any("/receipts/" in place for place in seen.parties.places)
    assert any("/statements/" in place for place in seen.parties.places)


def test_nodes_write_no_canary_and_no_key_while_they_work(seen):
    assert seen.nodes.found == set()
    names = {Path(place).name for place in seen.nodes.places}
    assert {"token", "leaf.pem"} <= names
    assert any(name.startswith("raylet") for name in names)


def test_nothing_is_left_in_shared_memory_and_temporary_directories(seen):
    assert seen.left.found == set()


def test_processes_show_no_canary_and_no_key(seen):
    assert seen.processes.found == set()
    assert {"cmdline of a process", "environ of a process"} <= seen.processes.places


def test_the_wire_carries_no_canary_and_no_key(seen):
    if seen.wire is None:
        pytest.skip("only root may capture the loopback")
    assert seen.wire.look.found == set()
    assert seen.wire.packets > 500
    assert seen.wire.size > 500_000
    assert seen.wire.missed == 0


def test_the_capture_would_see_a_canary_on_the_wire(flock):
    with captured(flock.needles()) as wire:
        if wire is None:
            pytest.skip("only root may capture the loopback")
        with socket.create_server(("127.0.0.1", 0)) as server:
            echo = threading.Thread(target=echo_once, args=(server,))
            echo.start()
            with socket.create_connection(server.getsockname()) as client:
                client.sendall(flock.email(7).encode())
                assert client.recv(1000) == flock.email(7).encode()
            echo.join()
    assert wire.look.found == {"loopback: e-mail"}


def echo_once(server):
    answering, _ = server.accept()
    with answering:
        answering.sendall(answering.recv(1000))
