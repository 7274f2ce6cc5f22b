"""Quotes of TPMs: strict bytes, keys that may attest, registers, logs, and the rules of entries."""

import hashlib

import pytest
from cryptography.hazmat.primitives.asymmetric import ec

from cleanroom.attestation.anchors import Anchors
from cleanroom.attestation.appraisal import appraise
from cleanroom.attestation.explain import described, left_open
from cleanroom.attestation.formats.tpm import read_quote, read_signature
from cleanroom.attestation.formats.tpm_parts import TpmParts
from cleanroom.attestation.formats.tpm_public import read_attestation_key
from cleanroom.attestation.silicon.tpm import carried
from cleanroom.errors import AppraisalFailed, EvidenceRejected, RecordMalformed
from enclave.attester.simulated_tpm import SimulatedTpm
from tests.support.platform import BINDING, GENESIS, NOW
from tests.support.tpm import (
    BOOT,
    PCRS,
    checked,
    ec_key,
    gcp_policy,
    good_tpm,
    google,
    rsa_key,
    tpm_policy,
)

MESSAGE = good_tpm().attest(carried(BINDING))
SPEC_ID = (
    bytes(4)
    + (3).to_bytes(4, "little")
    + bytes(20)
    + (33).to_bytes(4, "little")
    + b"Spec ID Event03\0"
    + bytes(8)
    + (1).to_bytes(4, "little")
    + (0x0B).to_bytes(2, "little")
    + (32).to_bytes(2, "little")
    + b"\0"
)


def log_of(*measured):
    """A crypto-agile log: (register, digest) each."""
    events = b""
    for register, digest in measured:
        events += register.to_bytes(4, "little") + (8).to_bytes(4, "little")
        events += (1).to_bytes(4, "little") + (0x0B).to_bytes(2, "little") + digest + bytes(4)
    return SPEC_ID + events


def extended(*digests):
    value = bytes(32)
    for digest in digests:
        value = hashlib.sha256(value + digest).digest()
    return value


def appraised(claims, policy):
    return appraise(claims, {"entry": policy}, genesis=GENESIS, now=NOW)


def codes(claims, policy):
    with pytest.raises(AppraisalFailed) as refused:
        appraised(claims, policy)
    return {problem.where.partition("(")[2].rstrip(")") for problem in refused.value.problems}


@pytest.mark.parametrize("key", [ec_key("good"), rsa_key("other")], ids=["p256", "rsa"])
def test_quote_of_a_registered_key_is_accepted(key):
    tpm = SimulatedTpm(key, PCRS)
    anchors = Anchors.development([tpm.key_name])
    claims = checked(tpm.collect(BINDING), anchors=anchors)
    policy = tpm_policy(keys=[tpm.key_name], development_roots=[tpm.key_name])
    result = appraised(claims, policy)
    assert result.status == "warning"
    assert claims.boot.pcrs["4"] == PCRS[4].hex()
    assert claims.report_data == carried(BINDING).hex()


def test_registered_key_of_a_production_manifest_is_an_anchor():
    name = good_tpm().key_name
    policy = tpm_policy(development_roots=None)
    claims = checked(good_tpm().collect(BINDING), anchors=Anchors.of([policy]))
    result = appraised(claims, policy)
    assert (claims.assurance, claims.anchor) == ("hardware", name)
    assert (result.status, result.trust_vector.runtime_opaque) == ("warning", 32)


@pytest.mark.parametrize(
    ("at", "change", "message"),
    [
        (0, 0x01, "magic is 0xfe544347"),
        (5, 0x01, "type is 0x8019"),
        (-39, 0x01, "PCR bank is 0x000a"),
        (-41, 0x03, "of 2 PCR banks"),
    ],
)
def test_other_things_that_a_key_may_sign(at, change, message):
    raw = bytearray(MESSAGE)
    raw[at] ^= change
    with pytest.raises(EvidenceRejected, match=message):
        read_quote(bytes(raw))


def test_quote_is_cut_nowhere():
    for size in range(len(MESSAGE)):
        with pytest.raises(EvidenceRejected):
            read_quote(MESSAGE[:size])
    with pytest.raises(EvidenceRejected, match="followed by 1 bytes"):
        read_quote(MESSAGE + b"\0")


