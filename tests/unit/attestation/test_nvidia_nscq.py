"""The collector of switches: over simulated ones, and over a library compiled from C."""

import ctypes

import pytest

from cleanroom.errors import MachineUnfit
from enclave.attester.nscq import NscqSession, attached_switches, load_switches
from tests.support.nscq import FakeSwitches, compiled
from tests.support.nvidia import NONCE, authenticated


@pytest.fixture(scope="module")
def library(tmp_path_factory):
    """Functions as NVIDIA's header declares them."""
    return compiled(tmp_path_factory.mktemp("nscq"))


@pytest.fixture
def spoil(library):
    """Makes the library answer wrongly, until the test ends."""
    switch = ctypes.c_int.in_dll(library, "spoiled")
    yield lambda how: setattr(switch, "value", how)
    switch.value = 0


def test_switches_answer_in_the_librarys_order():
    switches = attached_switches(FakeSwitches())
    found = [authenticated(switch.collect(NONCE)) for switch in switches]
    assert [claims.report_data for claims in found] == [NONCE.hex()] * 2
    assert len({claims.device_id for claims in found}) == 2
    assert [switch.kind for switch in switches] == ["nvidia-switch"] * 2


def test_what_a_library_in_c_calls_back_with_arrives(library):
    session = NscqSession(library)
    assert list(session.labels()) == ["SWITCH-1", "SWITCH-2"]
    for number, label in enumerate(session.labels(), start=1):
        assert session.report(label, NONCE) == bytes([number]) + bytes(7) + NONCE
        assert session.chain(label) == b"PEM" + bytes([number])


def test_each_report_carries_the_nonce_it_was_asked_with(library):
    session = NscqSession(library)
    other = bytes(reversed(NONCE))
    reports = [session.report("SWITCH-1", nonce) for nonce in (NONCE, other, NONCE)]
    assert [report[8:] for report in reports] == [NONCE, other, NONCE]


@pytest.mark.parametrize(
    ("how", "message"),
    [
        (1, "nscq_session_create with status -7"),
        (2, "uuid with status -2"),
        (5, "without a value"),
    ],
)
def test_a_library_that_lists_no_switches_is_told(library, spoil, how, message):
    spoil(how)
    with pytest.raises(MachineUnfit, match=message):
        attached_switches(NscqSession(library))


@pytest.mark.parametrize(
    ("how", "message"),
    [
        (3, "attestation_report with status -8"),
        (4, "states 8193 bytes, expected 1 to 8192"),
        (6, "answers 2 times for one switch"),
    ],
)
def test_a_switch_that_answers_wrongly_is_told(library, spoil, how, message):
    session = NscqSession(library)
    spoil(how)
    with pytest.raises(MachineUnfit, match=message):
        session.report("SWITCH-1", NONCE)


def test_certificates_of_no_size_are_refused(library, spoil):
    session = NscqSession(library)
    spoil(4)
    with pytest.raises(MachineUnfit, match="states 0 bytes, expected 1 to 5120"):
        session.chain("SWITCH-1")


def test_a_label_that_is_no_switch_is_refused(library):
    with pytest.raises(MachineUnfit, match="with status -2"):
        NscqSession(library).report("GPU-1", NONCE)


def test_a_short_nonce_is_refused_before_the_library_is_asked():
    switches = FakeSwitches()
    with pytest.raises(MachineUnfit, match="the nonce is 31 bytes, expected 32 bytes"):
        attached_switches(switches)[0].collect(NONCE[:31])
    assert switches.asked == []


@pytest.mark.parametrize("labels", [["one", "one"], [str(at) for at in range(33)]])
def test_a_library_without_reason_is_refused(labels):
    switches = FakeSwitches()
    switches.labels = lambda: labels
    with pytest.raises(MachineUnfit, match=f"NSCQ states {len(labels)} switches"):
        attached_switches(switches)


def test_a_guest_without_the_library_is_told_so():
    with pytest.raises(MachineUnfit, match="there is no NSCQ"):
        load_switches("libnvidia-nscq-that-is-not-installed.so.2")
