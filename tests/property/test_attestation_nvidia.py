"""No cut of a device's evidence becomes claims, and no other device stands for an attached one."""

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from cleanroom.attestation.evidence import DeviceEvidence
from cleanroom.errors import EvidenceRejected, NotTrusted
from tests.support.altering import CHANGE, MODEST, PLACE, altered, refused
from tests.support.nvidia import (
    authenticated,
    gpu_evidence,
    guest_with,
    switch_evidence,
    verified_whole,
)
from tests.support.platform import BINDING

GPU, BLACKWELL, SWITCH = gpu_evidence(), gpu_evidence("blackwell"), switch_evidence()
DEVICES = st.sampled_from([GPU, BLACKWELL, SWITCH])
WHOLE = guest_with(gpus=2, switches=1).collect(BINDING)


def test_no_cut_at_all_verifies():
    for evidence in (GPU, SWITCH):
        for length in range(len(evidence.report)):
            cut = evidence.model_copy(update={"report": evidence.report[:length]})
            assert refused(authenticated, cut, by=EvidenceRejected)


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
@given(which=st.integers(0, 2), place=PLACE, change=CHANGE)
def test_no_altered_byte_of_an_attached_device_verifies(which, place, change):
    attached = list(WHOLE.attached)
    attached[which] = DeviceEvidence(
        platform=attached[which].platform,
        report=altered(attached[which].report, place, change),
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
