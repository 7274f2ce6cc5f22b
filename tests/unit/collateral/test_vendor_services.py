"""What vendors are asked, and how a file of their answers verifies evidence without a network."""

from base64 import b64encode

import pytest

from cleanroom.attestation.anchors import Anchors
from cleanroom.attestation.collateral import Collateral
from cleanroom.attestation.evidence import Evidence
from cleanroom.attestation.formats.snp import read_report
from cleanroom.attestation.verifier import verify
from cleanroom.collateral import amd, intel
from cleanroom.collateral.amd import KDS, KeyDistribution
from cleanroom.collateral.bundle import Bundle, assemble, complete
from cleanroom.collateral.cache import Cache, Offline, Online
from cleanroom.collateral.intel import PCS, IntelMachine, Provisioning
from cleanroom.collateral.needs import machines_of
from cleanroom.errors import CollateralMissing, EvidenceRejected, NotCanonical, Usage
from enclave.attester.simulated_aci import Endorsed, SimulatedMicrosoft
from tests.support.nitro_cca import nitro_enclave
from tests.support.platform import (
    BINDING,
    MEASUREMENT,
    NOW,
    development_anchors,
    good_evidence,
    good_tdx_evidence,
    simulated_tdx,
)
from tests.support.tpm import azure_guest, azure_tdx_guest
from tests.support.vectors import cases, content, needs_vectors
from tests.support.vendors import Page, amd_pages, answer, intel_pages, vendor

INTEL_ANCHORS = Anchors.development([simulated_tdx().root_fingerprint])


def bare(evidence, **changed):
    """The same evidence as an attester without certificates would send it."""
    plain = {"platform": evidence.platform, "report": evidence.report, "endorsements": []}
    return Evidence(**(plain | {"event_log": evidence.event_log} | changed))


def packed(service, directory, *evidence):
    """Fetch from the service into a cache, then pack from the cache alone."""
    machines = [machine for one in evidence for machine in machines_of(one)]
    online = Online(service.fetch(), Cache(directory), lambda: NOW)
    assemble(machines, online, NOW)
    return assemble(machines, Offline(Cache(directory)), NOW)


def judged(evidence, bundle, anchors):
    return verify(
        complete(evidence, bundle),
        binding=BINDING,
        anchors=anchors,
        collateral=bundle.collateral,
        now=NOW,
    )


def test_a_bare_report_verifies_by_a_bundle_that_was_fetched_elsewhere(tmp_path):
    evidence = bare(good_evidence())
    with vendor(amd_pages()) as service:
        bundle = packed(service, tmp_path, evidence)
    read_back = Bundle.from_bytes(bundle.to_bytes())
    assert judged(evidence, read_back, development_anchors()).product == "Genoa"
    assert len(service.asked) == 3


def test_without_the_bundle_the_same_report_is_refused():
    with pytest.raises(EvidenceRejected, match="the SEV-VCEK certificate is missing"):
        verify(
            bare(good_evidence()),
            binding=BINDING,
            anchors=development_anchors(),
            collateral=Collateral(),
            now=NOW,
        )


def test_a_bare_quote_verifies_by_a_bundle_that_was_fetched_elsewhere(tmp_path):
    evidence, said = bare(good_tdx_evidence()), simulated_tdx().collateral()
    with vendor(intel_pages(said)) as service:
        bundle = packed(service, tmp_path, evidence)
    assert judged(evidence, bundle, INTEL_ANCHORS).host.tcb_status == "UpToDate"
    assert bundle.collateral.intel == said


def test_one_bundle_serves_machines_of_both_vendors(tmp_path):
    kinds = [bare(good_evidence()), bare(good_tdx_evidence())]
    with vendor(amd_pages() | intel_pages()) as service:
        bundle = packed(service, tmp_path, *kinds)
    assert judged(kinds[0], bundle, development_anchors()).platform == "sev-snp"
    assert judged(kinds[1], bundle, INTEL_ANCHORS).platform == "tdx"


