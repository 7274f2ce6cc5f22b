"""No altered, cut or arbitrary byte of a TPM's evidence becomes other claims; only refusals escape."""

from functools import cache

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cleanroom.attestation.formats.hcl import read_hcl_report, read_words
from cleanroom.attestation.formats.tpm import read_quote, read_signature
from cleanroom.attestation.formats.tpm_parts import AzureParts, TpmParts
from cleanroom.attestation.formats.tpm_public import read_attestation_key
from cleanroom.attestation.formats.uvm import read_endorsement
from cleanroom.errors import NotTrusted
from tests.support.platform import BINDING
from tests.support.tpm import azure_guest, checked, good_tpm, google

MODEST = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
PLACE = st.floats(0, 1, exclude_max=True)
CHANGE = st.integers(1, 255)
READERS = (
    read_quote,
    read_signature,
    read_attestation_key,
    read_hcl_report,
    read_words,
    read_endorsement,
)


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


def altered(raw, place, change):
    changed = bytearray(raw)
    changed[int(place * len(raw))] ^= change
    return bytes(changed)


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
    cut = genuine.report[: int(place * len(genuine.report))] or b"\0"
    assert claims_or_none(genuine.model_copy(update={"report": cut})) is None


@MODEST
@given(reader=st.sampled_from(READERS), raw=st.binary(max_size=400))
def test_only_refusals_escape_from_arbitrary_bytes(reader, raw):
    with pytest.raises(NotTrusted):
        reader(raw)
