"""Real GPUs and switches: what verification says, and what a default policy says."""

import json

import pytest

from cleanroom.attestation.anchors import Anchors
from cleanroom.attestation.evidence import DeviceEvidence
from cleanroom.attestation.policy.devices import AttachedDevices
from cleanroom.attestation.rules import devices
from cleanroom.errors import EvidenceRejected
from tests.support.vectors import case_named, cases, content, ids, needs_vectors
from tests.support.vectors_nvidia import authenticated, evidence_of, failing, nonces_of

pytestmark = needs_vectors

MODE = {"nvidia-gpu-mode"}
EXPECTED: dict[str, tuple[int, str, set[str]]] = {
    # case: (devices, why it is rejected or nothing, codes that fail in the default policy)
    "nv-h100-nvtrust": (1, "", MODE),
    "nv-h100-case2": (1, "device's chain is 1 certificates, expected 5", set()),
    "nv-h100-case4": (1, "device's chain is 4 certificates, expected 5", set()),
    "nv-h100-coco": (1, "", set()),
    "nv-h100-sdk": (1, "", MODE),
    "nv-h100x4": (4, "", MODE),
    "nv-h100x8-ppcie": (8, "", MODE),
    "nv-h100-cert-hold": (1, "", MODE),
    "nv-ls10x4": (4, "", set()),
}
"""By default GPUs say that their links are closed or encrypted: older firmware says nothing, and
protected PCIe leaves them open."""
DRIVERS = {
    "nv-h100-nvtrust": "550.90.07",
    "nv-h100-coco": "580.95.05",
    "nv-h100-sdk": "590.12",
    "nv-h100x8-ppcie": "590.12",
}


def accepted():
    return [case for case in cases("nvidia") if not EXPECTED[case["id"]][1]]


def claims_of(name):
    return [authenticated(one) for one in evidence_of(case_named(name))]


def test_every_case_has_its_row():
    assert {case["id"] for case in cases("nvidia")} == EXPECTED.keys()


@pytest.mark.parametrize("case", cases("nvidia"), ids=ids)
def test_real_device_has_its_verdict(case):
    count, refused, codes = EXPECTED[case["id"]]
    evidence = evidence_of(case)
    assert len(evidence) == count
    for one in evidence:
        if refused:
            with pytest.raises(EvidenceRejected, match=refused):
                authenticated(one)
        else:
            assert failing(authenticated(one)) == codes


@pytest.mark.parametrize("case", accepted(), ids=ids)
def test_real_device_has_its_claims(case):
    for one, nonce in zip(evidence_of(case), nonces_of(case), strict=True):
        claims = authenticated(one)
        assert claims.assurance == "hardware"
        assert claims.report_data.startswith(nonce)
        assert claims.chip == ("LS_10" if claims.platform == "nvidia-switch" else "GH100")
        assert claims.unnamed_fields == []


@pytest.mark.parametrize("name", DRIVERS)
def test_real_gpu_names_its_driver(name):
    assert {claims.driver_version for claims in claims_of(name)} == {DRIVERS[name]}


def test_measurements_are_those_that_another_verifier_reads():
    told = json.loads(content("nvidia/trustee__hopperAttestationReport-claims.txt"))
    (claims,) = claims_of("nv-h100-nvtrust")
    listed = {at: value for at, value in told["measurements"].items() if value.strip("0")}
    assert claims.measurements == listed
    config = told["config"]
    assert claims.vbios_version == config["vbios_version"].upper()
    assert (claims.driver_version, claims.fwid) == (config["driver_version"], config["fwid"])
    assert (claims.chip_sku, claims.board_id) == (config["chip_sku"], config["board_id"])
    assert claims.video_decoder == "disabled"


def test_board_of_eight_gpus_and_four_switches_is_linked_to_itself_only():
    gpus, switches = claims_of("nv-h100x8-ppcie"), claims_of("nv-ls10x4")
    asked = asked_of_board(gpus, switches)
    assert not [one for one in devices.check_links(gpus, switches, asked) if not one.passed]
    assert [one for one in devices.check_links(gpus, switches[1:], asked) if not one.passed]
    assert [one for one in devices.check_links(gpus[1:], switches, asked) if not one.passed]
    assert len({one.device_id for one in [*gpus, *switches]}) == 12


def asked_of_board(gpus, switches):
    pinned = {"measurements": {"2": "any"}, "vbios": "any"}
    gpu = {"platform": "nvidia-gpu", "architectures": ["hopper"], "drivers": "any", **pinned}
    switch = {"platform": "nvidia-switch", **pinned}
    return AttachedDevices.from_plain(
        {
            "gpus": {"count": len(gpus), "policy": gpu},
            "switches": {"count": len(switches), "policy": switch},
        }
    )


def test_byte_behind_a_real_signature_is_refused_until_it_is_cut():
    case = case_named("nv-h100-coco")
    (found,) = evidence_of(case, as_found=True)
    assert found.report.endswith(b"\0")
    with pytest.raises(EvidenceRejected, match="followed by 1 bytes"):
        authenticated(found)


def test_real_gpu_under_a_development_root():
    (evidence,) = evidence_of(case_named("nv-h100-nvtrust"))
    with pytest.raises(EvidenceRejected, match="NVIDIA Device Identity CA"):
        authenticated(evidence, Anchors.development(["sha256:" + "0" * 64]))


def test_real_gpu_under_another_gpus_chain():
    one, other = evidence_of(case_named("nv-h100x8-ppcie"))[:2]
    swapped = one.model_copy(update={"endorsements": other.endorsements})
    with pytest.raises(EvidenceRejected, match="signature of the measurements"):
        authenticated(swapped)


def test_real_switch_for_a_gpu():
    switch = evidence_of(case_named("nv-ls10x4"))[0]
    with pytest.raises(EvidenceRejected, match="the device is LS_10, expected hopper or"):
        authenticated(switch.model_copy(update={"platform": "nvidia-gpu"}))


@pytest.mark.parametrize("name", ["nv-h100-nvtrust", "nv-ls10x4"])
def test_every_cut_of_a_real_report_is_refused(name):
    whole = evidence_of(case_named(name))[0]
    for length in range(1, len(whole.report)):
        with pytest.raises(EvidenceRejected):
            authenticated(altered(whole, whole.report[:length]))


@pytest.mark.parametrize("name", ["nv-h100-sdk", "nv-ls10x4"])
def test_altered_bytes_all_over_a_real_report_are_refused(name):
    whole = evidence_of(case_named(name))[0]
    raw = whole.report
    for at in range(0, len(raw), 5):
        changed = raw[:at] + bytes([raw[at] ^ 0x01]) + raw[at + 1 :]
        with pytest.raises(EvidenceRejected):
            authenticated(altered(whole, changed))


def altered(evidence: DeviceEvidence, report: bytes) -> DeviceEvidence:
    return evidence.model_copy(update={"report": report})
