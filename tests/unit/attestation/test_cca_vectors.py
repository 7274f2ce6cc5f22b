"""Published CCA tokens and claims: what verification says, and what a default policy says.

All are signed by keys whose private halves are public, so their keys stand in `development_roots`.
"""

import base64
import binascii
import json
import re

import cbor2
import pytest

from cleanroom.attestation.anchors import Anchors
from cleanroom.attestation.binding import binding_of
from cleanroom.attestation.collateral import Collateral
from cleanroom.attestation.formats.cca import PLATFORM, REALM, read_platform, read_realm
from cleanroom.attestation.platforms import cca
from cleanroom.attestation.policy.cca import PUBLISHED_TEST_KEYS
from cleanroom.attestation.table import compare
from cleanroom.attestation.verifier import verify
from cleanroom.encoding import content_digest
from cleanroom.errors import BindingMismatch, EvidenceRejected, RecordMalformed
from tests.support.vectors import INDEX, VECTORS, cases, ids, needs_vectors
from tests.support.vectors_cca import NOW, authenticated, evidence_of, key_of, policy_of

pytestmark = needs_vectors

EXPECTED: dict[str, tuple[str, set[str]]] = {
    # case: (verify, codes that fail in the default policy)
    "cca-tf-rmm": ("accept", set()),
    "cca-trustee-example": ("accept", set()),
    "cca-veraison-scheme": ("accept", {"cca-rem"}),
}
"""The default policy lists this platform, realm and firmware, and leaves the rest as it is."""
FACTS = {
    "cca-tf-rmm": ("legacy", 0x3003, 32, 4),
    "cca-trustee-example": ("legacy", 0x3003, 64, 13),
    "cca-veraison-scheme": ("tag:arm.com,2023:realm#1.0.0", 0x3000, 64, 4),
}
"""Realm profile, lifecycle, size of the initial measurement, pieces of firmware."""

GOOD_CLAIMS = {
    "platform_cbor_CcaPlatformClaimsAll.diag",
    "platform_cbor_CcaPlatformClaimsMandatoryOnly.diag",
    "platform_cbor_CcaPlatformExample.diag",
    "platform_cbor_CcaPlatformLegacyClaimsAll.diag",
    "platform_cbor_CcaPlatformLegacyClaimsMandatoryOnly.diag",
    "platform_json_test-token-valid-full.json",
    "realm_cbor_CcaRealmClaimsAll.diag",
    "realm_cbor_CcaRealmExample.diag",
    "realm_cbor_CcaRealmLegacyClaimsAll.diag",
    "realm_json_test-cca-claims-all-valid.json",
}
"""Sets of claims that hold; every other one does not."""
CLAIM_KEYS = {
    "cca-platform-profile": 265,
    "cca-platform-challenge": 10,
    "cca-platform-implementation-id": 2396,
    "cca-platform-instance-id": 256,
    "cca-platform-config": 2401,
    "cca-platform-lifecycle": 2395,
    "cca-platform-sw-components": 2399,
    "cca-platform-service-indicator": 2400,
    "cca-platform-hash-algo-id": 2402,
    "measurement-type": 1,
    "measurement-value": 2,
    "version": 4,
    "signer-id": 5,
    "cca-realm-challenge": 10,
    "cca-realm-personalization-value": 44235,
    "cca-realm-initial-measurement": 44238,
    "cca-realm-extensible-measurements": 44239,
    "cca-realm-hash-algo-id": 44236,
    "cca-realm-public-key": 44237,
    "cca-realm-public-key-hash-algo-id": 44240,
}
TEXTS = {265, 2400, 2402, 1, 4, 44236, 44240}
"""Claims whose text is text, not base64."""


def claim_files():
    return sorted((VECTORS / "cca").glob("ccatoken__*")) if INDEX.is_file() else []


def test_every_case_has_its_row():
    assert {case["id"] for case in cases("cca")} == EXPECTED.keys() == FACTS.keys()


@pytest.mark.parametrize("case", cases("cca"), ids=ids)
def test_published_token_has_its_verdict_and_fields(case):
    assert case["verdict"] == EXPECTED[case["id"]][0]
    profile, lifecycle, size, pieces = FACTS[case["id"]]
    claims = authenticated(case)
    assert claims.assurance == "simulated"
    assert claims.anchor == content_digest(key_of(case))
    assert (claims.realm_profile, claims.lifecycle_word) == (profile, hex(lifecycle))
    assert claims.lifecycle == "secured"
    assert len(claims.initial_measurement) == 2 * size
    assert len(claims.software) == pieces
    assert claims.platform_profile == "http://arm.com/CCA-SSD/1.0.0"


def test_published_token_says_what_its_source_says():
    case = next(case for case in cases("cca") if case["id"] == "cca-veraison-scheme")
    said = json.loads((VECTORS / "cca/veraison-scheme__cca-good.json").read_text())
    platform, realm = said["cca-platform-token"], said["cca-realm-delegated-token"]
    claims = authenticated(case)
    for found, source in (
        (claims.implementation_id, platform["cca-platform-implementation-id"]),
        (claims.instance_id, platform["cca-platform-instance-id"]),
        (claims.platform_config, platform["cca-platform-config"]),
        (claims.host_data, realm["cca-realm-personalization-value"]),
        (claims.initial_measurement, realm["cca-realm-initial-measurement"]),
    ):
        assert bytes.fromhex(found) == base64.b64decode(source)
    assert claims.verification_service == platform["cca-platform-service-indicator"]
    kinds = [one["measurement-type"] for one in platform["cca-platform-sw-components"]]
    assert [one.kind for one in claims.software] == kinds


