"""Nitro documents from a simulated module: formats, scenarios, rules, words and the collector."""

import ctypes
from datetime import timedelta

import cbor2
import pytest
from pydantic import ValidationError

from cleanroom.attestation.appraisal import appraise
from cleanroom.attestation.explain import described, left_open
from cleanroom.attestation.formats import cbor
from cleanroom.attestation.formats.cose import read_sign1
from cleanroom.attestation.formats.nitro import read_document
from cleanroom.attestation.policy import NitroPolicy
from cleanroom.errors import (
    AppraisalFailed,
    BindingMismatch,
    EvidenceRejected,
    FileMissing,
    MachineUnfit,
    RecordMalformed,
    Usage,
)
from enclave.attester import Attester
from enclave.attester.nitro import NitroAttester
from enclave.attester.nsm import CALL, NSM_IOCTL_RAW, ask_device, attestation_document
from enclave.attester.simulated_nitro import PLATFORM_FILE, SimulatedNitroPlatform
from tests.support.nitro_cca import (
    failed_codes,
    nitro_enclave,
    nitro_platform,
    nitro_policy,
    verified_there,
)
from tests.support.platform import BINDING, GENESIS, MEASUREMENT, NOW

OTHER = "ab" * 48


def claims_of(scenario="good"):
    return verified_there(nitro_enclave(scenario).collect(BINDING))


def changed_document(**changed):
    document = nitro_enclave().document(BINDING) | changed
    return {key: value for key, value in document.items() if value is not Ellipsis}


# --- the simulated machine --------------------------------------------------------------------------


def test_simulated_enclave_plays_the_role():
    attester: Attester = nitro_enclave()
    assert (attester.measurement, attester.host_data) == (MEASUREMENT, bytes(32))
    assert len(attester.derive_key(b"x")) == 32
    assert attester.derive_key(b"x") != attester.derive_key(b"y")


def test_simulated_machine_is_kept_in_one_private_file(tmp_path):
    made = SimulatedNitroPlatform.create(tmp_path, NOW)
    assert (tmp_path / PLATFORM_FILE).stat().st_mode & 0o777 == 0o600
    loaded = SimulatedNitroPlatform.load(tmp_path)
    assert loaded.root_fingerprint == made.root_fingerprint
    assert loaded.root_certificate == made.root_certificate
    assert made.root_fingerprint in repr(made)
    with pytest.raises(Usage, match="exists already"):
        SimulatedNitroPlatform.create(tmp_path, NOW)
    with pytest.raises(FileMissing, match=PLATFORM_FILE):
        SimulatedNitroPlatform.load(tmp_path / "elsewhere")


# --- scenarios --------------------------------------------------------------------------------------


@pytest.mark.parametrize("scenario", ["good", "open-map", "tagged", "attached"])
def test_good_document_becomes_claims(scenario):
    claims = claims_of(scenario)
    assert (claims.platform, claims.assurance) == ("nitro", "simulated")
    assert claims.anchor == nitro_platform().root_fingerprint
    assert claims.pcrs["0"] == MEASUREMENT.hex()
    assert claims.module_id == nitro_platform().module_id
    assert claims.report_data == BINDING.hex()
    assert claims.signed_at == NOW
    assert not claims.debug
    assert failed_codes(claims, nitro_policy()) == set()


def test_what_an_enclave_attached_is_shown():
    claims = claims_of("attached")
    assert (claims.nonce, claims.public_key) == (b"a nonce".hex(), b"a public key".hex())
    assert (claims_of().nonce, claims_of().public_key) == ("", "")


@pytest.mark.parametrize(
    ("scenario", "codes"),
    [
        ("debug", {"nitro-debug", "nitro-pcr0", "nitro-pcr1", "nitro-pcr2"}),
        ("wrong-pcr0", {"nitro-pcr0"}),
        ("wrong-pcr1", {"nitro-pcr1"}),
        ("wrong-pcr2", {"nitro-pcr2"}),
    ],
)
def test_unwanted_enclave_has_its_codes(scenario, codes):
    assert failed_codes(claims_of(scenario), nitro_policy()) == codes


@pytest.mark.parametrize(
    ("scenario", "message"),
    [
        ("expired", "outside the validity of enclave"),
        ("early", "outside the validity of enclave"),
        ("stolen-certificate", "signature of Nitro document is not its issuer's"),
        ("reversed-bundle", "first certificate of cabundle is instance"),
        ("long-path", "path length of .* is exceeded"),
    ],
)
def test_refused_document_says_why(scenario, message):
    with pytest.raises(EvidenceRejected, match=message):
        claims_of(scenario)


@pytest.mark.parametrize("scenario", ["wrong-binding", "no-user-data"])
def test_user_data_that_is_not_the_binding(scenario):
    with pytest.raises(BindingMismatch, match="report data is"):
        claims_of(scenario)


