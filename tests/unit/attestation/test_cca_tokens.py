"""CCA tokens from a simulated platform: formats, scenarios, anchors, rules, words, the collector."""

import cbor2
import pytest

from cleanroom.attestation.anchors import Anchors
from cleanroom.attestation.appraisal import appraise
from cleanroom.attestation.collateral import Collateral
from cleanroom.attestation.explain import described, left_open
from cleanroom.attestation.formats.cca import read_collection, read_platform, read_realm
from cleanroom.attestation.platforms import cca
from cleanroom.attestation.roots import NITRO_ROOT
from cleanroom.attestation.verifier import verify
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
from enclave.attester.cca import CcaAttester
from enclave.attester.device import TRIES
from enclave.attester.simulated_cca import PLATFORM_FILE, SimulatedCcaPlatform
from enclave.attester.tsm import reports_of
from tests.support.kernels import FakeTsm
from tests.support.nitro_cca import (
    cca_platform,
    cca_policy,
    cca_realm,
    failed_codes,
    nitro_policy,
    verified_there,
)
from tests.support.platform import BINDING, GENESIS, MEASUREMENT, NOW

OTHER = "ab" * 48


def claims_of(scenario="good"):
    return verified_there(cca_realm(scenario).collect(BINDING))


# --- the simulated machine --------------------------------------------------------------------------


def test_simulated_realm_plays_the_role():
    attester: Attester = cca_realm()
    assert (attester.measurement, attester.host_data) == (MEASUREMENT, GENESIS)
    assert len(attester.derive_key(b"x")) == 32
    assert attester.derive_key(b"x") != attester.derive_key(b"y")


def test_simulated_machine_is_kept_in_one_private_file(tmp_path):
    made = SimulatedCcaPlatform.create(tmp_path, NOW)
    assert (tmp_path / PLATFORM_FILE).stat().st_mode & 0o777 == 0o600
    assert SimulatedCcaPlatform.load(tmp_path).root_fingerprint == made.root_fingerprint
    assert made.root_fingerprint in repr(made)
    with pytest.raises(Usage, match="exists already"):
        SimulatedCcaPlatform.create(tmp_path, NOW)
    with pytest.raises(FileMissing, match=PLATFORM_FILE):
        SimulatedCcaPlatform.load(tmp_path / "elsewhere")


# --- scenarios --------------------------------------------------------------------------------------


@pytest.mark.parametrize("scenario", ["good", "wrapped", "legacy"])
def test_good_token_becomes_claims(scenario):
    claims = claims_of(scenario)
    assert (claims.platform, claims.assurance) == ("cca", "simulated")
    assert claims.anchor == cca_platform().root_fingerprint
    assert claims.initial_measurement == MEASUREMENT.hex()
    assert claims.instance_id == cca_platform().instance_id.hex()
    assert claims.host_data == GENESIS.hex() + "00" * 32
    assert claims.report_data == BINDING.hex()
    assert (claims.realm_profile == "legacy") == (scenario == "legacy")
    assert failed_codes(claims, cca_policy()) == set()


@pytest.mark.parametrize(
    ("scenario", "codes"),
    [
        ("debug", {"cca-lifecycle"}),
        ("old-firmware", {"cca-software"}),
        ("more-firmware", {"cca-software"}),
        ("other-config", {"cca-config"}),
        ("wrong-rim", {"cca-rim"}),
        ("extended", {"cca-rem"}),
    ],
)
def test_unwanted_realm_has_its_codes(scenario, codes):
    assert failed_codes(claims_of(scenario), cca_policy()) == codes


@pytest.mark.parametrize(
    ("scenario", "message"),
    [
        ("other-realm-key", "challenge is .*, expected the digest of the realm token's key"),
        ("other-platform-key", "signature of platform token is not its issuer's"),
    ],
)
def test_refused_token_says_why(scenario, message):
    with pytest.raises(EvidenceRejected, match=message):
        claims_of(scenario)


def test_challenge_that_is_not_the_binding():
    with pytest.raises(BindingMismatch, match="report data is"):
        claims_of("wrong-binding")


