"""No altered certificate vouches for evidence; layouts, bindings and evidence keep what they are given."""

from hypothesis import given
from hypothesis import strategies as st

from cleanroom.attestation.binding import bind
from cleanroom.attestation.evidence import Evidence
from cleanroom.attestation.formats.snp import LAYOUTS
from enclave.attester.reporting import write
from tests.support.altering import CHANGE, MODEST, PLACE, altered, refused
from tests.support.platform import good_evidence, verified


@MODEST
@given(which=st.integers(0, 2), place=PLACE, change=CHANGE)
def test_no_altered_byte_of_a_certificate_verifies(which, place, change):
    evidence = good_evidence()
    endorsements = list(evidence.endorsements)
    endorsements[which] = altered(endorsements[which], place, change)
    assert refused(verified, evidence.model_copy(update={"endorsements": endorsements}))


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