def test_leaf_is_refused_after_its_hours():
    evidence = nitro_enclave().collect(BINDING)
    with pytest.raises(EvidenceRejected, match="outside the validity of enclave"):
        verified_there(evidence, now=NOW + timedelta(days=366))


# --- the format -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"digest": "SHA256"}, "digest is SHA256, expected SHA384"),
        ({"digest": ...}, "digest is missing"),
        ({"module_id": "evil\x1b[2J"}, "module_id is not printable"),
        ({"module_id": ""}, "module_id is no text"),
        ({"timestamp": -1}, "timestamp is another"),
        ({"timestamp": 2**60}, "timestamp is another"),
        ({"pcrs": {0: bytes(48), 1: bytes(48)}}, "PCR2 is missing"),
        ({"pcrs": {0: bytes(32), 1: bytes(48), 2: bytes(48)}}, "PCR0 is 32 bytes"),
        ({"pcrs": {0: bytes(48), 1: bytes(48), 2: bytes(48), 32: bytes(48)}}, "number 32"),
        ({"pcrs": [bytes(48)]}, "pcrs is no map"),
        ({"certificate": None}, "certificate is no bytes"),
        ({"cabundle": []}, "an array of 1 to 8"),
        ({"cabundle": [bytes(1)] * 9}, "an array of 1 to 8"),
        ({"cabundle": ["text"]}, "cabundle is no bytes"),
        ({"user_data": bytes(1025)}, "user_data is 1025 bytes"),
        ({"nonce": "text"}, "nonce is no bytes"),
        ({"extra": 1}, "key 'extra' is unknown"),
    ],
)
def test_document_that_is_not_exactly_the_format(changed, message):
    with pytest.raises(EvidenceRejected, match=message):
        read_document(cbor2.dumps(changed_document(**changed)))


def test_timestamp_far_in_the_future_is_no_crash():
    payload = cbor2.dumps(changed_document(timestamp=2**53 - 1))
    with pytest.raises(EvidenceRejected, match="beyond the calendar"):
        verified_there(nitro_enclave().signed(payload))


def test_optional_members_may_be_left_out():
    payload = cbor2.dumps(changed_document(nonce=..., public_key=...))
    assert verified_there(nitro_enclave().signed(payload)).nonce == ""


@pytest.mark.parametrize(
    ("raw", "message"),
    [
        (b"", "malformed"),
        (b"\xa1\x01", "malformed"),
        (b"\xa2\x01\x02\x01\x03", "malformed"),  # the same key twice
        (b"\xbf\x01\x02\xff", "malformed"),  # no length
        (b"\x5f\x41\x00\xff", "malformed"),
        (b"\x01\x02", "followed by bytes"),
        (b"\x18\x01", "shortest"),
        (b"\x1b" + bytes(8), "shortest"),
        (b"\xc0\x61a", "malformed"),  # a tag of the decoder's own
        (b"\xd8\x23\x61a", "malformed"),
        (b"\xda\x00\x01\x00\x00\x01", "malformed"),  # any other tag
        (b"\xf9\x3c\x00", "of another type"),
        (b"\xf5", "of another type"),
        (b"\xf7", "of another type"),
        (b"\xa1\xf5\x01", "of another type"),
        (b"\xa1\x41\x00\x01", "a key of it is another type"),
        (b"\xa1\xa1\x01\x02\x03", "a key of it is another type"),
        (b"\x81" * 9 + b"\x01", "malformed"),  # too deep
        (b"\x81" * 60000, "malformed"),
        (b"\x62\xff\xff", "malformed"),
        (b"\x9b" + b"\xff" * 8, "malformed"),
        (b"\x5b\x7f" + b"\xff" * 7, "malformed"),
    ],
)
def test_cbor_that_is_not_in_its_only_form(raw, message):
    with pytest.raises(EvidenceRejected, match=message):
        cbor.read(raw, "it")


def test_only_the_outermost_map_may_be_open():
    inner = b"\xbf\x01\x02\xff"
    assert cbor.read(inner, "it", may_be_open=True) == {1: 2}
    for raw in (b"\xbf\x01" + inner + b"\xff", b"\xa1\x01" + inner, b"\x9f\x01\xff", inner + b"\0"):
        with pytest.raises(EvidenceRejected, match=r"malformed|shortest"):
            cbor.read(raw, "it", may_be_open=True)


def test_key_that_stands_twice_in_an_open_map():
    with pytest.raises(EvidenceRejected, match="malformed"):
        cbor.read(b"\xbf\x01\x02\x01\x03\xff", "it", may_be_open=True)