def test_signature_is_cut_nowhere():
    raw = good_tpm().sign(MESSAGE)
    for size in range(len(raw)):
        with pytest.raises(EvidenceRejected):
            read_signature(raw[:size])
    with pytest.raises(EvidenceRejected, match="followed by 1 bytes"):
        read_signature(raw + b"\0")


def test_signature_scheme_with_an_old_hash():
    raw = bytearray(good_tpm().sign(MESSAGE))
    raw[3] = 0x04
    with pytest.raises(EvidenceRejected, match="scheme is 0x0018 with hash 0x0004"):
        read_signature(bytes(raw))


def test_zero_signature():
    raw = good_tpm().sign(MESSAGE)
    zeros = raw[:4] + b"\0\x20" + bytes(32) + b"\0\x20" + bytes(32)
    with pytest.raises(EvidenceRejected, match="TPM signature is zero"):
        read_signature(zeros)


@pytest.mark.parametrize(
    ("bit", "what"),
    [
        (16, "restricted"),
        (1, "fixedTPM"),
        (5, "sensitiveDataOrigin"),
        (18, "sign"),
        (17, "decrypt"),
    ],
)
def test_key_that_promises_less(bit, what):
    raw = bytearray(good_tpm().public)
    raw[4:8] = (int.from_bytes(raw[4:8], "big") ^ 1 << bit).to_bytes(4, "big")
    with pytest.raises(EvidenceRejected, match="expected a restricted signing key"):
        read_attestation_key(bytes(raw))
    assert what


def test_key_that_is_not_on_its_curve():
    raw = bytearray(good_tpm().public)
    raw[-1] ^= 1
    with pytest.raises(EvidenceRejected, match="not on its curve"):
        read_attestation_key(bytes(raw))


def test_key_is_cut_nowhere():
    for raw in (good_tpm().public, SimulatedTpm(rsa_key("other"), PCRS).public):
        for size in range(len(raw)):
            with pytest.raises(EvidenceRejected):
                read_attestation_key(raw[:size])


def test_name_of_a_key_covers_its_promises():
    raw = bytearray(good_tpm().public)
    raw[7] ^= 1 << 6
    assert read_attestation_key(bytes(raw)).name != good_tpm().key_name


def test_log_explains_the_firmwares_registers():
    first, second, later = (hashlib.sha256(bytes([at])).digest() for at in range(3))
    pcrs = PCRS | dict.fromkeys(range(8), bytes(32))
    pcrs |= {0: extended(first, second), 4: extended(later)}
    log = log_of((0, first), (4, later), (0, second), (8, first))
    claims = checked(good_tpm(pcrs=pcrs).collect(BINDING, log))
    assert claims.boot.explained == list(range(8))


@pytest.mark.parametrize("register", [0, 4])
def test_log_of_another_boot(register):
    first, second = (hashlib.sha256(bytes([at])).digest() for at in range(2))
    pcrs = PCRS | dict.fromkeys(range(8), bytes(32)) | {register: extended(first)}
    with pytest.raises(EvidenceRejected, match=f"PCR {register} is .* as the event log says"):
        checked(good_tpm(pcrs=pcrs).collect(BINDING, log_of((register, second))))


def test_log_that_leaves_a_register_out():
    pcrs = PCRS | dict.fromkeys(range(8), bytes(32)) | {4: extended(bytes(32))}
    with pytest.raises(EvidenceRejected, match="PCR 4 is"):
        checked(good_tpm(pcrs=pcrs).collect(BINDING, log_of()))


def test_endorsements_beside_a_registered_key():
    evidence = good_tpm().collect(BINDING).model_copy(update={"endorsements": [b"\0"]})
    with pytest.raises(EvidenceRejected, match="with endorsements, expected none"):
        checked(evidence)


def test_parts_that_are_not_canonical():
    evidence = good_tpm().collect(BINDING)
    spaced = evidence.report.replace(b'{"key"', b'{ "key"', 1)
    with pytest.raises(EvidenceRejected, match="parts of TpmParts is malformed"):
        checked(evidence.model_copy(update={"report": spaced}))


