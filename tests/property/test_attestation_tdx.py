"""No altered byte of TDX evidence becomes claims; logs explain registers, and statuses never improve."""

from functools import cache

from hypothesis import given
from hypothesis import strategies as st

from cleanroom.attestation.collateral import IntelCollateral
from cleanroom.attestation.formats.event_log import read_event_log, replay
from cleanroom.attestation.formats.quote import read_quote
from cleanroom.attestation.silicon.intel_tcb import converge
from cleanroom.errors import NotTrusted
from enclave.attester.quoting import event_log, registers_after
from tests.support.altering import CHANGE, MODEST, PLACE, altered, refused
from tests.support.platform import good_tdx_evidence, verified_tdx

STATUSES = (
    "UpToDate",
    "SWHardeningNeeded",
    "ConfigurationNeeded",
    "ConfigurationAndSWHardeningNeeded",
    "OutOfDate",
    "OutOfDateConfigurationNeeded",
    "Revoked",
)


@cache
def evidence():
    return good_tdx_evidence()


@MODEST
@given(place=PLACE, change=CHANGE)
def test_no_altered_byte_of_a_quote_verifies(place, change):
    report = altered(evidence().report, place, change)
    if read_or_none(report) == read_quote(evidence().report):
        return  # another line break or trailing byte in the text of the certificates
    assert refused(verified_tdx, evidence().model_copy(update={"report": report}))


def read_or_none(report):
    try:
        quote = read_quote(report)
    except NotTrusted:
        return None
    return quote


@MODEST
@given(data=st.data(), place=PLACE, change=CHANGE)
def test_no_altered_byte_of_a_signed_document_verifies(data, place, change):
    kept = IntelCollateral.from_bytes(evidence().endorsements[0])
    name = data.draw(st.sampled_from(["tcb_infos", "qe_identities"]))
    (signed,) = getattr(kept, name)
    document = altered(signed.document, place, change)
    forged = kept.model_copy(update={name: [signed.model_copy(update={"document": document})]})
    endorsed = evidence().model_copy(update={"endorsements": [forged.to_bytes()]})
    outcome = refused(verified_tdx, endorsed)
    # The hexadecimal digits of the signature may change their case, which changes nothing.
    same = signed.document.lower() == document.lower() and signed.document[-132:] != document[-132:]
    assert outcome or same


@MODEST
@given(data=st.data(), place=PLACE, change=CHANGE)
def test_no_altered_byte_of_a_revocation_list_verifies(data, place, change):
    kept = IntelCollateral.from_bytes(evidence().endorsements[0])
    if data.draw(st.booleans()):
        forged = kept.model_copy(update={"root_crl": altered(kept.root_crl, place, change)})
    else:
        forged = kept.model_copy(update={"pck_crls": [altered(kept.pck_crls[0], place, change)]})
    endorsed = evidence().model_copy(update={"endorsements": [forged.to_bytes()]})
    assert refused(verified_tdx, endorsed)


@MODEST
@given(
    events=st.lists(
        st.tuples(
            st.integers(0, 3), st.integers(4, 2**32 - 1), st.binary(min_size=48, max_size=48)
        ),
        max_size=12,
    )
)
def test_every_log_explains_the_registers_that_it_was_written_from(events):
    values = replay(read_event_log(event_log(events)), "sha384", range(1, 5))
    assert list(values.values()) == registers_after(events)


@MODEST
@given(place=PLACE, change=CHANGE)
def test_no_altered_byte_of_a_log_changes_what_is_claimed(place, change):
    forged = evidence().model_copy(
        update={"event_log": altered(evidence().event_log, place, change)}
    )
    try:
        claims = verified_tdx(forged)
    except NotTrusted:
        return
    assert {event.digest for event in claims.events} == {
        event.digest for event in verified_tdx(evidence()).events
    }


@MODEST
@given(status=st.sampled_from(STATUSES), one=st.sampled_from(["UpToDate", "OutOfDate", "Revoked"]))
def test_converging_never_makes_a_status_better(status, one):
    found = converge(status, one)
    assert STATUSES.index(found) >= STATUSES.index(status)
    assert converge(found, one) == found
