"""No altered, cut or extended byte of CCA evidence becomes claims; only refusals escape."""

from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from cleanroom.attestation.formats.cca import read_collection, read_platform, read_realm
from cleanroom.errors import EvidenceRejected, NotTrusted
from tests.support.nitro_cca import cca_realm, verified_there
from tests.support.platform import BINDING

MODEST = settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.too_slow])
FORMS = ("good", "wrapped", "legacy")
"""Scenarios that verify: every form of the same evidence."""


def refused(report, scenario="good"):
    evidence = cca_realm(scenario).collect(BINDING).model_copy(update={"report": report})
    try:
        verified_there(evidence)
    except NotTrusted:
        return True
    return False


def report_of(scenario):
    return cca_realm(scenario).collect(BINDING).report


@MODEST
@given(
    scenario=st.sampled_from(FORMS),
    place=st.floats(0, 1, exclude_max=True),
    change=st.integers(1, 255),
)
def test_no_altered_byte_verifies(scenario, place, change):
    report = bytearray(report_of(scenario))
    report[int(place * len(report))] ^= change
    assert refused(bytes(report), scenario)


@MODEST
@given(scenario=st.sampled_from(FORMS), place=st.floats(0, 1, exclude_max=True))
def test_no_cut_verifies(scenario, place):
    report = report_of(scenario)
    cut = report[: int(place * len(report))]
    assume(cut)
    assert refused(cut, scenario)


@MODEST
@given(scenario=st.sampled_from(FORMS), more=st.binary(min_size=1, max_size=16))
def test_nothing_may_follow(scenario, more):
    assert refused(report_of(scenario) + more, scenario)


def outcome_of(read, raw):
    try:
        read(raw)
    except EvidenceRejected:
        return "refused"
    return "read"


@MODEST
@given(raw=st.binary(max_size=400))
def test_arbitrary_bytes_are_refused_and_nothing_else_escapes(raw):
    readers = (read_collection, read_platform, read_realm)
    assert {outcome_of(read, raw) for read in readers} <= {"read", "refused"}