@pytest.mark.parametrize("size", [32, 48, 64])
def test_measurements_of_every_size(size):
    realm = cca_platform().attester(bytes(range(size)), GENESIS)
    claims = verified_there(realm.collect(BINDING))
    assert claims.initial_measurement == bytes(range(size)).hex()
    policy = cca_policy(initial_measurements=[claims.initial_measurement])
    assert failed_codes(claims, policy) == set()


# --- the format -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({265: "http://arm.com/PSA-SSD/1.0.0"}, "profile is http"),
        ({265: None}, "profile is no text"),
        ({265: ...}, "profile is missing"),
        ({10: bytes(33)}, "challenge is 33 bytes"),
        ({10: [bytes(32), bytes(32)]}, "challenge is no bytes"),
        ({2396: bytes(31)}, "implementation id is 31 bytes"),
        ({256: b"\x02" + bytes(32)}, "instance id is type 0x02"),
        ({2401: b""}, "config is 0 bytes"),
        ({2395: 0x7F00}, "lifecycle is 0x7f00"),
        ({2395: 0x3100}, "lifecycle is 0x3100"),
        ({2395: -1}, "lifecycle is another"),
        ({2395: "secured"}, "lifecycle is another"),
        ({2399: []}, "software components is another"),
        ({2399: [{2: bytes(32)}]}, "signer id is missing"),
        ({2399: [{2: bytes(32), 5: bytes(32), 3: 1}]}, "key 3 is unknown"),
        ({2399: [{2: bytes(32), 5: bytes(32), 6: "md5"}]}, "hash algorithm is md5"),
        ({2399: [bytes(32)]}, "software component is no map"),
        ({2402: "sha-1"}, "hash algorithm is sha-1"),
        ({2400: ""}, "verification service is no text"),
        ({2403: 1}, "key 2403 is unknown"),
    ],
)
def test_platform_claims_that_are_not_exactly_the_format(changed, message):
    claims = {k: v for k, v in (cca_realm().platform_claims() | changed).items() if v is not ...}
    with pytest.raises(EvidenceRejected, match=message):
        read_platform(cbor2.dumps(claims))


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({10: bytes(63)}, "challenge is 63 bytes"),
        ({10: ...}, "challenge is missing"),
        ({265: "legacy"}, "profile is legacy"),
        ({265: "tag:arm.com,2023:realm#2.0.0"}, "profile is tag"),
        ({265: ...}, "public key is 107 bytes"),
        ({44235: bytes(32)}, "personalization value is 32 bytes"),
        ({44238: bytes(20)}, "initial measurement is 20 bytes"),
        ({44239: [bytes(48)] * 3}, "extensible measurements is another"),
        ({44239: [bytes(48)] * 5}, "extensible measurements is another"),
        ({44239: [bytes(48), bytes(48), bytes(48), bytes(32)]}, "measurement is 32 bytes"),
        ({44236: "none"}, "hash algorithm is none"),
        ({44240: "md5"}, "public key hash algorithm is md5"),
        ({44237: b"\xa0"}, "kty is missing"),
        ({44237: cbor2.dumps({1: 2, -1: 1, -2: bytes(32), -3: bytes(32)})}, "another kind"),
        ({44237: cbor2.dumps({1: 2, -1: 2, -2: bytes(47), -3: bytes(48)})}, "is 47 bytes"),
        ({44237: cbor2.dumps({1: 2, -1: 2, -2: bytes(48), -3: bytes(48), -4: b"d"})}, "unknown"),
        ({44241: 1}, "key 44241 is unknown"),
    ],
)
def test_realm_claims_that_are_not_exactly_the_format(changed, message):
    claims = cca_realm().realm_claims(BINDING) | changed
    with pytest.raises(EvidenceRejected, match=message):
        read_realm(cbor2.dumps({k: v for k, v in claims.items() if v is not ...}))


def test_realm_key_that_is_no_point_of_the_curve():
    claims = cca_realm().realm_claims(BINDING)
    claims[44237] = cbor2.dumps({1: 2, -1: 2, -2: b"\x01" * 48, -3: b"\x02" * 48})
    evidence = cca_realm().signed(cca_realm().platform_claims(), claims)
    with pytest.raises(EvidenceRejected, match="public key is no point"):
        verified_there(evidence)