def test_open_map_of_many_members_is_not_read():
    members = b"".join(cbor2.dumps(number) * 2 for number in range(24))
    with pytest.raises(EvidenceRejected, match="shortest"):
        cbor.read(b"\xbf" + members + b"\xff", "it", may_be_open=True)


@pytest.mark.parametrize(
    ("parts", "message"),
    [
        ([b"\xa1\x01\x38\x22", {}, b"x"], "no array of four"),
        ([b"\xa1\x01\x38\x22", {4: b"kid"}, b"x", bytes(96)], "unprotected header is not empty"),
        ([b"\xa1\x01\x38\x22", [], b"x", bytes(96)], "unprotected header is no map"),
        ([b"\xa1\x01\x26", {}, b"x", bytes(64)], "algorithm is -7"),
        ([b"\xa1\x01\x27", {}, b"x", bytes(96)], "algorithm is -8"),
        ([b"\xa1\x01\x65ES384", {}, b"x", bytes(96)], "algorithm is ES384"),
        ([b"\xa2\x01\x38\x22\x04\x41a", {}, b"x", bytes(96)], "key 4 is unknown"),
        ([b"\xa0", {}, b"x", bytes(96)], "alg is missing"),
        ([b"", {}, b"x", bytes(96)], "protected header is 0 bytes"),
        ([{}, {}, b"x", bytes(96)], "protected header is no bytes"),
        ([b"\xa1\x01\x38\x22", {}, None, bytes(96)], "payload is no bytes"),
        ([b"\xa1\x01\x38\x22", {}, b"", bytes(96)], "payload is 0 bytes"),
        ([b"\xa1\x01\x38\x22", {}, b"x", bytes(95)], "signature is 95 bytes"),
        ({1: 2}, "no array of four"),
    ],
)
def test_message_that_is_no_sign1_of_this_suite(parts, message):
    with pytest.raises(EvidenceRejected, match=message):
        read_sign1(cbor2.dumps(parts), "it", ("ecdsa-p384-sha384",), tag_optional=True)


def test_message_that_must_be_tagged():
    with pytest.raises(EvidenceRejected, match="without tag 18"):
        read_sign1(b"\x84", "it", ("ecdsa-p384-sha384",))


# --- policy, rules, words ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("changed", "code"),
    [
        ({"pcr0": [OTHER]}, "nitro-pcr0"),
        ({"pcr3": [OTHER]}, "nitro-pcr3"),
        ({"pcr4": [OTHER]}, "nitro-pcr4"),
        ({"pcr8": [OTHER]}, "nitro-pcr8"),
        ({"module_ids": ["i-04fd167167daacf3b-enc01845e97d0b3eb4e"]}, "nitro-module-id"),
        ({"development_roots": None}, "nitro-assurance"),
        ({"development_roots": ["sha256:" + "0" * 64]}, "nitro-assurance"),
    ],
)
def test_entry_that_asks_for_something_else(changed, code):
    assert failed_codes(claims_of(), nitro_policy(**changed)) == {code}


def test_registers_and_enclaves_that_are_listed():
    pcrs = claims_of().pcrs
    listed = {name: [OTHER, pcrs[name.removeprefix("pcr")]] for name in ("pcr3", "pcr4", "pcr8")}
    policy = nitro_policy(module_ids=[nitro_platform().module_id], **listed)
    assert policy.lists_machines
    assert not nitro_policy().lists_machines
    assert failed_codes(claims_of(), policy) == set()


def test_register_that_the_document_lacks():
    document = changed_document()
    document["pcrs"] = {number: document["pcrs"][number] for number in (0, 1, 2)}
    claims = verified_there(nitro_enclave().signed(cbor2.dumps(document)))
    assert failed_codes(claims, nitro_policy(pcr8=["0" * 96])) == {"nitro-pcr8"}
    assert failed_codes(claims, nitro_policy()) == set()


def test_debug_mode_needs_to_be_allowed_by_name():
    zeros = {name: ["0" * 96] for name in ("pcr0", "pcr1", "pcr2")}
    with pytest.raises(RecordMalformed, match="debug is forbid"):
        nitro_policy(**zeros)
    allowed = nitro_policy(debug="any", **zeros)
    assert failed_codes(claims_of("debug"), allowed) == set()
    assert any("debug mode" in sentence for sentence in left_open(allowed))


@pytest.mark.parametrize(
    "changed",
    [
        {"pcr0": []},
        {"pcr1": ["any"]},
        {"pcr2": "any"},
        {"pcr4": []},
        {"host_data": "genesis"},
        {"module_ids": ["*"]},
        {"debug": "require"},
        {"unheard_of": 1},
    ],
)
def test_entry_that_means_nothing(changed):
    with pytest.raises(RecordMalformed):
        nitro_policy(**changed)