def test_registers_of_a_shorter_selection():
    quotation = good_tpm().quotation(carried(BINDING))
    fewer = {index: value for index, value in quotation.pcrs.items() if index != "4"}
    parts = TpmParts(quotation=quotation.model_copy(update={"pcrs": fewer}), key=good_tpm().public)
    evidence = good_tpm().collect(BINDING).model_copy(update={"report": parts.to_bytes()})
    with pytest.raises(EvidenceRejected, match=r"PCR values is of \[0, 1, 2, 3, 5,"):
        checked(evidence)


@pytest.mark.parametrize(
    ("changed", "code"),
    [
        ({"keys": ["sha256:" + "0" * 64]}, "tpm-key"),
        ({"boot": {"pcrs": {"4": ["00" * 32]}}}, "tpm-pcr"),
        ({"boot": {"bank": "sha384", "pcrs": {"4": ["00" * 48]}}}, "tpm-pcr-bank"),
        ({"development_roots": None}, "tpm-assurance"),
    ],
)
def test_each_rule_of_a_tpm_entry_says_no(changed, code):
    claims = checked(good_tpm().collect(BINDING))
    assert code in codes(claims, tpm_policy(**changed))


def test_register_that_is_pinned_but_not_quoted():
    some = {index: PCRS[index] for index in (0, 7)}
    claims = checked(good_tpm(pcrs=some).collect(BINDING))
    assert codes(claims, tpm_policy()) == {"tpm-pcr"}


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"pcrs": {"11": ["00" * 32]}}, "neither 4 nor 7"),
        ({"pcrs": {"4": ["00" * 48]}}, "not of bank sha256"),
        ({"pcrs": {"4": []}}, "at least 1 item"),
        ({"pcrs": {"24": ["00" * 32], "4": ["00" * 32]}}, "pattern"),
        ({"pcrs": {}}, "at least 1 item"),
    ],
)
def test_boot_values_that_pin_nothing(changed, message):
    with pytest.raises(RecordMalformed, match=message):
        tpm_policy(boot=changed)


def test_memory_must_be_spelt_out():
    plain = tpm_policy().to_plain()
    del plain["memory"]
    with pytest.raises(RecordMalformed, match="Field required"):
        type(tpm_policy()).from_plain(plain)


def test_entry_says_what_stays_open():
    said = " ".join(left_open(tpm_policy()))
    assert "memory is open to the host" in said
    assert "PCR 12 is free" in said
    assert "PCR 4 is free" not in said
    assert f"PCR 4 (sha256): {BOOT['pcrs']['4'][0]}" in described(tpm_policy())


def test_instance_on_google_cloud_is_accepted():
    claims = checked(google().collect(good_tpm(), BINDING))
    assert appraised(claims, gcp_policy()).status == "warning"
    assert (claims.project, claims.instance, claims.zone) == (
        "simulated-project",
        "5151",
        "simulated-1a",
    )


@pytest.mark.parametrize(
    ("named", "changed", "code"),
    [
        ({"production": False}, {}, "gcp-vtpm-production"),
        ({"project": "another"}, {}, "gcp-vtpm-project"),
        ({"zone": "elsewhere-1a"}, {"zones": ["simulated-1a"]}, "gcp-vtpm-zone"),
        ({"number": 2**63 + 1}, {"instances": ["5151"]}, "gcp-vtpm-instance"),
        ({}, {"boot": {"pcrs": {"7": ["00" * 32]}}}, "gcp-vtpm-pcr"),
        ({}, {"development_roots": None}, "gcp-vtpm-assurance"),
    ],
)
def test_each_rule_of_an_instance_says_no(named, changed, code):
    claims = checked(google().collect(good_tpm(), BINDING, **named))
    assert codes(claims, gcp_policy(**changed)) == {code}


def test_key_of_a_curve_that_no_certificate_of_ours_has():
    key = ec.generate_private_key(ec.SECP256R1())
    evidence = google().collect(good_tpm(), BINDING)
    parts = TpmParts(
        quotation=good_tpm().quotation(carried(BINDING)), key=SimulatedTpm(key, PCRS).public
    )
    with pytest.raises(EvidenceRejected, match="certificate of the vTPM's key is missing"):
        checked(evidence.model_copy(update={"report": parts.to_bytes()}))
