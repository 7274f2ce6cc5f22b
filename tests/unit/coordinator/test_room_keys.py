"""The room's TLS leaf: of its authority, fresh at the start, renewed in time."""

import ssl
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import grpc
import pytest

from cleanroom.crypto.certificates import verify_issued
from cleanroom.wire.channels import split_address
from enclave.coordinator.keys import LEAF_LIFETIME, RoomKeys, server_credentials
from tests.support.rooms import clock


class Clock:
    """The time, moved by the test."""

    def __init__(self):
        self.now = clock()

    def __call__(self):
        return self.now


@pytest.fixture
def served():
    """A server with the room's credentials, its clock, and the room's keys."""
    moved = Clock()
    keys = RoomKeys.generate(moved())
    server = grpc.server(ThreadPoolExecutor(2))
    port = server.add_secure_port("127.0.0.1:0", server_credentials(keys, moved))
    server.start()
    yield f"127.0.0.1:{port}", moved, keys
    server.stop(0).wait()


def shown(address):
    return ssl.PEM_cert_to_DER_cert(ssl.get_server_certificate(split_address(address), timeout=10))


def test_the_leaf_is_of_the_rooms_authority(served):
    address, _, keys = served
    assert verify_issued(shown(address), keys.root_certificate)


def test_the_leaf_stays_until_half_of_its_lifetime_and_is_renewed_then(served):
    address, moved, keys = served
    first = shown(address)
    moved.now += LEAF_LIFETIME / 2 - timedelta(minutes=1)
    assert shown(address) == first
    moved.now += timedelta(minutes=2)
    second = shown(address)
    assert second != first
    assert verify_issued(second, keys.root_certificate)
    assert shown(address) == second


def test_keys_survive_their_bytes():
    keys = RoomKeys.generate(clock())
    again = RoomKeys.from_bytes(keys.to_bytes())
    assert (again.seal_key, again.sign_key, again.root) == (keys.seal_key, keys.sign_key, keys.root)
    assert again.to_bytes() == keys.to_bytes()