@pytest.mark.parametrize("case", cases("cca"), ids=ids)
def test_default_policy_says_which_published_token_is_wanted(case):
    findings = compare(authenticated(case), policy_of(case), bytes(32))
    assert {one.code for one in findings if not one.passed} == EXPECTED[case["id"]][1]


@pytest.mark.parametrize("case", cases("cca"), ids=ids)
def test_published_token_is_for_whom_it_was_made_only(case):
    anchors = Anchors.of([policy_of(case)])
    challenge = bytes.fromhex(authenticated(case).report_data)
    known = {"anchors": anchors, "collateral": Collateral(), "now": NOW}
    claims = verify(evidence_of(case), binding=binding_of(challenge), **known)
    assert claims.report_data == challenge.hex()
    with pytest.raises(BindingMismatch, match="report data is"):
        verify(evidence_of(case), binding=binding_of(bytes(64)), **known)


@pytest.mark.parametrize("case", cases("cca"), ids=ids)
def test_key_whose_private_half_is_public_is_no_hardware(case):
    assert content_digest(key_of(case)) in PUBLISHED_TEST_KEYS
    with pytest.raises(RecordMalformed, match="private half is public"):
        policy_of(case, development_roots=None)


@pytest.mark.parametrize("case", cases("cca"), ids=ids)
def test_published_token_under_production_anchors(case):
    with pytest.raises(EvidenceRejected, match="expected a key that is registered here"):
        cca.authenticate(
            evidence_of(case), anchors=Anchors.vendor(), collateral=Collateral(), now=NOW
        )


@pytest.mark.parametrize("case", cases("cca"), ids=ids)
def test_every_cut_of_a_published_token_is_refused(case):
    evidence = evidence_of(case)
    for length in range(1, len(evidence.report), 5):
        cut = evidence.model_copy(update={"report": evidence.report[:length]})
        with pytest.raises(EvidenceRejected):
            authenticated(case, cut)


@pytest.mark.parametrize("case", cases("cca"), ids=ids)
def test_altered_bytes_all_over_a_published_token_are_refused(case):
    evidence = evidence_of(case)
    whole = evidence.report
    for at in range(0, len(whole), 7):
        altered = whole[:at] + bytes([whole[at] ^ 0x01]) + whole[at + 1 :]
        with pytest.raises(EvidenceRejected):
            authenticated(case, evidence.model_copy(update={"report": altered}))


def test_realm_token_of_one_published_token_inside_of_another():
    by_id = {case["id"]: case for case in cases("cca")}
    one, other = by_id["cca-trustee-example"], by_id["cca-veraison-scheme"]
    tokens = [cbor2.loads(evidence_of(case).report).value for case in (one, other)]
    mixed = {PLATFORM: tokens[0][PLATFORM], REALM: tokens[1][REALM]}
    report = cbor2.dumps(cbor2.CBORTag(399, mixed))
    with pytest.raises(
        EvidenceRejected, match=r"challenge is .*, expected the digest of the realm"
    ):
        authenticated(one, evidence_of(one).model_copy(update={"report": report}))


# --- sets of claims ---------------------------------------------------------------------------------


def claims_in(file):
    text = file.read_text()
    return from_json(json.loads(text)) if file.suffix == ".json" else from_notation(text)


def from_json(value, key=None):
    if isinstance(value, dict):
        return {
            CLAIM_KEYS.get(name, name): from_json(part, CLAIM_KEYS.get(name, name))
            for name, part in value.items()
        }
    if isinstance(value, list):
        return [from_json(part, key) for part in value]
    if isinstance(value, str) and key not in TEXTS:
        return base64.b64decode(value, validate=True)
    return value


def from_notation(text):
    """The part of CBOR's diagnostic notation (RFC 8949 §8) that these files use."""
    text = re.sub(r"(?<=[ ,])/ [^/\n]* /", "", text)
    text = re.sub(r"h'([0-9A-Fa-f]*)'", r"bytes.fromhex('\1')", text)
    text = text.replace("<<", "dumps(").replace(">>", ")")
    return eval(text, {"__builtins__": {}, "bytes": bytes, "dumps": cbor2.dumps})


def test_published_sets_of_claims_are_here():
    names = {file.name.removeprefix("ccatoken__") for file in claim_files()}
    assert names > GOOD_CLAIMS
    assert len(names) == 44


@pytest.mark.parametrize("file", claim_files(), ids=lambda file: file.stem)
def test_published_set_of_claims_has_its_verdict(file):
    name = file.name.removeprefix("ccatoken__")
    read = read_platform if name.startswith("platform") else read_realm
    if name in GOOD_CLAIMS:
        assert read(cbor2.dumps(claims_in(file))).challenge
        return
    # One file is not even base64.
    with pytest.raises((EvidenceRejected, binascii.Error)):
        read(cbor2.dumps(claims_in(file)))