@pytest.mark.parametrize(
    ("tag", "tokens", "message"),
    [
        (398, {44234: b"p", 44241: b"r"}, "without its tag"),
        (399, {44234: b"p"}, "realm token is missing"),
        (399, {44234: b"p", 44241: b"r", 44258: b"d"}, "key 44258 is unknown"),
        (399, {44234: b"p", 44241: b""}, "realm token is 0 bytes"),
        (399, {44234: b"p", 44241: "r"}, "realm token is another wrapper"),
        (399, {44234: b"p", 44241: [264, b"r"]}, "realm token is another wrapper"),
        (399, {44234: b"p", 44241: [263, b"r", 1]}, "realm token is another wrapper"),
        (399, {44234: b"p", 44241: [263, "r"]}, "realm token is no bytes"),
        (907, {44234: b"p", 44241: b"r"}, "platform token is another wrapper"),
        (907, [b"p", b"r"], "CCA token is no map"),
    ],
)
def test_collection_that_is_not_exactly_both_tokens(tag, tokens, message):
    with pytest.raises(EvidenceRejected, match=message):
        read_collection(cbor2.dumps(cbor2.CBORTag(tag, tokens)))


def test_wrappers_are_read_under_both_tags():
    tokens = {44234: [263, b"p"], 44241: [263, b"r"]}
    for tag in (399, 907):
        assert read_collection(cbor2.dumps(cbor2.CBORTag(tag, tokens))) == (b"p", b"r")


# --- anchors ----------------------------------------------------------------------------------------


def test_registered_key_vouches_as_hardware_for_its_policies_only():
    registered = cca_policy(development_roots=None)
    anchors = Anchors.of([registered, nitro_policy(development_roots=None)])
    assert anchors.assurance == "hardware"
    assert anchors.registered_keys() == {cca_platform().root_fingerprint}
    assert cca_platform().root_fingerprint not in anchors.roots_of("aws")
    evidence = cca_realm().collect(BINDING)
    known = {"binding": BINDING, "collateral": Collateral(), "now": NOW}
    claims = verify(evidence, anchors=anchors, **known)
    assert claims.assurance == "hardware"
    assert failed_codes(claims, registered) == set()
    assert "cca-assurance" in failed_codes(claims, cca_policy())
    with pytest.raises(EvidenceRejected, match="expected a key that is registered here"):
        verify(evidence, anchors=Anchors.vendor(), **known)


def test_vendors_root_is_no_registered_key():
    assert NITRO_ROOT in Anchors.vendor().fingerprints
    assert Anchors.vendor().registered_keys() == frozenset()


@pytest.mark.parametrize("endorsements", [[], [b"a key", b"another key"]])
def test_evidence_needs_exactly_one_key(endorsements):
    evidence = cca_realm().collect(BINDING).model_copy(update={"endorsements": endorsements})
    with pytest.raises(EvidenceRejected, match="expected the platform's public key"):
        verified_there(evidence)


def test_authentication_does_not_read_the_clock_of_a_token():
    """A token has no time: the same claims come out of it whenever it is verified."""
    evidence = cca_realm().collect(BINDING)
    anchors = Anchors.of([cca_policy()])
    claims = cca.authenticate(evidence, anchors=anchors, collateral=Collateral(), now=NOW)
    assert claims.verified_at == NOW


# --- policy, rules, words ---------------------------------------------------------------------------


def registered(**changed):
    (one,) = cca_policy().to_plain()["platforms"]
    return [one | changed]


@pytest.mark.parametrize(
    ("changed", "codes"),
    [
        ({"initial_measurements": [OTHER]}, {"cca-rim"}),
        ({"platforms": registered(implementation_id="00" * 32)}, {"cca-platform"}),
        ({"platforms": registered(instance_id="01" + "00" * 32)}, {"cca-platform"}),
        ({"platform_configs": ["02"]}, {"cca-config"}),
        ({"lifecycles": ["non-rot-debug"]}, {"cca-lifecycle"}),
        ({"host_data": "00" * 64}, {"cca-host-data"}),
        ({"software": {"RMM": {"measurements": [OTHER], "signer_ids": [OTHER]}}}, {"cca-software"}),
        ({"extended_measurements": {"rem3": [OTHER]}}, {"cca-rem"}),
        ({"development_roots": None}, {"cca-assurance"}),
    ],
)
def test_entry_that_asks_for_something_else(changed, codes):
    assert failed_codes(claims_of(), cca_policy(**changed)) == codes


