"""Credentials of a gang that are not this worker's: refused before any node is started."""

import os
import secrets

import pytest

from cleanroom.crypto.certificates import certificate_request, new_private_key
from cleanroom.errors import RunRefused, SealBroken, SignatureInvalid
from cleanroom.protocol.work import Failed, Provision, Ready
from enclave.worker.processes import descendants
from tests.support.workers import (
    RunAuthority,
    ScriptedRoom,
    live_manifest,
    running_worker,
)


@pytest.fixture(scope="module")
def room():
    return ScriptedRoom(live_manifest(count=2))


@pytest.fixture(scope="module")
def workers(room, tmp_path_factory):
    places = [tmp_path_factory.mktemp("worker") for _ in range(2)]
    with (
        room.serving() as address,
        running_worker(room, address, places[0], "127.0.0.2"),
        running_worker(room, address, places[1], "127.0.0.3"),
    ):
        yield [room.worker(), room.worker()]


@pytest.fixture
def equipped(room, workers):
    return room.equip(workers, f"r-{secrets.token_hex(8)}")


def changed(record, **fields):
    return type(record)(**{**dict(record), **fields})


def answers(workers, credentials):
    """What the first worker says to these credentials; the second one's gang is given up too."""
    run, before = credentials.run, descendants(os.getpid())
    workers[0].say(credentials)
    answer = workers[0].hear(Failed, Ready)
    assert descendants(os.getpid()) <= before
    workers[1].say(credentials)
    workers[1].hear(Failed)
    assert answer.run == run
    return answer.code


def test_a_token_that_was_sealed_to_another_worker(room, workers, equipped):
    peers, given = equipped
    authority = RunAuthority()
    own = room.credentials(workers[0], given[0], peers, authority)
    other = room.credentials(workers[1], given[1], peers, authority)
    mixed = changed(own, sealed_token=other.sealed_token)
    assert answers(workers, mixed) == SealBroken.code


def test_a_certificate_for_another_key(room, workers, equipped):
    peers, given = equipped
    own = room.credentials(workers[0], given[0], peers, RunAuthority())
    authority = RunAuthority()
    leaf = authority.leaf(certificate_request(new_private_key()), "127.0.0.2")
    swapped = changed(own, certificate=leaf, authority=authority.certificate)
    assert answers(workers, swapped) == SignatureInvalid.code


def test_a_certificate_of_another_authority_than_the_one_shown(room, workers, equipped):
    peers, given = equipped
    own = room.credentials(workers[0], given[0], peers, RunAuthority())
    assert answers(workers, changed(own, authority=RunAuthority().certificate)) == (
        SignatureInvalid.code
    )


def test_ports_that_this_worker_did_not_name(room, workers, equipped):
    peers, given = equipped
    moved = [changed(peers[0], port_base=peers[0].port_base + 100), peers[1]]
    own = room.credentials(workers[0], given[0], moved, RunAuthority())
    assert answers(workers, own) == RunRefused.code


def test_a_gang_in_another_order_than_provisioned(room, workers, equipped):
    peers, given = equipped
    turned = [changed(peers[1], node=0), changed(peers[0], node=1)]
    own = room.credentials(workers[0], given[0], turned, RunAuthority())
    assert answers(workers, own) == RunRefused.code


def test_a_second_provision_while_one_is_under_way_ends_the_membership(room, workers, equipped):
    _, given = equipped
    workers[0].say(Provision(run="r-00000000000000ff", node=0, nodes=2))
    assert workers[0].ended.wait(60)
    rejoined = room.worker()
    assert rejoined.admit.instance != workers[0].admit.instance
    assert given[0].run != "r-00000000000000ff"