def test_guests_on_azure_need_what_the_processor_below_needs(tmp_path):
    plain, azure = good_evidence(), azure_guest().collect(BINDING)
    with vendor(amd_pages()) as service:
        bundle = packed(service, tmp_path, bare(azure))
    assert machines_of(azure) == machines_of(plain)
    assert judged(bare(azure), bundle, development_anchors()).platform == "azure-snp"
    below = azure_tdx_guest().collect(BINDING)
    assert machines_of(below) == machines_of(good_tdx_evidence())


def test_a_container_group_keeps_what_microsoft_says_beside_amds_certificates(tmp_path):
    said = SimulatedMicrosoft.create(NOW).endorse(Endorsed(MEASUREMENT.hex()))
    group = bare(good_evidence(), platform="azure-aci", endorsements=[said])
    with vendor(amd_pages()) as service:
        bundle = packed(service, tmp_path, group)
    kept, *added = complete(group, bundle).endorsements
    assert kept == said
    assert sorted(added) == bundle.certificates


def test_certificates_that_came_along_are_not_doubled(tmp_path):
    evidence = good_evidence()
    with vendor(amd_pages()) as service:
        bundle = packed(service, tmp_path, evidence)
    assert complete(evidence, bundle).endorsements == evidence.endorsements


def test_certificates_of_other_chips_in_the_bundle_do_no_harm(tmp_path):
    other = good_evidence("Turin")
    with vendor(amd_pages()) as service:
        bundle = packed(service, tmp_path, good_evidence())
    many = Bundle(**(dict(bundle) | {"certificates": [*bundle.certificates, *other.endorsements]}))
    assert judged(bare(good_evidence()), many, development_anchors()).product == "Genoa"


def test_a_bundle_that_was_altered_is_no_bundle(tmp_path):
    with vendor(amd_pages()) as service:
        raw = packed(service, tmp_path, good_evidence()).to_bytes()
    with pytest.raises(NotCanonical):
        Bundle.from_bytes(raw.replace(b'"format":', b'"format": '))


def test_certificates_are_asked_for_once_and_lists_each_time(tmp_path):
    machines = machines_of(good_evidence())
    with vendor(amd_pages()) as service:
        online = Online(service.fetch(), Cache(tmp_path), lambda: NOW)
        for _ in range(2):
            assemble(machines, online, NOW)
        assert [path.rpartition("/")[2] for path in service.asked[3:]] == ["crl"]


def test_a_chip_that_amd_does_not_know_is_told(tmp_path):
    pages = {path: page for path, page in amd_pages().items() if "SPL" not in path}
    with vendor(pages) as service, pytest.raises(CollateralMissing, match=r"is not there \(404\)"):
        packed(service, tmp_path, good_evidence())


def test_an_answer_that_is_no_certificate_is_refused(tmp_path):
    pages = {
        path: Page(b"<html>maintenance</html>") if "SPL" in path else page
        for path, page in amd_pages().items()
    }
    with vendor(pages) as service, pytest.raises(EvidenceRejected):
        packed(service, tmp_path, good_evidence())


def test_a_document_without_its_signers_certificates_is_refused(tmp_path):
    pages = {
        path: Page(page.body) if "tcb?" in path else page for path, page in intel_pages().items()
    }
    with (
        vendor(pages) as service,
        pytest.raises(EvidenceRejected, match="header tcb-info-issuer-chain is missing"),
    ):
        packed(service, tmp_path, good_tdx_evidence())


def test_an_answer_that_is_not_intels_document_is_refused(tmp_path):
    pages = {
        path: Page(b"{}", page.headers) if "identity" in path else page
        for path, page in intel_pages().items()
    }
    with vendor(pages) as service, pytest.raises(EvidenceRejected, match="enclaveIdentity"):
        packed(service, tmp_path, good_tdx_evidence())


def test_evidence_that_carries_everything_needs_no_vendor():
    assert machines_of(nitro_enclave().collect(BINDING)) == []


