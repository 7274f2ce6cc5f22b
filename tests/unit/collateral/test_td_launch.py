"""Registers of a TDX launch: computed, told by a boot's log, or both, which must agree."""

import hashlib

import pytest

from cleanroom.attestation.formats.event_log import read_event_log, replay
from cleanroom.collateral.boot_events import extend_all
from cleanroom.collateral.direct_boot import DirectBoot, cmdline_events, kernel_events
from cleanroom.collateral.td_launch import compose_image
from cleanroom.errors import EvidenceRejected, Usage
from enclave.attester.quoting import event_log
from tests.support.firmware import kernel
from tests.support.vectors import case_named, content, needs_vectors
from tests.support.vectors_dcap import quote_of

MRTD = "ab" * 48
BOOT = DirectBoot(kernel(), b"cpio", "console=hvc0")
BOOTED = {"rtmr1": kernel_events(BOOT), "rtmr2": cmdline_events(BOOT)}


def log_of(booted, *more):
    """A log of a boot: RTMR0 first, then the events of each register."""
    numbers = {"rtmr1": 1, "rtmr2": 2}
    told = [(0, 1, hashlib.sha384(b"memory").digest())]
    told += [
        (numbers[name], 1, event.digest) for name, events in booted.items() for event in events
    ]
    return event_log([*told, *more])


def test_what_is_computed_is_pinned_and_the_rest_left_open():
    image = compose_image(MRTD, BOOTED, None)
    assert image.mrtd == MRTD
    assert image.rtmr1 == extend_all(BOOTED["rtmr1"]).hex()
    assert image.rtmr2 == extend_all(BOOTED["rtmr2"]).hex()
    assert (image.rtmr0, image.rtmr3) == ("any", "zero")


def test_a_log_of_the_same_boot_adds_what_the_host_decided():
    log = log_of(BOOTED)
    image = compose_image(MRTD, BOOTED, log)
    registers = replay(read_event_log(log), "sha384", (1, 2, 3, 4))
    assert image.rtmr0 == registers[1].hex()
    assert (image.rtmr1, image.rtmr2) == (registers[2].hex(), registers[3].hex())
    assert image == compose_image(MRTD, {}, log)


def test_without_a_kernel_or_a_log_the_host_would_choose_what_boots():
    with pytest.raises(Usage, match="the host would choose what boots"):
        compose_image(MRTD, {}, None)


def test_a_log_of_another_kernel_is_refused():
    other = DirectBoot(kernel(highest=0x1000000), b"cpio", "console=hvc0")
    log = log_of(BOOTED | {"rtmr1": kernel_events(other)})
    with pytest.raises(EvidenceRejected, match="event 1 of RTMR1 in the event log is another"):
        compose_image(MRTD, BOOTED, log)


def test_a_log_of_another_command_line_is_refused():
    other = DirectBoot(BOOT.kernel, b"cpio", "console=hvc0 init=/bin/sh")
    with pytest.raises(EvidenceRejected, match="RTMR2 in the event log is another, expected the c"):
        compose_image(MRTD, BOOTED, log_of(BOOTED | {"rtmr2": cmdline_events(other)}))


def test_a_log_whose_kernel_measured_nothing_is_refused():
    with pytest.raises(EvidenceRejected, match="event 1 of RTMR2 in the event log is missing"):
        compose_image(MRTD, BOOTED, log_of({"rtmr1": BOOTED["rtmr1"]}))


def test_a_log_that_goes_on_is_of_another_way_of_booting():
    more = (2, 1, hashlib.sha384(b"grub").digest())
    with pytest.raises(EvidenceRejected, match="of 3 events, expected the 2 that are"):
        compose_image(MRTD, BOOTED, log_of(BOOTED, more))


def test_what_runs_later_measures_itself():
    later = (3, 1, hashlib.sha384(b"application").digest())
    assert compose_image(MRTD, {}, log_of(BOOTED, later)).rtmr3 != "zero"


@needs_vectors
def test_a_real_event_log_gives_the_registers_that_the_processor_signed():
    case = case_named("ccel-gcp-cos113")
    octets = quote_of(case).body.octets
    image = compose_image(octets["mr_td"].hex(), {}, content(case["log"]))
    assert (image.rtmr0, image.rtmr1) == (octets["rtmr0"].hex(), octets["rtmr1"].hex())
    assert (image.rtmr2, image.rtmr3) == (octets["rtmr2"].hex(), "zero")
    assert octets["rtmr3"] == bytes(48)


def test_a_log_that_is_none_is_refused():
    with pytest.raises(EvidenceRejected, match="event log"):
        compose_image(MRTD, {}, b"\0" * 64)
