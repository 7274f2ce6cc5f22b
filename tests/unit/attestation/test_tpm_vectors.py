"""Real quotes, logs and certificates of TPMs: what verification says about each of them.

Not used, and why: `gcp/oak__*_claims.json` and `oak__confidential_space_root.pem` are about tokens
of Confidential Space, of which no signed one is published; `gce-tcb-verifier__root.crt` is a test
root that its own repository publishes the key of; `tpm_ek_intermediate_*.crt` are of Google's older
hierarchy, whose root vouches for endorsement keys only.
"""

import base64
import json

import pytest
from pydantic import ValidationError

from cleanroom.attestation.formats import x509
from cleanroom.attestation.formats.event_log import measured, read_event_log, replay
from cleanroom.attestation.formats.tpm import read_signature
from cleanroom.attestation.formats.tpm_parts import Quotation
from cleanroom.attestation.formats.tpm_public import read_attestation_key
from cleanroom.attestation.platforms.gcp_vtpm import GOOGLE_SUITE
from cleanroom.attestation.roots import GOOGLE_EK_AK_ROOT
from cleanroom.attestation.silicon import tpm
from cleanroom.attestation.table import compare
from cleanroom.errors import EvidenceRejected
from tests.support.vectors import VECTORS, cases, ids, needs_vectors
from tests.support.vectors_tpm import NOW, Sample, under

pytestmark = needs_vectors
EXPECTED = {
    # case: (bank: what verification says, codes that fail in the default policy)
    "tpm-gce-nonce": (
        {"sha1": "PCR bank is 0x0004", "sha256": "accept", "sha384": "accept"},
        set(),
    )
}
"""The file certifies no key, so its key's name is registered; each bank has its own quote."""


def test_every_case_has_its_row():
    assert {case["id"] for case in cases("tpm")} == EXPECTED.keys()


@pytest.mark.parametrize("bank", ["sha256", "sha384"])
@pytest.mark.parametrize("case", cases("tpm"), ids=ids)
def test_real_quote_has_its_verdict_and_carries_its_nonce(case, bank):
    sample, (verdicts, codes) = Sample(case), EXPECTED[case["id"]]
    assert verdicts[bank] == "accept"
    claims = under(sample.key_name, sample.evidence(bank, sample.log))
    assert (claims.boot.bank, claims.report_data) == (bank, "9009")
    assert claims.boot.explained[:8] == list(range(8))
    failed = [
        one.code for one in compare(claims, sample.policy(claims), bytes(32)) if not one.passed
    ]
    assert set(failed) == codes


@pytest.mark.parametrize("case", cases("tpm"), ids=ids)
def test_quote_of_an_old_bank(case):
    sample = Sample(case)
    with pytest.raises(ValidationError, match="should match pattern"):
        Quotation(**sample.quotes["sha1"])
    short = sample.quotes["sha1"] | {"pcrs": sample.quotes["sha256"]["pcrs"]}
    key = read_attestation_key(sample.key)
    with pytest.raises(EvidenceRejected, match=EXPECTED[case["id"]][0]["sha1"]):
        tpm.authenticate(Quotation(**short), key.public_key)


@pytest.mark.parametrize("case", cases("tpm"), ids=ids)
def test_values_of_another_bank(case):
    sample = Sample(case)
    mixed = sample.quotes["sha256"] | {"pcrs": sample.quotes["sha384"]["pcrs"]}
    with pytest.raises(EvidenceRejected, match="PCR values is of another size"):
        tpm.authenticate(Quotation(**mixed), read_attestation_key(sample.key).public_key)


@pytest.mark.parametrize("case", cases("tpm"), ids=ids)
def test_real_log_with_another_digest(case):
    sample = Sample(case)
    first = next(measured(read_event_log(sample.log))).digests["sha256"]
    altered = sample.log.replace(first, bytes(32), 1)
    with pytest.raises(EvidenceRejected, match="as the event log says"):
        under(sample.key_name, sample.evidence("sha256", altered))


def test_quote_of_a_plain_tpm():
    """Its nonce of 64 bytes is whole: only old TPMs cut at 34 or 50."""
    sample = json.loads((VECTORS / "tpm/trustee__tpm_evidence.json").read_text())
    quote = sample["tpm_quote"]
    quotation = Quotation(
        message=base64.b64decode(quote["message"]),
        signature=base64.b64decode(quote["signature"]),
        pcrs={str(index): value for index, value in enumerate(quote["pcrs"])},
    )
    authentic = tpm.authenticate(quotation, base64.b64decode(sample["ak_public"]))
    assert len(authentic.quoted.extra_data) == 64
    assert read_signature(quotation.signature).suite == "rsa-pkcs1-sha256"


@pytest.mark.parametrize(
    "name",
    [
        "dstack__tpm_eventlog.bin",
        "go-tpm-tools__confidential-gke-debug-251000_eventlog.bin",
        "go-tpm-tools__cos-101-amd-sev.bin",
        "go-tpm-tools__ubuntu-2404-amd-sevsnp.bin",
    ],
)
def test_real_logs_are_replayed(name):
    events = read_event_log((VECTORS / "tpm" / name).read_bytes())
    values = replay(events, "sha256", range(24))
    assert any(values[4])
    assert any(values[7])


def test_googles_root_vouches_for_its_authority():
    names = ("gcp_ek_ak_ca_root", "gcp_ek_ak_ca_intermediate_v3")
    root, authority = (
        x509.read_certificate(
            (VECTORS / f"tpm/go-tpm-tools__{name}.crt").read_bytes(), GOOGLE_SUITE
        )
        for name in names
    )
    assert root.fingerprint == GOOGLE_EK_AK_ROOT
    for certificate in (root, authority):
        x509.require_authority(certificate, signs_more=True)
        x509.require_issued(certificate, root)
        x509.require_valid(certificate, NOW)
