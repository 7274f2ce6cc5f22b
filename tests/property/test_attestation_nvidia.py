"""No altered, cut or extended byte of a device's evidence becomes claims; only refusals escape."""

import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from cleanroom.attestation.evidence import DeviceEvidence
from cleanroom.attestation.formats.nvidia import read_opaque
from cleanroom.attestation.formats.spdm import read_measurements
from cleanroom.errors import EvidenceRejected, NotTrusted
from tests.support.nvidia import (
    authenticated,
    gpu_evidence,
    guest_with,
    switch_evidence,
    verified_whole,
)
from tests.support.platform import BINDING

MODEST = settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.too_slow])
GPU, BLACKWELL, SWITCH = gpu_evidence(), gpu_evidence("blackwell"), switch_evidence()
DEVICES = st.sampled_from([GPU, BLACKWELL, SWITCH])
WHOLE = guest_with(gpus=2, switches=1).collect(BINDING)
PLACE = st.floats(0, 1, exclude_max=True)


def refused(evidence, report):
    try:
        authenticated(evidence.model_copy(update={"report": report}))
    except EvidenceRejected:
        return True
    return False


@MODEST
@given(evidence=DEVICES, place=PLACE, change=st.integers(1, 255))
def test_no_altered_byte_verifies(evidence, place, change):
    report = bytearray(evidence.report)
    report[int(place * len(report))] ^= change
    assert refused(evidence, bytes(report))


@MODEST
@given(evidence=DEVICES, more=st.binary(min_size=1, max_size=16))
def test_nothing_may_follow(evidence, more):
    assert refused(evidence, evidence.report + more)


def test_no_cut_verifies():
    for evidence in (GPU, SWITCH):
        for length in range(len(evidence.report)):
            assert refused(evidence, evidence.report[:length])


@MODEST
@given(evidence=DEVICES, place=PLACE)
def test_no_cut_chain_verifies(evidence, place):
    (chain,) = evidence.endorsements
    # The last line's end says nothing, so a cut there is the same chain.
    cut = chain[: int(place * len(chain.rstrip()))]
    assume(cut)
    with pytest.raises(EvidenceRejected):
        authenticated(evidence.model_copy(update={"endorsements": [cut]}))


@MODEST
@given(which=st.integers(0, 2), place=PLACE, change=st.integers(1, 255))
def test_no_altered_byte_of_an_attached_device_verifies(which, place, change):
    attached = list(WHOLE.attached)
    report = bytearray(attached[which].report)
    report[int(place * len(report))] ^= change
    attached[which] = DeviceEvidence(
        platform=attached[which].platform,
        report=bytes(report),
        endorsements=attached[which].endorsements,
    )
    with pytest.raises(NotTrusted):
        verified_whole(WHOLE.model_copy(update={"attached": attached}))


@MODEST
@given(order=st.lists(st.integers(0, 2), max_size=4))
def test_no_other_list_of_the_same_devices_verifies(order):
    assume(order != [0, 1, 2])
    attached = [WHOLE.attached[which] for which in order]
    with pytest.raises(NotTrusted):
        verified_whole(WHOLE.model_copy(update={"attached": attached}))


@MODEST
@given(raw=st.binary(max_size=400))
def test_arbitrary_bytes_are_refused_and_nothing_else_escapes(raw):
    for read in (read_measurements, read_opaque):
        try:
            read(raw)
        except EvidenceRejected:
            continue
        assert read is read_opaque
