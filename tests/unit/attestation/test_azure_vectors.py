"""Real evidence of Azure's confidential guests: its verdicts, and what a default policy says."""

import base64
import json
from datetime import UTC, datetime

import pytest

from cleanroom.attestation.anchors import Anchors
from cleanroom.attestation.binding import binding_of
from cleanroom.attestation.collateral import Collateral
from cleanroom.attestation.evidence import Evidence
from cleanroom.attestation.formats.hcl import read_hcl_report
from cleanroom.attestation.platforms import azure_aci
from cleanroom.attestation.policy import AzureAciPolicy
from cleanroom.attestation.silicon.tpm import carried
from cleanroom.attestation.table import compare
from cleanroom.attestation.verifier import verify
from cleanroom.errors import BindingMismatch, EvidenceRejected
from tests.support.vectors import INDEX, VECTORS, case_named, cases, ids, needs_vectors
from tests.support.vectors_azure import (
    INTEL_COLLATERAL,
    NO_FLOORS,
    NOW,
    authenticated,
    evidence_of,
    policy_for,
)
from tests.support.vectors_dcap import collateral_of

pytestmark = needs_vectors
PARAVISOR_KEY = "942fd93ebde6ea7a"
MILAN = {"azure-snp-product", "azure-snp-tcb", "azure-snp-chip-id"}
EXPECTED: dict[str, tuple[bytes, set[str]]] = {
    # case: (what the quote carries, codes that fail in the default policy)
    "az-snp-v0": (b"challenge", MILAN | {"azure-snp-fresh-report"}),
    "az-snp-v1": (b"challenge", MILAN | {"azure-snp-fresh-report"}),
    "az-snp-v2": (b"\x98/\\nE\xdf\x0e\xd3", MILAN),
    "az-snp-live": (b"attestation-test-fixture", MILAN | {"azure-snp-fresh-report"}),
    "az-snp-milan-v3": (b"", MILAN),
    "az-tdx-v1": (
        b"challenge",
        {"azure-tdx-tcb-status", "azure-tdx-advisory", "azure-tdx-fresh-report"},
    ),
}
"""All are of Milan or of firmware that is out of date, so none is wanted as it stands. The nonces
are not ours: where a quote carries none, or the report carries the same one, it counts as fresh."""
ACI_VALID = datetime(2023, 6, 1, tzinfo=UTC)
OTHER_UVM = "which Microsoft endorses"
ACI_ISSUER = (
    "did:x509:0:sha256:I__iuL25oXEVFdTP_aBLx_eT1RPHbCQ_ECBQfYZpt9s::eku:1.3.6.1.4.1.311.76.59.1.2"
)


def test_every_case_has_its_row():
    assert {case["id"] for case in cases("azure-vtpm")} == EXPECTED.keys()


@pytest.mark.parametrize("case", cases("azure-vtpm"), ids=ids)
def test_real_evidence_is_authentic_and_carries_its_nonce(case):
    claims = authenticated(case)
    nonce, _ = EXPECTED[case["id"]]
    assert bytes.fromhex(claims.report_data).startswith(nonce)
    assert claims.assurance == "hardware"
    assert claims.guest.secure_boot
    assert len(claims.boot.pcrs) == 24
    if claims.platform == "azure-snp":
        assert claims.id_key_digest.startswith(PARAVISOR_KEY)
        assert (claims.product, claims.vmpl, claims.report_version) == ("Milan", 0, 3)
    else:
        assert claims.host.tcb_status == "OutOfDate"
        assert not claims.td_attributes["sept_ve_disable"]


@pytest.mark.parametrize("case", cases("azure-vtpm"), ids=ids)
def test_real_evidence_carries_no_binding_of_ours(case):
    with pytest.raises(BindingMismatch, match="report data is"):
        verify(
            evidence_of(case),
            binding=binding_of(b"challenge".ljust(64, b"\0")),
            anchors=Anchors.vendor(),
            collateral=Collateral(intel=collateral_of(INTEL_COLLATERAL)),
            now=NOW,
        )


@pytest.mark.parametrize("case", cases("azure-vtpm"), ids=ids)
def test_default_policy_says_which_real_evidence_is_wanted(case):
    claims = authenticated(case)
    failed = [one for one in compare(claims, policy_for(claims), bytes(32)) if not one.passed]
    assert {one.code for one in failed} == EXPECTED[case["id"]][1]


def test_milan_guest_is_accepted_once_its_chip_is_listed():
    claims = authenticated(case_named("az-snp-v2"))
    policy = policy_for(
        claims,
        products=["Milan"],
        min_tcb={"Milan": NO_FLOORS["Genoa"]},
        chip_ids=[claims.chip_id],
        guest={"vm_ids": [claims.guest.vm_id]},
    )
    assert [one for one in compare(claims, policy, bytes(32)) if not one.passed] == []