@pytest.mark.parametrize(
    ("product", "hwid_digits", "levels"),
    [
        ("Milan", 128, "blSPL=04&teeSPL=00&snpSPL=24&ucodeSPL=219"),
        ("Turin", 16, "fmcSPL=01&blSPL=01&teeSPL=01&snpSPL=04&ucodeSPL=81"),
    ],
)
def test_the_address_of_a_chips_certificate(product, hwid_digits, levels):
    tcb = {name: int(value) for name, value in (one.split("SPL=") for one in levels.split("&"))}
    machine = amd.AmdMachine(product, "vcek", bytes(range(64)), tcb)
    chip = bytes(range(64)).hex()[:hwid_digits]
    assert amd.vcek_url(machine) == f"{KDS}/vcek/v1/{product}/{chip}?{levels}"
    assert amd.chain_url(machine) == f"{KDS}/vcek/v1/{product}/cert_chain"
    assert amd.crl_url(machine) == f"{KDS}/vcek/v1/{product}/crl"


class Recording:
    """A source that knows nothing, and what it was asked."""

    def __init__(self, body=b""):
        self.asked, self.body = [], body

    def get(self, url, *, lasting):
        self.asked.append((url, lasting))
        return answer(self.body)


def test_the_chip_of_a_vlek_is_nobodys_business():
    evidence = good_evidence(scenario="vlek")
    (machine,) = machines_of(evidence)
    chain = b"".join(
        b"-----BEGIN CERTIFICATE-----\n%b\n-----END CERTIFICATE-----\n" % text
        for text in (b64encode(one) for one in evidence.endorsements[1:])
    )
    source = Recording(chain)
    found = KeyDistribution(source).certificates(machine)
    assert found == evidence.endorsements[1:]
    assert source.asked == [(f"{KDS}/vlek/v1/Genoa/cert_chain", True)]


def test_intel_is_asked_at_the_addresses_of_its_service():
    source = Recording(b"x")
    machine = IntelMachine("tdx", "b0c06f000000", "platform")
    with pytest.raises(EvidenceRejected):
        Provisioning(source).collateral([machine])
    assert [url for url, _ in source.asked] == [
        "https://certificates.trustedservices.intel.com/IntelSGXRootCA.der",
        f"{PCS}/sgx/certification/v4/pckcrl?ca=platform&encoding=der",
        f"{PCS}/tdx/certification/v4/tcb?fmspc=b0c06f000000",
    ]
    assert not any(lasting for _, lasting in source.asked)


@needs_vectors
def test_real_reports_name_their_chip_and_levels():
    turin = next(case for case in cases("snp") if case["product"] == "turin")
    report = read_report(content(turin["report"]))
    url = amd.vcek_url(amd.machine_of(report))
    levels = turin["reported_tcb"]
    assert f"/Turin/{report.fields.octets['chip_id'][:8].hex()}?fmcSPL=" in url
    assert url.endswith(f"&snpSPL={levels['snp']:02}&ucodeSPL={levels['ucode']:02}")


@needs_vectors
def test_an_old_report_needs_somebody_who_says_what_it_ran_on():
    old = next(case for case in cases("snp") if case["version"] == 2)
    evidence = Evidence(platform="sev-snp", report=content(old["report"]), endorsements=[])
    with pytest.raises(Usage, match="names no processor"):
        machines_of(evidence)
    assert machines_of(evidence, "Milan")[0].product == "Milan"
    leaf = bare(evidence, endorsements=[content(old["endorsement"])])
    assert machines_of(leaf)[0].product == "Milan"


@needs_vectors
def test_real_quotes_name_their_kind_of_platform():
    quotes = {case["id"]: case for case in cases("tdx", "sgx")}
    named = quotes["tdx-v4-b0c06f-uptodate"]
    evidence = Evidence(platform="tdx", report=content(named["quote"]), endorsements=[])
    assert machines_of(evidence) == [intel.IntelMachine("tdx", "b0c06f000000", "platform")]
