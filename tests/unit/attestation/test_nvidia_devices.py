"""GPUs and switches alone: layouts, steps and rules, by simulated evidence."""

from datetime import timedelta

import pytest

from cleanroom.attestation.anchors import Anchors
from cleanroom.attestation.collateral import Collateral
from cleanroom.attestation.evidence import DeviceEvidence
from cleanroom.attestation.formats.nvidia import hexadecimal_version, pdis_of, read_opaque
from cleanroom.attestation.formats.spdm import read_measurements
from cleanroom.attestation.platforms.nvidia_gpu import authenticate
from cleanroom.attestation.policy.nvidia_gpu import NvidiaGpuPolicy
from cleanroom.attestation.policy.nvidia_switch import NvidiaSwitchPolicy
from cleanroom.attestation.rules import nvidia_gpu, nvidia_switch
from cleanroom.errors import EvidenceRejected, FileMissing, RecordMalformed, Usage
from enclave.attester.simulated_nvidia import SimulatedNvidiaBoard
from tests.support.nvidia import (
    NONCE,
    authenticated,
    board,
    board_anchors,
    gpu_evidence,
    switch_evidence,
)
from tests.support.platform import NOW

RESPONSE = 37
"""Where the response starts."""
RECORD = RESPONSE + 8
"""Where the first block starts."""
BLOCK = 55
"""A block with its head; in bytes."""
OPAQUE = RECORD + 64 * BLOCK + 32
"""Where the length of a GPU's opaque bytes stands."""
FAULTS = {
    "masked": "signature of the measurements is not its issuer's",
    "stolen-chain": "signature of the measurements is not its issuer's",
    "other-firmware": r"firmware that the report names \(FWID\)",
    "no-firmware": "opaque field 20 is 0 bytes, expected 48 bytes",
    "contradiction": "feature flag is multi beside protected PCIe enabled",
    "newer-format": "opaque format is 2, expected at most 1",
    "wrong-kind": "the device is LS_10, expected hopper or blackwell",
    "long-chain": "chain is 6 certificates, expected 5",
}
FINDINGS = {
    "good": set(),
    "wrong-measurement": {"nvidia-gpu-measurement"},
    "debug": {"nvidia-gpu-measurement"},
    "unsaid": {"nvidia-gpu-mode"},
    "blackwell": {"nvidia-gpu-architecture"},
    "stranger": {"nvidia-gpu-mode"},
    "unnamed-field": set(),
}


def changed(evidence, at, value):
    raw = evidence.report[:at] + value + evidence.report[at + len(value) :]
    return evidence.model_copy(update={"report": raw})


def gpu_policy(**fields):
    plain = board().policy().gpus.policy.to_plain()
    return NvidiaGpuPolicy.from_plain(plain | fields)


def switch_policy(**fields):
    asked = board().policy(2, 1).switches
    assert asked is not None
    return NvidiaSwitchPolicy.from_plain(asked.policy.to_plain() | fields)


def gpu_codes(policy, scenario="good"):
    found = nvidia_gpu.compare(authenticated(gpu_evidence(scenario)), policy)
    return {one.code for one in found if not one.passed}


def switch_codes(policy, scenario="good"):
    found = nvidia_switch.compare(authenticated(switch_evidence(scenario)), policy)
    return {one.code for one in found if not one.passed}


def test_good_gpu_says_what_it_is():
    claims = authenticated(gpu_evidence())
    assert (claims.assurance, claims.architecture, claims.chip) == ("simulated", "hopper", "GH100")
    assert claims.report_data == NONCE.hex()
    assert (claims.driver_version, claims.vbios_version) == ("590.12", "96.00.A5.00.01")
    assert (claims.mode, claims.protected_pcie, claims.video_decoder) == (
        "multi",
        False,
        "disabled",
    )
    assert (claims.chip_sku, claims.project, claims.switch_pdis) == ("885", "G520-0200", [])


def test_good_switch_says_what_it_is():
    claims = authenticated(switch_evidence())
    assert (claims.architecture, claims.chip, claims.locked) == ("ls10", "LS_10", True)
    assert claims.gpu_pdis == ["01" * 8, "02" * 8]
    assert claims.vbios_version == "96.10.73.00.01"
    assert not authenticated(switch_evidence("unlocked")).locked


def test_blackwell_names_its_firmware_in_another_extension():
    claims = authenticated(gpu_evidence("blackwell"))
    assert (claims.architecture, claims.chip) == ("blackwell", "GB100")


@pytest.mark.parametrize("scenario", FAULTS)
def test_faulty_gpu_is_refused(scenario):
    with pytest.raises(EvidenceRejected, match=FAULTS[scenario]):
        authenticated(gpu_evidence(scenario))


@pytest.mark.parametrize("scenario", FINDINGS)
def test_genuine_gpu_is_compared(scenario):
    assert gpu_codes(gpu_policy(), scenario) == FINDINGS[scenario]


