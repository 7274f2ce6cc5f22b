"""No altered, cut or extended byte of evidence becomes claims, and from any bytes only refusals escape.

One table of platforms and forms, and one of readers. What a format has of its own (text that may be
broken into other lines, numbers that nobody signs) is in the files of those formats.
"""

from functools import cache

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cleanroom.attestation.formats import cbor
from cleanroom.attestation.formats.amd_certificates import read_endorsements
from cleanroom.attestation.formats.cca import read_collection, read_platform, read_realm
from cleanroom.attestation.formats.cert_table import read_table
from cleanroom.attestation.formats.cose import read_sign1
from cleanroom.attestation.formats.event_log import read_event_log
from cleanroom.attestation.formats.hcl import read_hcl_report, read_words
from cleanroom.attestation.formats.intel_documents import (
    read_enclave_identity,
    read_tcb_info,
    signed_part,
)
from cleanroom.attestation.formats.nitro import read_document
from cleanroom.attestation.formats.nvidia import read_opaque
from cleanroom.attestation.formats.quote import read_quote
from cleanroom.attestation.formats.snp import read_report
from cleanroom.attestation.formats.spdm import read_measurements
from cleanroom.attestation.formats.tpm import read_quote as read_tpm_quote
from cleanroom.attestation.formats.tpm import read_signature
from cleanroom.attestation.formats.tpm_public import read_attestation_key
from cleanroom.attestation.formats.uvm import read_endorsement
from cleanroom.errors import EvidenceRejected, NotTrusted
from tests.support.altering import CHANGE, MODEST, PLACE, altered, beginning, refused
from tests.support.nitro_cca import cca_realm, nitro_enclave, verified_there
from tests.support.nvidia import authenticated, gpu_evidence, switch_evidence
from tests.support.platform import BINDING, good_evidence, verified

# platform: forms of evidence that verify, who collects one, who verifies it, how it refuses
PLATFORMS = {
    "sev-snp": (("Milan", "Genoa", "Turin"), good_evidence, verified, NotTrusted),
    "nitro": (
        ("good", "open-map", "tagged", "attached"),
        lambda form: nitro_enclave(form).collect(BINDING),
        verified_there,
        NotTrusted,
    ),
    "cca": (
        ("good", "wrapped", "legacy"),
        lambda form: cca_realm(form).collect(BINDING),
        verified_there,
        NotTrusted,
    ),
    "nvidia-gpu": (("good", "blackwell"), gpu_evidence, authenticated, EvidenceRejected),
    "nvidia-switch": (("good",), switch_evidence, authenticated, EvidenceRejected),
}

REFUSE_ALL = {
    "snp report": read_report,
    "quote": read_quote,
    "tcb info": read_tcb_info,
    "enclave identity": read_enclave_identity,
    "signed part": lambda raw: signed_part(raw, "tcbInfo"),
    "event log": read_event_log,
    "tpm quote": read_tpm_quote,
    "tpm signature": read_signature,
    "tpm key": read_attestation_key,
    "paravisor's report": read_hcl_report,
    "paravisor's words": read_words,
    "endorsement of a utility VM": read_endorsement,
    "spdm measurements": read_measurements,
}
"""Readers that no bytes by chance get through."""
READ_SOME = {
    "certificate table": read_table,
    "amd endorsements": lambda raw: read_endorsements([raw]),
    "cca collection": read_collection,
    "cca platform": read_platform,
    "cca realm": read_realm,
    "nitro document": read_document,
    "cbor": lambda raw: cbor.read(raw, "it", may_be_open=True),
    "cose": lambda raw: read_sign1(raw, "it", ("ecdsa-p384-sha384",), tag_optional=True),
    "nvidia's fields": read_opaque,
}
"""Readers for which a few bytes by chance may have the form."""


@cache
def genuine(platform, form):
    _, collect, _, _ = PLATFORMS[platform]
    return collect(form)


def is_refused(platform, form, report):
    _, _, verify, error = PLATFORMS[platform]
    changed = genuine(platform, form).model_copy(update={"report": report})
    return refused(verify, changed, by=error)


def any_form(data, platform):
    return data.draw(st.sampled_from(PLATFORMS[platform][0]))


@pytest.mark.parametrize("platform", PLATFORMS)
def test_every_form_verifies_as_it_is(platform):
    forms, _, verify, _ = PLATFORMS[platform]
    for form in forms:
        assert verify(genuine(platform, form)).platform == platform


@pytest.mark.parametrize("platform", PLATFORMS)
@MODEST
@given(data=st.data(), place=PLACE, change=CHANGE)
def test_no_altered_byte_verifies(platform, data, place, change):
    form = any_form(data, platform)
    report = altered(genuine(platform, form).report, place, change)
    assert is_refused(platform, form, report)


@pytest.mark.parametrize("platform", PLATFORMS)
@MODEST
@given(data=st.data(), place=PLACE)
def test_no_cut_verifies(platform, data, place):
    form = any_form(data, platform)
    assert is_refused(platform, form, beginning(genuine(platform, form).report, place))


@pytest.mark.parametrize("platform", PLATFORMS)
@MODEST
@given(data=st.data(), more=st.binary(min_size=1, max_size=16))
def test_nothing_may_follow(platform, data, more):
    form = any_form(data, platform)
    assert is_refused(platform, form, genuine(platform, form).report + more)


@pytest.mark.parametrize("name", REFUSE_ALL)
@MODEST
@given(raw=st.binary(max_size=2000))
def test_arbitrary_bytes_are_refused(name, raw):
    assert refused(REFUSE_ALL[name], raw)


@pytest.mark.parametrize("name", READ_SOME)
@MODEST
@given(raw=st.binary(max_size=1300))
def test_arbitrary_bytes_are_read_or_refused_and_each_time_alike(name, raw):
    """Nothing but a refusal escapes, and no reader remembers what it met before."""
    once, again = (refused(READ_SOME[name], raw, by=EvidenceRejected) for _ in range(2))
    assert once == again
