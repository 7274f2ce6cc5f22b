"""A machine and its devices: how they are bound, verified and appraised together."""

import pytest

from cleanroom.attestation.anchors import Anchors
from cleanroom.attestation.appraisal import appraise
from cleanroom.attestation.binding import bind
from cleanroom.attestation.collateral import Collateral
from cleanroom.attestation.composite import device_nonce, machine_binding
from cleanroom.attestation.devices import DEVICES, asked_of
from cleanroom.attestation.evidence import Evidence
from cleanroom.attestation.explain import described, left_open
from cleanroom.attestation.policy import NitroPolicy, SevSnpPolicy
from cleanroom.attestation.policy.devices import AttachedDevices
from cleanroom.attestation.result import AttestationResult
from cleanroom.attestation.table import PLATFORMS
from cleanroom.attestation.verifier import verify
from cleanroom.attestation.words.devices import HINTS
from cleanroom.encoding import raw_digest
from cleanroom.errors import (
    AppraisalFailed,
    EvidenceRejected,
    ManifestRule,
    NotCanonical,
    RecordMalformed,
)
from cleanroom.manifest.schema import leaves
from cleanroom.protocol.join import Join, join_binding
from enclave.attester.composite import CompositeAttester
from tests.support.nitro_cca import nitro_policy
from tests.support.nvidia import board, board_anchors, failing, guest_with, policy_with
from tests.support.nvidia import verified_whole as verified
from tests.support.platform import (
    BINDING,
    GENESIS,
    MEASUREMENT,
    NOW,
    good_evidence,
    good_policy,
    good_tdx_policy,
    simulated_platform,
    simulated_tdx,
)


def appraised(evidence, policy):
    return appraise(verified(evidence), {"guest": policy}, genesis=GENESIS, now=NOW)


def asked_plain(**changed):
    plain = board().policy().to_plain()
    return plain | changed


def gpus_plain(**changed):
    plain = board().policy().to_plain()["gpus"]
    return {"count": 1, "policy": plain["policy"] | changed}


def test_guest_with_gpus_and_switches_holds_whole():
    evidence = guest_with(gpus=8, switches=4).collect(BINDING)
    result = appraised(evidence, policy_with(gpus=8, switches=4))
    assert [one.platform for one in result.claims.attached] == (
        ["nvidia-gpu"] * 8 + ["nvidia-switch"] * 4
    )
    assert result.evidence == evidence.digest
    assert AttestationResult.from_bytes(result.to_bytes()) == result


def test_tdx_guest_with_a_gpu():
    guest = CompositeAttester(simulated_tdx().attester(MEASUREMENT, GENESIS), board().devices())
    policy = good_tdx_policy(devices=board().policy().to_plain())
    claims = verify(
        guest.collect(BINDING),
        binding=BINDING,
        anchors=Anchors.of([policy]),
        collateral=Collateral(),
        now=NOW,
    )
    assert failing(claims, policy) == set()
    assert len(claims.attached) == 1


def test_nonces_follow_the_specification():
    evidence = guest_with(gpus=2).collect(BINDING)
    claims = verified(evidence)
    digests = [raw_digest(one.digest) for one in evidence.attached]
    assert claims.report_data == bind("cleanroom/composite/v1", BINDING, *digests).hex()
    for at, one in enumerate(claims.attached):
        assert one.report_data == device_nonce(BINDING, "nvidia-gpu", at).hex()


def test_nonce_is_of_one_conversation_kind_and_place():
    others = [
        device_nonce(bind("cleanroom/test/v1", b"another"), "nvidia-gpu", 0),
        device_nonce(BINDING, "nvidia-switch", 0),
        device_nonce(BINDING, "nvidia-gpu", 1),
    ]
    assert len({device_nonce(BINDING, "nvidia-gpu", 0), *others}) == 4


def test_join_carries_devices_without_a_field_of_its_own():
    join = Join(
        role="worker",
        manifest="sha256:" + "0" * 64,
        worker_nonce=bytes(32),
        room_nonce=bytes(32),
        node_ip="127.0.0.1",
        seal_key=bytes(1216),
        sign_key=bytes(32),
        evidence=good_evidence(),
    )
    binding = join_binding(join)
    sent = join.model_copy(update={"evidence": guest_with(gpus=2).collect(binding)})
    received = Join.from_bytes(sent.to_bytes())
    assert len(verified(received.evidence, join_binding(received)).attached) == 2