def test_field_without_a_name_is_shown():
    claims = authenticated(gpu_evidence("unnamed-field"))
    assert claims.unnamed_fields == [200]
    (shown,) = nvidia_gpu.check_unnamed_fields(claims)
    assert (shown.found, shown.passed) == ("200", True)


@pytest.mark.parametrize(
    ("fields", "codes"),
    [
        ({"drivers": ["580.95.05"]}, {"nvidia-gpu-driver"}),
        ({"drivers": {"at_least": ["590.11"]}}, set()),
        ({"drivers": {"at_least": ["580.1", "590.12"]}}, set()),
        ({"drivers": {"at_least": ["590.13"]}}, {"nvidia-gpu-driver"}),
        ({"drivers": {"at_least": ["580.95.05"]}}, {"nvidia-gpu-driver"}),
        ({"drivers": "any"}, set()),
        ({"vbios": ["96.00.A5.00.02"]}, {"nvidia-gpu-vbios"}),
        ({"vbios": {"at_least": ["96.00.9F.00.01"]}}, set()),
        ({"vbios": {"at_least": ["96.00.A5.00.02"]}}, {"nvidia-gpu-vbios"}),
        ({"vbios": {"at_least": ["95.00.00.00.00"]}}, {"nvidia-gpu-vbios"}),
        ({"architectures": ["blackwell"]}, {"nvidia-gpu-architecture"}),
        ({"modes": ["single"]}, {"nvidia-gpu-mode"}),
        ({"device_ids": ["sha256:" + "0" * 64]}, {"nvidia-gpu-device-id"}),
        ({"development_roots": None}, {"nvidia-gpu-assurance"}),
        ({"development_roots": ["sha256:" + "0" * 64]}, {"nvidia-gpu-assurance"}),
        ({"measurements": {"2": "any"}}, {"nvidia-gpu-measurement"}),
    ],
)
def test_gpu_policy_field_is_enforced(fields, codes):
    assert gpu_codes(gpu_policy(**fields)) == codes


def test_listed_gpu_is_accepted():
    listed = authenticated(gpu_evidence()).device_id
    assert gpu_codes(gpu_policy(device_ids=[listed])) == set()
    assert gpu_policy(device_ids=[listed]).lists_machines
    assert not gpu_policy().lists_machines


def test_measurement_may_be_any_where_its_index_says_so():
    measurements = gpu_policy().to_plain()["measurements"] | {"10": "any"}
    assert gpu_codes(gpu_policy(measurements=measurements), "wrong-measurement") == set()


def test_measurement_that_is_listed_but_zero_is_a_finding():
    measurements = gpu_policy().to_plain()["measurements"] | {"64": ["ab" * 48]}
    assert gpu_codes(gpu_policy(measurements=measurements)) == {"nvidia-gpu-measurement"}


def test_findings_name_each_measurement_that_differs():
    claims = authenticated(gpu_evidence("debug"))
    found = nvidia_gpu.check_measurements(claims, gpu_policy())
    assert [one.check for one in found] == ["measurement 9", "measurement 11"]


@pytest.mark.parametrize(
    ("fields", "codes"),
    [
        ({}, set()),
        ({"vbios": ["96.10.74.00.01"]}, {"nvidia-switch-vbios"}),
        ({"measurements": {"2": "any"}}, {"nvidia-switch-measurement"}),
        ({"device_ids": ["sha256:" + "0" * 64]}, {"nvidia-switch-device-id"}),
        ({"development_roots": None}, {"nvidia-switch-assurance"}),
    ],
)
def test_switch_policy_field_is_enforced(fields, codes):
    assert switch_codes(switch_policy(**fields)) == codes


def test_open_switch_needs_a_policy_that_says_so():
    assert switch_codes(switch_policy(), "unlocked") == {"nvidia-switch-lock"}
    assert switch_codes(switch_policy(lock="any"), "unlocked") == set()


@pytest.mark.parametrize(
    "fields",
    [
        {"measurements": {}},
        {"measurements": {"0": "any"}},
        {"measurements": {"129": "any"}},
        {"measurements": {"2": []}},
        {"architectures": []},
        {"drivers": []},
        {"drivers": {"at_least": []}},
        {"vbios": ["96.00.a5.00.01"]},
        {"modes": []},
        {"device_ids": []},
    ],
)
def test_empty_or_malformed_lists_are_no_policy(fields):
    with pytest.raises(RecordMalformed):
        gpu_policy(**fields)


