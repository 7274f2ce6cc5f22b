"""A receipt with the evidence of many workers is longer than a message, and arrives whole."""

import secrets
from contextlib import ExitStack
from types import SimpleNamespace

import pytest

from cleanroom.attestation.collateral import Collateral
from cleanroom.attestation.formats.cert_table import ENTRY_SIZE
from cleanroom.client.members import members
from cleanroom.client.room import connect
from cleanroom.encoding import LARGEST_RECORD
from cleanroom.errors import Overloaded
from cleanroom.protocol.receipt import Receipt, verify_receipt
from cleanroom.protocol.work import Ready
from cleanroom.wire.channels import LARGEST_MESSAGE
from tests.support.gangs import equip
from tests.support.hostile_room import identity_of
from tests.support.platform import MEASUREMENT
from tests.support.rooms import coordinator, room_manifest

WORKERS = 7
PADDING = 500_000
"""Bytes of each certificate that nobody knows; evidence has three of its own and room for five."""


def unknown_certificate():
    """A certificate table as a host may store it, with one entry that no reader looks for."""
    place = secrets.token_bytes(16) + (2 * ENTRY_SIZE).to_bytes(4, "little")
    return place + PADDING.to_bytes(4, "little") + bytes(ENTRY_SIZE) + secrets.token_bytes(PADDING)


class Verbose:
    """An attester whose host hands over much that nobody needs."""

    def __init__(self, attester):
        self._attester = attester

    def collect(self, binding):
        evidence = self._attester.collect(binding)
        more = [unknown_certificate() for _ in range(4)]
        return evidence.model_copy(update={"endorsements": [*evidence.endorsements, *more]})


@pytest.fixture(scope="module")
def released(tmp_path_factory):
    """A run that a gang of verbose workers finished, and the bank's way to it."""
    directory = tmp_path_factory.mktemp("long")
    wide = {"workers__cpu__max_live": WORKERS, "computations__overlap__workers__count": WORKERS}
    manifest = room_manifest(**wide)
    with ExitStack() as stack:
        room = stack.enter_context(coordinator(directory / "room", manifest))
        bank, _ = room.fill()
        attester = Verbose(room.platform.attester(MEASUREMENT, room.genesis.digest))
        gang = [
            stack.enter_context(room.worker(attester=attester, node_ip=f"127.0.0.{2 + node}"))
            for node in range(WORKERS)
        ]
        entered = connect(
            room.manifest,
            identity=identity_of("bank"),
            coordinator=room.address,
            directory=directory / "bank",
            allow_simulated=True,
        )
        with entered as party:
            shown = list(members(party._calls))
            run = bank.submit().run
            for worker in gang:
                worker.next()
                equip(worker, run)
            for worker in gang:
                worker.next()
                worker.report(Ready(run=run, preflight=[]))
            orders = [worker.next() for worker in gang]
            gang[0].finish(orders[0])
            bank.watch(run)
            yield SimpleNamespace(room=room, bank=bank, party=party, run=run, shown=shown)


def test_a_receipt_longer_than_any_message_or_other_record_arrives_whole_and_holds(released):
    raw = released.bank.receipt(released.run)
    assert len(raw) > LARGEST_RECORD > 2 * LARGEST_MESSAGE
    receipt = Receipt.from_bytes(raw)
    verified = verify_receipt(
        receipt, released.room.manifest, allow_simulated=True, collateral=Collateral()
    )
    assert len(verified.predicate.workers) == WORKERS


def test_a_party_gets_it_by_its_run(released):
    receipt = released.party.run_by_id(released.run).receipt()
    assert receipt.record.to_bytes() == released.bank.receipt(released.run)


def test_each_worker_is_shown_however_much_it_says(released):
    assert len(released.shown) == WORKERS


def test_a_room_that_sends_no_end_is_not_followed(released, monkeypatch):
    monkeypatch.setattr(Receipt, "largest", LARGEST_MESSAGE)
    with pytest.raises(Overloaded, match="the record is longer than 4194304 bytes"):
        released.party.run_by_id(released.run).receipt()