def test_entry_needs_its_host_data_written_down():
    plain = nitro_policy().to_plain()
    del plain["host_data"]
    with pytest.raises((RecordMalformed, ValidationError), match="host_data"):
        NitroPolicy.from_plain(plain)


def test_result_of_a_simulated_enclave_is_a_warning():
    result = appraise(claims_of(), {"entry": nitro_policy()}, genesis=GENESIS, now=NOW)
    assert (result.status, result.assurance) == ("warning", "simulated")
    with pytest.raises(AppraisalFailed, match="PCR0") as refused:
        appraise(claims_of("wrong-pcr0"), {"entry": nitro_policy()}, genesis=GENESIS, now=NOW)
    assert "run the image that the manifest lists" in refused.value.hint


def test_words_say_what_stays_open():
    said = " ".join(left_open(nitro_policy()))
    for fragment in ("AWS itself is trusted", "ties nothing", "any parent instance", "PCR3"):
        assert fragment in said
    narrow = nitro_policy(pcr3=[OTHER], pcr4=[OTHER], pcr8=[OTHER])
    assert "any parent instance" not in " ".join(left_open(narrow))
    assert MEASUREMENT.hex() in " ".join(described(narrow))


# --- the collector ----------------------------------------------------------------------------------


class FakeModule:
    """Answers as the module does."""

    def __init__(self, answer=None):
        self.requests = []
        self.answer = answer

    def __call__(self, request):
        self.requests.append(cbor2.loads(request))
        if self.answer is not None:
            return self.answer
        bound = self.requests[-1]["Attestation"]["user_data"]
        report = nitro_enclave().collect(bound).report
        return cbor2.dumps({"Attestation": {"document": report}})


def test_collector_asks_for_the_binding_and_passes_the_document_on():
    module = FakeModule()
    attester: Attester = NitroAttester(module)
    evidence = attester.collect(BINDING)
    parts = {"user_data": BINDING, "nonce": None, "public_key": None}
    assert module.requests == [{"Attestation": parts}]
    assert verified_there(evidence).report_data == BINDING.hex()
    assert (attester.measurement, attester.host_data) == (MEASUREMENT, bytes(32))


def test_collector_takes_no_short_binding_and_has_no_key():
    with pytest.raises(BindingMismatch, match="is 32 bytes"):
        NitroAttester(FakeModule()).collect(bytes(32))
    with pytest.raises(MachineUnfit, match="cannot keep its state on nitro"):
        NitroAttester(FakeModule()).derive_key(b"x")


@pytest.mark.parametrize(
    ("answer", "message"),
    [
        (cbor2.dumps({"Error": "InvalidArgument"}), "refuses with 'InvalidArgument'"),
        (cbor2.dumps({"Attestation": {}}), "no document"),
        (cbor2.dumps({"Attestation": {"document": b""}}), "no document"),
        (cbor2.dumps({"Attestation": []}), "no document"),
        (cbor2.dumps({"DescribeNSM": {}}), "no document"),
        (cbor2.dumps([1]), "no map"),
        (b"\xff", "not CBOR"),
    ],
)
def test_module_that_gives_no_document(answer, message):
    with pytest.raises(MachineUnfit, match=message):
        attestation_document(BINDING, FakeModule(answer))


class FakeIoctl:
    """Reads the request where the call points, and writes an answer there."""

    def __init__(self, answer, length=None):
        self.answer, self.length = answer, length

    def __call__(self, descriptor, number, call):
        assert descriptor > 0
        assert number == NSM_IOCTL_RAW
        request, size, response, room = CALL.unpack(call)
        self.request = ctypes.string_at(request, size)
        assert room == 0x3000
        ctypes.memmove(response, self.answer, len(self.answer))
        length = len(self.answer) if self.length is None else self.length
        call[:] = CALL.pack(request, size, response, length)


def test_device_is_asked_by_one_call(tmp_path):
    device = tmp_path / "nsm"
    device.touch()
    ioctl = FakeIoctl(b"answer")
    assert ask_device(b"question", device, ioctl) == b"answer"
    assert ioctl.request == b"question"


@pytest.mark.parametrize("length", [0, 0x3001])
def test_device_that_claims_another_length(tmp_path, length):
    device = tmp_path / "nsm"
    device.touch()
    with pytest.raises(MachineUnfit, match="expected an answer"):
        ask_device(b"question", device, FakeIoctl(b"answer", length))


def test_device_that_is_not_there_or_asked_too_much(tmp_path):
    with pytest.raises(MachineUnfit, match="expected /dev/nsm"):
        ask_device(b"question", tmp_path / "nothing")
    with pytest.raises(MachineUnfit, match="4097 bytes"):
        ask_device(bytes(4097), tmp_path / "nothing")
