"""An operator forges evidence of a container group: another VM, another endorsement, other containers."""

import cbor2
import pytest

from cleanroom.attestation.anchors import Anchors
from cleanroom.attestation.appraisal import appraise
from cleanroom.attestation.binding import bind
from cleanroom.attestation.explain import described, left_open
from cleanroom.attestation.formats.uvm import read_endorsement
from cleanroom.attestation.policy import AzureAciPolicy
from cleanroom.errors import AppraisalFailed, BindingMismatch, EvidenceRejected
from enclave.attester.scenarios import GOOD_TCB
from enclave.attester.simulated_aci import FEED, Endorsed, SimulatedMicrosoft
from tests.support.platform import (
    BINDING,
    GENESIS,
    MEASUREMENT,
    NOW,
    good_attester,
    simulated_platform,
)
from tests.support.tpm import checked

CONTAINERS = b"\x77" * 32
"""SHA-256 of a container policy: what the group was started with."""
SAID = Endorsed(measurement=MEASUREMENT.hex())


@pytest.fixture(scope="module")
def microsoft():
    return SimulatedMicrosoft.create(NOW)


@pytest.fixture(scope="module")
def other_microsoft():
    return SimulatedMicrosoft.create(NOW)


def group(host_data=CONTAINERS):
    return good_attester(host_data=host_data)


def anchors(microsoft):
    return Anchors.development([simulated_platform().root_fingerprint, microsoft.root_fingerprint])


def claims_of(microsoft, evidence):
    return checked(evidence, anchors=anchors(microsoft))


def policy(microsoft, **changed):
    plain = {
        "platform": "azure-aci",
        "products": ["Genoa"],
        "measurements": "any",
        "min_tcb": {"Genoa": GOOD_TCB["Genoa"]},
        "host_data": CONTAINERS.hex(),
        "uvm_issuers": [microsoft.issuer],
        "uvm_feeds": [FEED],
        "min_uvm_svn": 100,
        "development_roots": [simulated_platform().root_fingerprint],
    }
    return AzureAciPolicy.from_plain(plain | changed)


def appraised(microsoft, claims, **changed):
    entry = policy(microsoft, **changed)
    return appraise(claims, {"entry": entry}, genesis=GENESIS, now=NOW)


def collected(microsoft, said=SAID, binding=BINDING):
    return microsoft.collect(group().collect, binding, said)


@pytest.mark.parametrize("with_claims", [False, True], ids=["beside", "in-claims"])
def test_good_group_is_accepted(microsoft, with_claims):
    said = Endorsed(measurement=MEASUREMENT.hex(), with_claims=with_claims)
    claims = claims_of(microsoft, collected(microsoft, said))
    result = appraised(microsoft, claims)
    assert (result.assurance, claims.uvm_svn, claims.uvm_feed) == ("simulated", 100, FEED)
    assert (claims.uvm_issuer, claims.report_data) == (microsoft.issuer, BINDING.hex())


def test_other_containers(microsoft):
    evidence = microsoft.collect(group(b"\x78" * 32).collect, BINDING, SAID)
    with pytest.raises(AppraisalFailed, match="container policy is 7878"):
        appraised(microsoft, claims_of(microsoft, evidence))


def test_utility_vm_of_the_operators_own(microsoft):
    mine = good_attester(scenario="wrong-measurement", host_data=CONTAINERS)
    evidence = microsoft.collect(mine.collect, BINDING, SAID)
    with pytest.raises(EvidenceRejected, match="which Microsoft endorses"):
        claims_of(microsoft, evidence)


def test_endorsement_of_the_operators_own(microsoft, other_microsoft):
    with pytest.raises(EvidenceRejected, match="the root of the UVM endorsement is"):
        claims_of(microsoft, collected(other_microsoft))


def test_endorsement_signed_with_another_key(microsoft):
    forged = Endorsed(measurement=MEASUREMENT.hex(), signed_by_another=True)
    with pytest.raises(EvidenceRejected, match="signature of the UVM endorsement is not"):
        claims_of(microsoft, collected(microsoft, forged))


