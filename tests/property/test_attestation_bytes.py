"""No altered, cut or extended byte of evidence becomes claims; nothing else than a refusal escapes."""

from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from cleanroom.attestation.binding import bind
from cleanroom.attestation.evidence import Evidence
from cleanroom.attestation.formats.amd_certificates import read_endorsements
from cleanroom.attestation.formats.cert_table import read_table
from cleanroom.attestation.formats.snp import LAYOUTS, read_report
from cleanroom.errors import EvidenceRejected, NotTrusted
from enclave.attester.reporting import write
from tests.support.platform import good_evidence, verified

MODEST = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])


def refused(call, *arguments):
    try:
        call(*arguments)
    except NotTrusted:
        return True
    return False


@MODEST
@given(at=st.integers(0, 1183), change=st.integers(1, 255))
def test_no_altered_byte_of_a_report_verifies(at, change):
    evidence = good_evidence()
    report = bytearray(evidence.report)
    report[at] ^= change
    assert refused(verified, evidence.model_copy(update={"report": bytes(report)}))


@MODEST
@given(which=st.integers(0, 2), place=st.floats(0, 1, exclude_max=True), change=st.integers(1, 255))
def test_no_altered_byte_of_a_certificate_verifies(which, place, change):
    evidence = good_evidence()
    endorsements = list(evidence.endorsements)
    altered = bytearray(endorsements[which])
    altered[int(place * len(altered))] ^= change
    endorsements[which] = bytes(altered)
    assert refused(verified, evidence.model_copy(update={"endorsements": endorsements}))


@MODEST
@given(raw=st.binary(max_size=1300))
def test_arbitrary_bytes_are_refused_and_nothing_else_escapes(raw):
    assert refused(read_report, raw)
    assume(raw)
    for read in (read_table, lambda content: read_endorsements([content])):
        try:
            read(raw)
        except EvidenceRejected:
            continue


@MODEST
@given(data=st.data(), version=st.sampled_from(sorted(LAYOUTS)))
def test_what_a_layout_writes_it_reads_back(data, version):
    layout = LAYOUTS[version]
    values = {}
    for row in layout.rows:
        if row.kind == "bytes":
            values[row.name] = data.draw(st.binary(min_size=row.size, max_size=row.size))
        elif row.kind == "number":
            values[row.name] = data.draw(st.integers(0, 256**row.size - 1))
    fields = layout.read(write(layout, values))
    assert {**fields.octets, **fields.numbers} == values


@MODEST
@given(
    one=st.lists(st.binary(max_size=8), max_size=4),
    other=st.lists(st.binary(max_size=8), max_size=4),
)
def test_bindings_are_equal_only_for_equal_fields(one, other):
    assert (bind("d", *one) == bind("d", *other)) == (one == other)


@MODEST
@given(
    report=st.binary(min_size=1, max_size=64),
    endorsements=st.lists(st.binary(min_size=1, max_size=32), max_size=4),
)
def test_evidence_comes_back_from_its_bytes(report, endorsements):
    evidence = Evidence(platform="sev-snp", report=report, endorsements=endorsements)
    again = Evidence.from_bytes(evidence.to_bytes())
    assert (again, again.digest) == (evidence, evidence.digest)