def test_machine_without_devices_is_as_ever():
    evidence = good_evidence()
    assert machine_binding(BINDING, []) == BINDING
    assert b"attached" not in evidence.to_bytes()
    assert b"attached" not in verified(evidence).to_bytes()
    assert b"devices" not in good_policy().to_bytes()
    assert guest_with(gpus=0).collect(BINDING).attached == []


def test_empty_list_of_devices_is_not_written():
    raw = good_evidence().to_bytes().replace(b'{"endorsements"', b'{"attached":[],"endorsements"')
    with pytest.raises(NotCanonical):
        Evidence.from_bytes(raw)


def test_composite_attester_is_its_machine():
    guest, machine = guest_with(), simulated_platform().attester(MEASUREMENT, GENESIS)
    assert (guest.measurement, guest.host_data) == (machine.measurement, machine.host_data)
    assert guest.derive_key(b"context") == machine.derive_key(b"context")


@pytest.mark.parametrize(
    ("guest", "policy", "codes"),
    [
        ((1, 0), (1, 0), set()),
        ((2, 0), (1, 0), {"devices-gpus"}),
        ((1, 0), (2, 0), {"devices-gpus"}),
        ((0, 0), (1, 0), {"devices-gpus"}),
        ((2, 2), (2, 2), set()),
        ((2, 1), (2, 2), {"devices-switches"}),
        ((2, 2), (2, 0), {"devices-switches", "nvidia-gpu-mode"}),
    ],
)
def test_counts_are_exact(guest, policy, codes):
    claims = verified(guest_with(*guest).collect(BINDING))
    assert failing(claims, policy_with(*policy)) == codes


def test_devices_that_nobody_asked_for_are_a_finding():
    claims = verified(guest_with(gpus=1).collect(BINDING))
    assert failing(claims, good_policy()) == {"devices-unasked"}


def test_bad_gpu_spoils_the_entry_of_a_good_machine():
    evidence = guest_with(gpus=2, scenario="debug").collect(BINDING)
    with pytest.raises(AppraisalFailed, match="GPU 0 measurement 9 is") as refused:
        appraised(evidence, policy_with(gpus=2))
    assert refused.value.hint == HINTS["nvidia-gpu-measurement"]


def test_gpu_of_one_entry_never_excuses_another():
    """A debug GPU that one entry would accept, beside a machine that only the other accepts."""
    lax = board().policy().to_plain()
    lax["gpus"]["policy"]["measurements"] |= {"9": "any", "11": "any"}
    other_image = good_policy(measurements=["ab" * 48], devices=lax)
    policies = {"strict": policy_with(), "lax": other_image}
    claims = verified(guest_with(scenario="debug").collect(BINDING))
    with pytest.raises(AppraisalFailed, match="does not meet attestation policy"):
        appraise(claims, policies, genesis=GENESIS, now=NOW)


@pytest.mark.parametrize("which", [0, 2])
def test_link_to_a_device_that_is_not_attested_is_a_finding(which):
    """Either a GPU names a strange switch, or a switch names a strange GPU."""
    devices = board().devices(gpus=2, switches=1)
    good = devices[which]
    devices[which] = board().device(good.kind, good.index, "stranger", good.linked.others)
    guest = CompositeAttester(simulated_platform().attester(MEASUREMENT, GENESIS), devices)
    claims = verified(guest.collect(BINDING))
    assert failing(claims, policy_with(gpus=2, switches=1)) == {"devices-links"}


def test_gpu_without_links_is_no_part_of_a_board():
    devices = board().devices(gpus=2, switches=1)
    devices[1] = board().device("nvidia-gpu", 1)
    guest = CompositeAttester(simulated_platform().attester(MEASUREMENT, GENESIS), devices)
    claims = verified(guest.collect(BINDING))
    codes = failing(claims, policy_with(gpus=2, switches=1))
    assert codes == {"devices-links", "nvidia-gpu-mode"}


def test_open_links_need_switches_in_the_policy():
    with pytest.raises(RecordMalformed, match="no switches are asked for"):
        AttachedDevices.from_plain({"gpus": gpus_plain(modes=["protected-pcie"])})


def test_simulated_devices_and_real_machines_do_not_mix():
    with pytest.raises(RecordMalformed, match="mixes simulated devices with real machines"):
        good_policy(development_roots=None, devices=asked_plain())
    with pytest.raises(RecordMalformed, match="mixes simulated devices with real machines"):
        good_policy(devices={"gpus": gpus_plain(development_roots=None)})