def test_key_registered_for_another_platform_does_not_vouch_for_this_one():
    """Two platforms are registered; each key is good for its own only."""
    other = cca_platform(1)
    two = [
        registered()[0] | {"instance_id": other.instance_id.hex()},
        registered()[0] | {"public_key": other.root_fingerprint},
    ]
    roots = [cca_platform().root_fingerprint, other.root_fingerprint]
    policy = cca_policy(platforms=two, development_roots=roots)
    assert failed_codes(claims_of(), policy) == {"cca-platform"}


def test_lax_entry_accepts_what_it_names():
    policy = cca_policy(
        software="any",
        platform_configs="any",
        host_data="any",
        lifecycles=["secured", "non-rot-debug"],
        extended_measurements={"rem0": "any"},
    )
    for scenario in ("debug", "old-firmware", "more-firmware", "other-config", "extended"):
        assert failed_codes(claims_of(scenario), policy) == set()
    said = " ".join(left_open(policy))
    for fragment in ("firmware", "configured", "personalization", "debugs it", "REM0 is free"):
        assert fragment in said
    assert "REM1" not in said


def test_words_of_a_strict_entry():
    said = left_open(cca_policy())
    assert any("no vendor vouches" in sentence for sentence in said)
    assert not any("firmware, which" in sentence for sentence in said)
    assert MEASUREMENT.hex() in " ".join(described(cca_policy()))
    assert cca_policy().lists_machines


@pytest.mark.parametrize(
    "changed",
    [
        {"platforms": []},
        {"initial_measurements": []},
        {"initial_measurements": ["ab" * 20]},
        {"host_data": "ab" * 32},
        {"software": {}},
        {"software": {"": {"measurements": [OTHER], "signer_ids": [OTHER]}}},
        {"platform_configs": []},
        {"lifecycles": ["decommissioned"]},
        {"extended_measurements": {"rem4": "any"}},
        {"extended_measurements": {"rem0": []}},
        {"platforms": registered(instance_id="02" + "00" * 32)},
        {"platforms": registered(public_key="sha256:" + "0" * 64)},
        {"unheard_of": 1},
    ],
)
def test_entry_that_means_nothing(changed):
    with pytest.raises(RecordMalformed):
        cca_policy(**changed)


def test_result_of_a_simulated_realm_is_a_warning():
    result = appraise(claims_of(), {"entry": cca_policy()}, genesis=GENESIS, now=NOW)
    assert (result.status, result.assurance) == ("warning", "simulated")
    assert result.trust_vector.instance_identity == 2
    with pytest.raises(AppraisalFailed, match="initial measurement"):
        appraise(claims_of("wrong-rim"), {"entry": cca_policy()}, genesis=GENESIS, now=NOW)


# --- the collector ----------------------------------------------------------------------------------


def realm_kernel(provider="arm_cca_guest"):
    return FakeTsm(provider, cca_realm())


def collector(files, key=b"key"):
    return CcaAttester(reports_of(files, "arm_cca_guest"), key)


def test_collector_asks_for_the_binding_and_sends_the_key_along():
    files = realm_kernel()
    attester: Attester = collector(files, cca_platform().public_key)
    evidence = attester.collect(BINDING)
    assert files.written == [BINDING]
    assert verified_there(evidence).report_data == BINDING.hex()
    assert (attester.measurement, attester.host_data) == (MEASUREMENT, GENESIS)
    assert len(files.written) == 2 < TRIES


def test_collector_refuses_another_platform_and_has_no_key():
    with pytest.raises(MachineUnfit, match="provider is 'sev_guest'"):
        collector(realm_kernel("sev_guest")).collect(BINDING)
    with pytest.raises(MachineUnfit, match="cannot keep its state on cca"):
        collector(realm_kernel()).derive_key(b"x")
