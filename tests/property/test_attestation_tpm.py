"""No altered byte and no beginning of a TPM's evidence becomes other claims."""

from functools import cache

from hypothesis import given
from hypothesis import strategies as st

from cleanroom.attestation.formats.tpm_parts import AzureParts, TpmParts
from cleanroom.errors import NotTrusted
from tests.support.altering import CHANGE, MODEST, PLACE, altered, beginning
from tests.support.platform import BINDING
from tests.support.tpm import azure_guest, checked, good_tpm, google


@cache
def evidence(platform):
    makers = {
        "tpm": lambda: good_tpm().collect(BINDING),
        "gcp-vtpm": lambda: google().collect(good_tpm(), BINDING),
        "azure-snp": lambda: azure_guest().collect(BINDING),
    }
    return makers[platform]()


def said(found):
    """What claims say, apart from the name of the bytes that they come from."""
    return found.model_copy(update={"evidence": "sha256:" + "0" * 64})


def claims_or_none(found):
    try:
        return said(checked(found))
    except NotTrusted:
        return None


@MODEST
@given(
    platform=st.sampled_from(["tpm", "gcp-vtpm"]),
    part=st.sampled_from(["message", "signature", "key"]),
    place=PLACE,
    change=CHANGE,
)
def test_no_altered_byte_of_a_quote_becomes_claims(platform, part, place, change):
    genuine = evidence(platform)
    parts = TpmParts.from_bytes(genuine.report)
    if part == "key":
        changed = parts.model_copy(update={"key": altered(parts.key, place, change)})
    else:
        raw = altered(getattr(parts.quotation, part), place, change)
        changed = parts.model_copy(
            update={"quotation": parts.quotation.model_copy(update={part: raw})}
        )
    found = claims_or_none(genuine.model_copy(update={"report": changed.to_bytes()}))
    # Google certifies the key itself; which promises came along with it is not certified.
    assert found is None or (platform == "gcp-vtpm" and found == said(checked(genuine)))


@MODEST
@given(place=PLACE, change=CHANGE)
def test_no_altered_byte_of_a_paravisors_report_becomes_other_claims(place, change):
    genuine = evidence("azure-snp")
    parts = AzureParts.from_bytes(genuine.report)
    raw = altered(parts.hcl_report, place, change)
    changed = parts.model_copy(update={"hcl_report": raw})
    found = claims_or_none(genuine.model_copy(update={"report": changed.to_bytes()}))
    # Some numbers of the header are signed by nobody and used for nothing.
    assert found in (None, said(checked(genuine)))


@MODEST
@given(platform=st.sampled_from(["tpm", "gcp-vtpm", "azure-snp"]), place=PLACE, change=CHANGE)
def test_no_altered_byte_of_the_parts_becomes_other_claims(platform, place, change):
    genuine = evidence(platform)
    found = claims_or_none(
        genuine.model_copy(update={"report": altered(genuine.report, place, change)})
    )
    assert found in (None, said(checked(genuine)))


@MODEST
@given(platform=st.sampled_from(["tpm", "gcp-vtpm", "azure-snp"]), place=PLACE)
def test_no_beginning_of_the_parts_becomes_claims(platform, place):
    genuine = evidence(platform)
    cut = genuine.model_copy(update={"report": beginning(genuine.report, place)})
    assert claims_or_none(cut) is None