def test_issuer_that_claims_another_usage(microsoft):
    """Microsoft signs many things under the same root; the usage says which are utility VMs."""
    forged = Endorsed(measurement=MEASUREMENT.hex(), usage="1.3.6.1.4.1.311.76.59.1.9")
    with pytest.raises(EvidenceRejected, match="expected the root of its chain and a usage"):
        claims_of(microsoft, collected(microsoft, forged))


def test_endorsement_of_something_else(microsoft):
    claims = claims_of(microsoft, collected(microsoft, Endorsed(MEASUREMENT.hex(), feed="Other")))
    with pytest.raises(AppraisalFailed, match="feed is Other"):
        appraised(microsoft, claims)


def test_older_utility_vm(microsoft):
    claims = claims_of(microsoft, collected(microsoft, Endorsed(MEASUREMENT.hex(), svn=99)))
    with pytest.raises(AppraisalFailed, match="security version of the utility VM is 99"):
        appraised(microsoft, claims)


def test_utility_vm_that_is_endorsed_but_not_pinned(microsoft):
    claims = claims_of(microsoft, collected(microsoft))
    with pytest.raises(AppraisalFailed, match="measurement is"):
        appraised(microsoft, claims, measurements=["11" * 48])


def test_signer_whose_certificate_has_ended(microsoft):
    old = Endorsed(measurement=MEASUREMENT.hex(), days=(-400, -35))
    with pytest.raises(EvidenceRejected, match="outside the validity of Simulated ContainerPlat"):
        claims_of(microsoft, collected(microsoft, old))


def test_group_replayed_from_another_conversation(microsoft):
    with pytest.raises(BindingMismatch):
        claims_of(microsoft, collected(microsoft, binding=bind("cleanroom/test/v1", b"another")))


def test_two_endorsements(microsoft):
    evidence = collected(microsoft)
    more = [*evidence.endorsements, microsoft.endorse(SAID)]
    with pytest.raises(EvidenceRejected, match="the UVM endorsement is there 2 times"):
        claims_of(microsoft, evidence.model_copy(update={"endorsements": more}))


def test_group_presented_as_a_plain_machine(microsoft):
    plain = collected(microsoft).model_copy(update={"platform": "sev-snp"})
    with pytest.raises(EvidenceRejected):
        claims_of(microsoft, plain)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({1: -37}, "expected PS384"),
        ({2: [1]}, "expected PS384, no critical header"),
        ({33: []}, "two to five certificates"),
        ({"iss": 5}, "issuer is no text"),
        ({15: {1: "another", 2: "feed"}}, "issuer is there twice"),
        ({"signingtime": cbor2.CBORTag(2, b"1")}, "malformed header"),
    ],
)
def test_headers_of_another_form(microsoft, change, message):
    body = cbor2.loads(microsoft.endorse(SAID)[1:])
    untimed = {key: value for key, value in cbor2.loads(body[0]).items() if key != "signingtime"}
    kept = untimed | change
    raw = b"\xd2" + cbor2.dumps([cbor2.dumps(kept), {}, body[2], body[3]])
    with pytest.raises(EvidenceRejected, match=message):
        read_endorsement(raw)


@pytest.mark.parametrize(
    "payload",
    [
        b"{}",
        b"[]",
        b"x",
        b'{"x-ms-sevsnpvm-launchmeasurement":"AB","x-ms-sevsnpvm-guestsvn":"1"}',
        b'{"x-ms-sevsnpvm-launchmeasurement":"' + b"ab" * 48 + b'","x-ms-sevsnpvm-guestsvn":"-1"}',
    ],
)
def test_payload_of_another_form(microsoft, payload):
    body = cbor2.loads(microsoft.endorse(SAID)[1:])
    raw = b"\xd2" + cbor2.dumps([body[0], {}, payload, body[3]])
    with pytest.raises(EvidenceRejected, match="is of another form"):
        read_endorsement(raw)


def test_entry_says_what_stays_open(microsoft):
    said = " ".join(left_open(policy(microsoft)))
    assert "Microsoft's utility VM runs the containers" in said
    assert f"utility VM endorsed by {microsoft.issuer}" in described(policy(microsoft))
