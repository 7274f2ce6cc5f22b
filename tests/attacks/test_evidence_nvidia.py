"""What somebody would try who wants another GPU, or other firmware on it, to pass for a good one."""

import pytest

from cleanroom.attestation.anchors import Anchors
from cleanroom.attestation.formats.spdm import SIGNATURE_SIZE
from cleanroom.errors import EvidenceRejected
from enclave.attester.measuring_nvidia import message, signature
from tests.support.mutants import assert_mutant_is_caught, passes, returns
from tests.support.nvidia import (
    NONCE,
    authenticated,
    board,
    board_anchors,
    gpu_evidence,
    switch_evidence,
)

FIELDS = {"request": 4, "measurement": 60, "nonce of the device": 3566, "driver": 3700}
"""One byte of each part that is signed."""


def with_report(evidence, report):
    return evidence.model_copy(update={"report": report})


def test_attacker_signs_good_measurements_with_another_gpus_key():
    with pytest.raises(EvidenceRejected, match="signature of the measurements"):
        authenticated(gpu_evidence("stolen-chain"))


def test_measurement_swapped_under_a_genuine_signature():
    good, bad = gpu_evidence().report, gpu_evidence("wrong-measurement").report
    swapped = good[:-SIGNATURE_SIZE] + bad[-SIGNATURE_SIZE:]
    with pytest.raises(EvidenceRejected, match="signature of the measurements"):
        authenticated(with_report(gpu_evidence(), swapped))


def test_response_under_another_request():
    """An old response cannot be put under a new nonce: both messages are signed as one."""
    old, new = gpu_evidence(nonce=bytes(32)).report, gpu_evidence().report
    with pytest.raises(EvidenceRejected, match="signature of the measurements"):
        authenticated(with_report(gpu_evidence(), new[:37] + old[37:]))


def test_response_under_another_chain():
    other = board().device("nvidia-gpu", 1).collect(NONCE)
    borrowed = gpu_evidence().model_copy(update={"endorsements": other.endorsements})
    with pytest.raises(EvidenceRejected, match="signature of the measurements"):
        authenticated(borrowed)


def test_certificate_of_other_firmware():
    with pytest.raises(EvidenceRejected, match="what the certificate of GH100"):
        authenticated(gpu_evidence("other-firmware"))


def test_gpu_that_is_vouched_for_by_the_attackers_root():
    with pytest.raises(EvidenceRejected, match="a root that is trusted here"):
        authenticated(gpu_evidence(which=1))


def test_simulated_gpu_for_hardware():
    with pytest.raises(EvidenceRejected, match="a root that is trusted here"):
        authenticated(gpu_evidence(), Anchors.vendor())


def test_boot_rom_vouches_for_a_device_of_the_attackers():
    """One extracted key of a boot ROM could sign for any other, were the chain's length free."""
    with pytest.raises(EvidenceRejected, match="chain is 6 certificates, expected 5"):
        authenticated(gpu_evidence("long-chain"))


def test_switch_passes_for_a_gpu():
    switch = switch_evidence().model_copy(update={"platform": "nvidia-gpu"})
    with pytest.raises(EvidenceRejected, match="the device is LS_10, expected hopper or blackwell"):
        authenticated(switch)


def test_root_that_is_only_named_like_the_trusted_one():
    """The chain of the attacker ends with the genuine root, which signed none of it."""
    own, genuine = gpu_evidence(which=1), gpu_evidence()
    pems = own.endorsements[0].split(b"-----END CERTIFICATE-----\n")[:4]
    root = genuine.endorsements[0].split(b"-----END CERTIFICATE-----\n")[4]
    chain = b"-----END CERTIFICATE-----\n".join([*pems, root]) + b"-----END CERTIFICATE-----\n"
    with pytest.raises(EvidenceRejected, match="signature of Simulated Identity"):
        authenticated(own.model_copy(update={"endorsements": [chain]}))


@pytest.mark.parametrize("part", FIELDS)
def test_one_byte_of_each_signed_part(part):
    report = gpu_evidence().report
    at = FIELDS[part]
    altered = report[:at] + bytes([report[at] ^ 1]) + report[at + 1 :]
    with pytest.raises(EvidenceRejected):
        authenticated(with_report(gpu_evidence(), altered))


def test_signature_without_a_signer():
    for filler in (b"\0", b"\xff"):
        report = gpu_evidence().report[:-SIGNATURE_SIZE] + filler * SIGNATURE_SIZE
        with pytest.raises(EvidenceRejected, match="signature of the measurements"):
            authenticated(with_report(gpu_evidence(), report))


def test_genuine_device_contradicts_itself():
    """Signed by the right key: only the meaning of its fields is wrong."""
    device = board().device("nvidia-gpu", 0, "contradiction")
    content = message(NONCE, device.blocks(), device.fields())
    evidence = with_report(gpu_evidence(), content + signature(content, device.key))
    with pytest.raises(EvidenceRejected, match="both to say the same"):
        authenticated(evidence, board_anchors())


@pytest.mark.parametrize(
    ("check", "replacement", "attack"),
    [
        ("require_signed", passes, test_measurement_swapped_under_a_genuine_signature),
        ("require_signed", passes, test_response_under_another_chain),
        ("_require_firmware", returns(bytes(48)), test_certificate_of_other_firmware),
        ("_require_anchor", passes, test_gpu_that_is_vouched_for_by_the_attackers_root),
        ("require_chain", passes, test_root_that_is_only_named_like_the_trusted_one),
        ("chip_of", returns(("LS_10", "hopper")), test_switch_passes_for_a_gpu),
    ],
)
def test_attack_gets_through_without_its_check(monkeypatch, check, replacement, attack):
    name = f"cleanroom.attestation.silicon.nvidia:{check}"
    assert_mutant_is_caught(monkeypatch, name, replacement, attack)