@pytest.mark.parametrize(
    ("changed", "code"),
    [
        ({"paravisor_keys": ["00" * 48]}, "azure-snp-paravisor"),
        ({"measurements": ["00" * 48]}, "azure-snp-measurement"),
        ({"min_paravisor_svn": 99}, "azure-snp-paravisor-svn"),
        ({"boot": {"pcrs": {"4": ["00" * 32]}}}, "azure-snp-pcr"),
        ({"boot": {"bank": "sha384", "pcrs": {"4": ["00" * 48]}}}, "azure-snp-pcr-bank"),
        ({"guest": {"console": "forbid"}}, "azure-snp-guest"),
        ({"guest": {"vm_ids": ["00000000-0000-0000-0000-000000000000"]}}, "azure-snp-vm-id"),
    ],
)
def test_each_rule_of_a_guest_says_no(changed, code):
    claims = authenticated(case_named("az-snp-v2"))
    before = EXPECTED["az-snp-v2"][1]
    failed = [
        one for one in compare(claims, policy_for(claims, **changed), bytes(32)) if not one.passed
    ]
    assert code in {one.code for one in failed} - before


def test_report_of_another_index_is_read():
    for name, version in (
        ("kinvolk__hcl-report-snp.bin", "snp"),
        ("kinvolk__hcl-report-tdx.bin", "tdx"),
    ):
        assert read_hcl_report((VECTORS / "azure" / name).read_bytes()).below == version


def aci_evidence(**changed):
    parts = {
        "report": (VECTORS / "azure/aci__snp_report.bin").read_bytes(),
        "endorsements": [
            (VECTORS / "azure/aci__uvm_host_amd_certificate.pem").read_bytes(),
            (VECTORS / "azure/aci__body.uvm_reference_info.bin").read_bytes(),
        ],
    }
    return Evidence(platform="azure-aci", **(parts | changed))


def aci_claims(evidence=None, now=ACI_VALID):
    return azure_aci.authenticate(
        evidence or aci_evidence(), anchors=Anchors.vendor(), collateral=Collateral(), now=now
    )


def test_container_group_is_endorsed_by_microsoft():
    claims = aci_claims()
    policy = base64.b64decode((VECTORS / "azure/aci__uvm_security_policy.base64").read_bytes())
    assert bytes.fromhex(claims.host_data) == carried(policy)
    assert (claims.uvm_issuer, claims.uvm_feed, claims.uvm_svn) == (
        ACI_ISSUER,
        "ContainerPlat-AMD-UVM",
        22,
    )


def test_default_policy_about_the_container_group():
    claims = aci_claims()
    plain = {
        "platform": "azure-aci",
        "measurements": "any",
        "products": ["Genoa"],
        "min_tcb": {"Genoa": NO_FLOORS["Genoa"]},
        "host_data": claims.host_data,
        "uvm_issuers": [ACI_ISSUER],
        "uvm_feeds": ["ContainerPlat-AMD-UVM"],
        "min_uvm_svn": 22,
    }

    def failed(**changed):
        entry = AzureAciPolicy.from_plain(plain | changed)
        return {one.code for one in compare(claims, entry, bytes(32)) if not one.passed}

    old = {
        f"azure-aci-{rule}"
        for rule in ("product", "report-version", "tcb", "tcb-safe", "platform-info", "chip-id")
    }
    assert failed() == old
    assert failed(host_data="00" * 32) - old == {"azure-aci-host-data"}
    assert failed(min_uvm_svn=23) - old == {"azure-aci-uvm-svn"}
    assert failed(uvm_feeds=["ConfAKS-AMD-UVM"]) - old == {"azure-aci-uvm-feed"}
    assert failed(uvm_issuers=[ACI_ISSUER + ".9"]) - old == {"azure-aci-uvm-issuer"}


def test_endorsement_after_its_signers_certificate_ended():
    with pytest.raises(EvidenceRejected, match="outside the validity of ContainerPlat"):
        aci_claims(now=datetime(2025, 1, 1, tzinfo=UTC))


def test_endorsement_that_was_altered():
    parts = aci_evidence().endorsements
    altered = parts[1].replace(b'guestsvn": "22"', b'guestsvn": "99"')
    with pytest.raises(EvidenceRejected, match="signature of the UVM endorsement is not"):
        aci_claims(aci_evidence(endorsements=[parts[0], altered]))


def test_group_without_an_endorsement():
    with pytest.raises(EvidenceRejected, match="the UVM endorsement is there 0 times"):
        aci_claims(aci_evidence(endorsements=aci_evidence().endorsements[:1]))


def test_endorsement_of_another_utility_vm():
    known = json.loads(INDEX.read_text())["cases"]
    other = next(case for case in known if case["id"] == "snp-milan-azure-aci")
    start = datetime.strptime(other["cert_validity"][:10], "%Y-%m-%d").replace(tzinfo=UTC)
    endorsements = [
        (VECTORS / other["endorsement"]).read_bytes(),
        (VECTORS / "snp/trustee__milan_ask_ark_asvk.pem").read_bytes(),
        aci_evidence().endorsements[1],
    ]
    evidence = aci_evidence(
        report=(VECTORS / other["report"]).read_bytes(), endorsements=endorsements
    )
    with pytest.raises(EvidenceRejected, match=OTHER_UVM if start < ACI_VALID else "validity"):
        aci_claims(evidence, now=max(start, ACI_VALID))