@pytest.mark.parametrize(
    ("at", "value", "message"),
    [
        (0, b"\x12", "SPDM request is 12e001ff, expected 11e001ff"),
        (1, b"\xe1", "SPDM request is 11e101ff"),
        (2, b"\x00", "SPDM request is 11e000ff"),
        (3, b"\x01", "SPDM request is 11e00101"),
        (36, b"\x01", "slot at 0x24 is not zero"),
        (RESPONSE, b"\x12", "SPDM response is 0x12 0x60"),
        (RESPONSE + 1, b"\x7f", "SPDM response is 0x11 0x7f"),
        (RESPONSE + 2, b"\x01", "parameters at 0x2 is not zero"),
        (RESPONSE + 4, b"\x00", "number of blocks is 0"),
        (RESPONSE + 4, b"\x81", "number of blocks is 129"),
        (RESPONSE + 4, b"\x3f", "measurement record is followed by 55 bytes"),
        (RESPONSE + 5, b"\xff\xff\xff", "SPDM measurements measurement record is cut"),
        (RECORD, b"\x00", "measurement index is 0, expected each once"),
        (RECORD + BLOCK, b"\x01", "measurement index is 1, expected each once"),
        (RECORD + 1, b"\x02", "measurement 1 is type 0x01 of 48 bytes"),
        (RECORD + 2, b"\x34", "measurement 1 is type"),
        (RECORD + 4, b"\x81", "measurement 1 is type 0x81 of 48 bytes"),
        (RECORD + 5, b"\x20", "measurement 1 is type 0x01 of 32 bytes"),
        (OPAQUE, b"\xff\xff", "opaque length is 65535, expected at most 1024"),
    ],
)
def test_malformed_message_is_refused_by_name(at, value, message):
    with pytest.raises(EvidenceRejected, match=message):
        authenticated(changed(gpu_evidence(), at, value))


def test_bytes_behind_the_signature_are_refused():
    evidence = gpu_evidence()
    longer = evidence.model_copy(update={"report": evidence.report + b"\0"})
    with pytest.raises(EvidenceRejected, match="followed by 1 bytes, expected nothing after"):
        authenticated(longer)


def test_signature_covers_everything_before_it():
    evidence = gpu_evidence()
    measurements = read_measurements(evidence.report)
    assert measurements.signed + measurements.signature == evidence.report
    assert len(measurements.blocks) == 64


@pytest.mark.parametrize(
    ("raw", "message"),
    [
        ("0300", "opaque bytes length is cut"),
        ("03000500aa", "opaque bytes field 3 is cut"),
        ("03000100aa03000100aa", "opaque field is 3 twice"),
        ("2200010002", "opaque format is 2"),
    ],
)
def test_malformed_opaque_bytes_are_refused(raw, message):
    with pytest.raises(EvidenceRejected, match=message):
        read_opaque(bytes.fromhex(raw))


def test_text_of_an_opaque_field_is_printable_and_ends_once():
    with pytest.raises(EvidenceRejected, match="opaque field 3 is not printable"):
        read_opaque(bytes.fromhex("030002001b5b")).text(3)
    with pytest.raises(EvidenceRejected, match="opaque field 3 padding is not zero"):
        read_opaque(bytes.fromhex("03000300310032")).text(3)
    assert read_opaque(b"").text(3) == ""


def test_number_without_a_word_is_refused():
    with pytest.raises(EvidenceRejected, match="opaque field 36 is 0x7, expected 0x0 or 0x1"):
        read_opaque(bytes.fromhex("240002000700")).choice(36, 2, {0: "multi", 1: "single"})


def test_identifiers_and_versions_are_read_as_tools_show_them():
    assert hexadecimal_version(bytes.fromhex("00a5009601000000")) == "96.00.A5.00.01"
    with pytest.raises(EvidenceRejected, match="VBIOS version padding"):
        hexadecimal_version(bytes.fromhex("00a5009601000001"))
    one = bytes(range(8))
    assert pdis_of(one * 3, "big") == (one,)
    assert pdis_of(one, "little") == (one[::-1],)
    with pytest.raises(EvidenceRejected, match="identifier is cut"):
        pdis_of(one + b"\0", "big")


def test_chain_is_one_text():
    good = gpu_evidence()
    bare = DeviceEvidence(platform="nvidia-gpu", report=good.report, endorsements=[])
    with pytest.raises(EvidenceRejected, match="endorsements is 0 of them, expected one chain"):
        authenticated(bare)
    with pytest.raises(RecordMalformed):
        DeviceEvidence.from_plain(good.to_plain() | {"endorsements": good.endorsements * 2})


def test_certificates_are_not_valid_before_they_were_made():
    with pytest.raises(EvidenceRejected, match="outside the validity of"):
        authenticate(
            gpu_evidence(),
            anchors=board_anchors(),
            collateral=Collateral(),
            now=NOW - timedelta(days=1),
        )


def test_board_is_kept(tmp_path):
    made = SimulatedNvidiaBoard.create(tmp_path, NOW)
    loaded = SimulatedNvidiaBoard.load(tmp_path)
    assert repr(loaded) == repr(made) == f"SimulatedNvidiaBoard({made.root_fingerprint})"
    anchors = Anchors.development([made.root_fingerprint])
    one, other = (each.device("nvidia-gpu").collect(NONCE) for each in (made, loaded))
    assert authenticated(one, anchors).device_id == authenticated(other, anchors).device_id
    with pytest.raises(Usage, match="exists already"):
        SimulatedNvidiaBoard.create(tmp_path, NOW)
    with pytest.raises(FileMissing, match="is missing"):
        SimulatedNvidiaBoard.load(tmp_path / "elsewhere")