def test_anchors_hold_the_roots_of_devices():
    anchors = Anchors.of([policy_with()])
    assert anchors == board_anchors()
    with pytest.raises(ManifestRule, match="mix development_roots with real hardware"):
        Anchors.of([policy_with(), good_policy(development_roots=None)])


def test_root_of_the_machine_vouches_for_no_device():
    pinned = {"gpus": gpus_plain(development_roots=[simulated_platform().root_fingerprint])}
    claims = verified(guest_with().collect(BINDING))
    assert failing(claims, good_policy(devices=pinned)) == {"nvidia-gpu-assurance"}


def test_only_machines_with_devices_have_the_field():
    having = {name for name, row in PLATFORMS.items() if "devices" in row.policy.model_fields}
    assert having == {"sev-snp", "tdx", "azure-snp", "azure-tdx"}
    assert asked_of(nitro_policy()) is None
    with pytest.raises(RecordMalformed):
        NitroPolicy.from_plain(nitro_policy().to_plain() | {"devices": asked_plain()})


def test_device_alone_is_no_machine():
    assert not DEVICES.keys() & PLATFORMS.keys()
    device = guest_with().collect(BINDING).attached[0]
    with pytest.raises(RecordMalformed):
        Evidence.from_bytes(device.to_bytes())
    with pytest.raises(RecordMalformed):
        SevSnpPolicy.from_plain(board().policy().gpus.policy.to_plain())
    assert any(leaf.startswith("attestation.*.devices.gpus.policy.") for leaf in leaves())


def test_device_has_no_devices_of_its_own():
    evidence = guest_with().collect(BINDING)
    plain = evidence.to_plain()
    plain["attached"][0]["attached"] = []
    with pytest.raises(RecordMalformed):
        Evidence.from_plain(plain)


def test_entry_with_devices_is_told_in_words():
    said = described(policy_with(gpus=8, switches=4))
    assert "exactly 8 GPU of NVIDIA: hopper" in said
    assert "exactly 4 NVSwitch of NVIDIA: ls10" in said
    assert any("drivers: 590.12" in line for line in said)
    opened = "\n".join(left_open(policy_with(gpus=8, switches=4)))
    for words in ("bus", "OCSP", "developer tools", "any GPU", "protected-pcie", "any switch"):
        assert words in opened
    assert "OCSP" not in "\n".join(left_open(good_policy()))


def test_closed_entry_leaves_less_open():
    listed = board().policy().to_plain()
    listed["gpus"]["policy"] |= {"device_ids": ["sha256:" + "0" * 64]}
    strict = "\n".join(left_open(good_policy(devices=listed)))
    listed["gpus"]["policy"] |= {
        "drivers": "any",
        "modes": ["unsaid"],
        "measurements": {"1": "any"},
    }
    lax = "\n".join(left_open(good_policy(devices=listed)))
    for words in ("of any version", "older firmware", "at these indexes"):
        assert words in lax
        assert words not in strict
    assert "any GPU of the listed kind" not in lax


def test_every_finding_about_devices_has_a_hint():
    evidence = guest_with(gpus=2, switches=1).collect(BINDING)
    findings = appraised(evidence, policy_with(gpus=2, switches=1)).findings
    codes = {one.code for one in findings if one.code.startswith(("devices-", "nvidia-"))}
    shown_only = {code for code in codes if code.endswith("-unnamed-fields")}
    assert codes - shown_only <= HINTS.keys()
    others = {code for row in PLATFORMS.values() for code in row.hints}
    assert not HINTS.keys() & others


def test_identity_is_affirmed_only_where_machine_and_devices_are_listed():
    claims = verified(guest_with().collect(BINDING))
    gpu = [claims.attached[0].device_id]
    for chips, ids, identity in (
        ("any", gpu, 0),
        ([claims.chip_id], "any", 0),
        ([claims.chip_id], gpu, 2),
    ):
        policy = good_policy(chip_ids=chips, devices={"gpus": gpus_plain(device_ids=ids)})
        result = appraise(claims, {"guest": policy}, genesis=GENESIS, now=NOW)
        assert result.trust_vector.instance_identity == identity


def test_same_device_twice_is_refused():
    devices = board().devices(gpus=1) * 2
    guest = CompositeAttester(simulated_platform().attester(MEASUREMENT, GENESIS), devices)
    with pytest.raises(EvidenceRejected, match="there twice, expected each once"):
        verified(guest.collect(BINDING))
