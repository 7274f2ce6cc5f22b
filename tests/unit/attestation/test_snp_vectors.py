"""Real SEV-SNP evidence: what verification says, and what a default policy says."""

import base64
import json
from datetime import UTC, datetime, timedelta

import pytest

from cleanroom.attestation.anchors import Anchors
from cleanroom.attestation.appraisal import appraise
from cleanroom.attestation.binding import binding_of
from cleanroom.attestation.collateral import Collateral
from cleanroom.attestation.evidence import Evidence
from cleanroom.attestation.table import compare
from cleanroom.attestation.verifier import verify
from cleanroom.errors import BindingMismatch, EvidenceRejected
from tests.support.vectors import VECTORS, case_named, cases, ids, needs_vectors
from tests.support.vectors_snp import NO_FLOORS, days_of, evidence_of, policy_of, prepare

pytestmark = needs_vectors

OLD_MILAN = {
    "snp-product",
    "snp-report-version",
    "snp-tcb",
    "snp-tcb-safe",
    "snp-platform-info",
    "snp-chip-id",
}
NEW_MILAN = {"snp-product", "snp-tcb", "snp-chip-id"}
EXPECTED: dict[str, tuple[str, set[str]]] = {
    # case: (verify, codes that fail in the default policy)
    "snp-milan-v2-vcek": ("accept", OLD_MILAN | {"snp-guest-policy"}),
    "snp-milan-v2-azure": ("accept", OLD_MILAN),
    "snp-milan-neg-vcek-legacy": ("reject", set()),
    "snp-milan-v3-vlek-aws": (
        "accept",
        NEW_MILAN | {"snp-vmpl", "snp-signing-key", "snp-csp-id"},
    ),
    "snp-milan-v2-virtee": ("accept", OLD_MILAN),
    "snp-genoa-v5": ("accept", set()),
    "snp-genoa-v5-oak": ("accept", set()),
    "snp-milan-v3-oak-milan_oc_release": ("accept", NEW_MILAN),
    "snp-milan-v3-oak-milan_oc_staging": ("accept", NEW_MILAN),
    "snp-milan-v3-dstack": ("accept", NEW_MILAN | {"snp-tcb-safe"}),
    "snp-milan-azure-aci": ("accept", NEW_MILAN),
    "snp-turin-azure-aci": ("accept", set()),
    "snp-milan-v2-aci": ("accept", OLD_MILAN),
}
"""The default policy lists Genoa and Turin, this measurement, and leaves the rest as it is."""
SNP = cases("snp")
GENUINE = [case for case in SNP if EXPECTED[case["id"]][0] == "accept"]


def verified(case, **changed):
    return prepare(case).verified(**changed)


def test_every_case_has_its_row():
    assert {case["id"] for case in SNP} == EXPECTED.keys()


@pytest.mark.parametrize("case", SNP, ids=ids)
def test_real_evidence_has_its_verdict_and_fields(case):
    if EXPECTED[case["id"]][0] == "reject":
        with pytest.raises(EvidenceRejected, match="signature of SEV-VCEK is not its issuer's"):
            verified(case)
        return
    claims = verified(case)
    assert claims.assurance == "hardware"
    assert claims.product.lower() == case["product"]
    for name in ("measurement", "report_data", "host_data", "id_key_digest", "chip_id"):
        assert getattr(claims, name) == case[name]
    assert claims.tcb["reported"] == case["reported_tcb"]
    assert claims.report_version == case["version"]
    assert (claims.signing_key, claims.vmpl) == (case["signing_key"], case["vmpl"])
    assert claims.guest_policy_word == case["policy"]


@pytest.mark.parametrize("case", GENUINE, ids=ids)
def test_default_policy_says_which_real_evidence_is_wanted(case):
    _, codes = EXPECTED[case["id"]]
    assert prepare(case).failing() == codes


def test_milan_is_accepted_once_its_chip_is_listed():
    case = case_named("snp-milan-azure-aci")
    policy = policy_of(
        case, products=["Milan"], min_tcb={"Milan": NO_FLOORS["Milan"]}, chip_ids=[case["chip_id"]]
    )
    now = days_of(case)[0] + timedelta(days=2)
    result = appraise(verified(case), {"milan": policy}, genesis=bytes(32), now=now)
    assert (result.status, result.assurance) == ("affirming", "hardware")


def test_turin_chip_is_listed_by_its_short_hardware_id():
    case = case_named("snp-turin-azure-aci")
    policy = policy_of(case, chip_ids=[case["chip_id"][:16]])
    assert all(finding.passed for finding in compare(verified(case), policy, bytes(32)))


def test_turin_platform_bit_6_is_surfaced_and_not_fatal():
    case = case_named("snp-turin-azure-aci")
    claims = verified(case)
    assert claims.platform_info_unknown == [6]
    unknown = [
        finding
        for finding in compare(claims, policy_of(case), bytes(32))
        if finding.code == "snp-platform-unknown"
    ]
    assert [(finding.found, finding.passed) for finding in unknown] == [("6", True)]


def test_vlek_is_refused_after_its_year():
    case = case_named("snp-milan-v3-vlek-aws")
    with pytest.raises(EvidenceRejected, match="outside the validity of SEV-VLEK"):
        verified(case, now=days_of(case)[1] + timedelta(days=2))
    assert verified(case).csp_id == "CN=cc-us-east-2.amazonaws.com"


def test_genoa_leaf_under_milan_certificates():
    case = case_named("snp-genoa-v5-oak")
    with pytest.raises(EvidenceRejected, match="issuer of the SEV-VCEK certificate"):
        verified(case, evidence=evidence_of(case, product="milan"))


def test_real_evidence_under_a_development_root():
    case = case_named("snp-genoa-v5-oak")
    with pytest.raises(EvidenceRejected, match=r"root .ARK. that is trusted here"):
        verified(case, anchors=Anchors.development(["sha256:" + "0" * 64]))


def test_real_evidence_for_another_binding():
    case = case_named("snp-genoa-v5-oak")
    with pytest.raises(BindingMismatch, match="report data is"):
        verified(case, binding=binding_of(bytes(64)))


def test_certificates_arrive_as_the_hosts_table():
    sample = json.loads((VECTORS / "snp/services__sevsnp-tsm-report.json").read_text())
    report, table = (from_base64url(sample[name]) for name in ("outblob", "auxblob"))
    claims = verify(
        Evidence(platform="sev-snp", report=report, endorsements=[table]),
        binding=binding_of(b"MIDBNH28iioisjPyxxxxxxxxxxxxxxxx" * 2),
        anchors=Anchors.vendor(),
        collateral=Collateral(),
        now=datetime(2026, 6, 1, tzinfo=UTC),
    )
    assert (claims.product, claims.report_version) == ("Genoa", 3)


def from_base64url(text):
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
