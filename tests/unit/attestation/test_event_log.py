"""Event logs: read to the end of their events, replayed, and nothing beside them believed."""

import hashlib

import pytest

from cleanroom.attestation.formats.event_log import (
    EV_NO_ACTION,
    MOST_EVENTS,
    read_event_log,
    replay,
)
from cleanroom.errors import EvidenceRejected
from enclave.attester.quoting import event_log, measured_events, registers_after
from tests.support.vectors import content, needs_vectors

FILLING = 64
"""Bytes of filling at the end of a simulated log."""


def log(events=None):
    return event_log(measured_events() if events is None else events)


def test_simulated_log_explains_its_registers():
    events = read_event_log(log())
    values = replay(events, "sha384", range(1, 5))
    assert list(values.values()) == registers_after(measured_events())
    assert values[4] == bytes(48)


def test_event_that_is_told_and_not_measured():
    told = [(0, EV_NO_ACTION, b"\x07" * 48)]
    assert replay(read_event_log(log(told)), "sha384", [1]) == {1: bytes(48)}


def test_order_of_events_counts():
    events = [(1, 1, b"\x01" * 48), (1, 1, b"\x02" * 48)]
    assert registers_after(events) != registers_after(events[::-1])
    replayed = [replay(read_event_log(log(one)), "sha384", [2]) for one in (events, events[::-1])]
    assert replayed[0] != replayed[1]


@pytest.mark.parametrize("register", [-1, 4, 8])
def test_event_of_another_register(register):
    with pytest.raises(EvidenceRejected, match=f"an event of register {register + 1}"):
        replay(read_event_log(log([(register, 1, bytes(48))])), "sha384", range(1, 5))


def test_event_without_the_wanted_digest():
    with pytest.raises(EvidenceRejected, match="without sha256"):
        replay(read_event_log(log()), "sha256", range(1, 5))


def test_no_prefix_without_its_filling_is_a_log_with_all_events():
    raw = log()[:-FILLING]
    whole = read_event_log(raw)
    for size in range(len(raw)):
        try:
            assert len(read_event_log(raw[:size])) < len(whole)
        except EvidenceRejected:
            continue


def test_bytes_that_are_no_filling_after_the_last_event():
    with pytest.raises(EvidenceRejected, match=r"cut after|digest"):
        read_event_log(log() + b"\x01")


@pytest.mark.parametrize(
    ("at", "message"),
    [(4, "of another format"), (32, "of another format"), (56, "digest|cut|algorithm|sha")],
)
def test_first_event_of_another_format(at, message):
    raw = bytearray(log())
    raw[at] ^= 0x40
    with pytest.raises(EvidenceRejected, match=message):
        read_event_log(bytes(raw))


def test_digest_of_an_algorithm_that_the_log_does_not_list():
    raw = log()
    at = raw.index(measured_events()[0][2]) - 2
    with pytest.raises(EvidenceRejected, match="digest 0xb"):
        read_event_log(raw[:at] + b"\x0b\x00" + raw[at + 2 :])


def test_known_digest_with_another_size():
    raw = log()
    at = raw.index(b"\x0c\x00\x30\x00")
    with pytest.raises(EvidenceRejected, match="another size of sha384"):
        read_event_log(raw[:at] + b"\x0c\x00\x20\x00" + raw[at + 4 :])


def test_log_without_end():
    many = [(0, 1, bytes(48))] * (MOST_EVENTS + 1)
    with pytest.raises(EvidenceRejected, match=f"at most {MOST_EVENTS} events"):
        read_event_log(log(many))


@needs_vectors
@pytest.mark.parametrize(
    ("name", "events"),
    [
        ("tdx/go-tdx-guest__ccel_data.dat", 43),
        ("tdx/dstack__ccel.bin", 18),
        ("tdx/trustee__CCEL_data_ovmf", 20),
        ("tpm/go-tpm-tools__ubuntu-2404-amd-sevsnp.bin", 116),
        ("tpm/dstack__tpm_eventlog.bin", 45),
    ],
)
def test_real_logs_are_read_to_their_end(name, events):
    found = read_event_log(content(name))
    assert len(found) == events
    assert {len(digest) for event in found for digest in event.digests.values()} <= {20, 32, 48}
    assert all(hashlib.new(algorithm) for event in found for algorithm in event.digests)
