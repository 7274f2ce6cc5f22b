"""What a host would try with the parts of evidence: leave out, add, exchange, borrow, replay."""

import pytest

from cleanroom.attestation.binding import bind
from cleanroom.errors import BindingMismatch, EvidenceRejected, RecordMalformed
from cleanroom.protocol.join import Join
from enclave.attester.composite import CompositeAttester
from tests.support.mutants import assert_mutant_is_caught, hands_back, passes, returns
from tests.support.nvidia import board, gpu_evidence, guest_with
from tests.support.nvidia import verified_whole as verified
from tests.support.platform import BINDING, good_attester, good_evidence

OTHER = bind("cleanroom/test/v1", b"another conversation")
MODULE = "cleanroom.attestation.composite"
VERIFIER = "cleanroom.attestation.verifier"


def with_devices(evidence, attached):
    return evidence.model_copy(update={"attached": list(attached)})


def test_host_leaves_a_gpu_out():
    evidence = guest_with(gpus=2).collect(BINDING)
    with pytest.raises(BindingMismatch):
        verified(with_devices(evidence, evidence.attached[:1]))


def test_host_leaves_every_gpu_out():
    evidence = guest_with(gpus=2).collect(BINDING)
    with pytest.raises(BindingMismatch):
        verified(with_devices(evidence, []))


def test_host_adds_a_gpu_to_a_guest_without_one():
    """The GPU even answers the right nonce: the guest never vouched for it."""
    lent = guest_with(gpus=1).collect(BINDING).attached
    with pytest.raises(BindingMismatch):
        verified(with_devices(good_evidence(), lent))


def test_host_turns_two_gpus_around():
    evidence = guest_with(gpus=2).collect(BINDING)
    with pytest.raises(BindingMismatch):
        verified(with_devices(evidence, reversed(evidence.attached)))


def test_gpu_of_another_guest_is_borrowed():
    """Its evidence is of this conversation, but the other guest's report vouches for it."""
    own, other = guest_with(gpus=1), guest_with(gpus=1, which=1)
    borrowed = with_devices(own.collect(BINDING), other.collect(BINDING).attached)
    with pytest.raises(BindingMismatch):
        verified(borrowed)


def test_gpu_evidence_replayed_from_another_conversation():
    """A guest that vouches for old evidence of a GPU: the GPU's own nonce tells."""
    old = guest_with(gpus=1).collect(OTHER).attached[0]
    with pytest.raises(BindingMismatch):
        verified(CompositeAttester(good_attester(), [Replayed(old)]).collect(BINDING))


def test_gpu_answers_a_nonce_of_its_own():
    with pytest.raises(BindingMismatch):
        verified(guest_with(gpus=1, scenario="wrong-nonce").collect(BINDING))


def test_whole_evidence_replayed_from_another_conversation():
    with pytest.raises(BindingMismatch):
        verified(guest_with(gpus=1).collect(OTHER))


def test_one_gpu_is_counted_twice():
    """It can sign both nonces, so it is told by its key."""
    guest = CompositeAttester(good_attester(), board().devices(gpus=1) * 2)
    with pytest.raises(EvidenceRejected, match="there twice, expected each once"):
        verified(guest.collect(BINDING))


def test_gpu_without_a_guest_joins():
    """Keys would then be held by a machine that hides nothing."""
    join = {"kind": "join", "evidence": gpu_evidence().to_plain()}
    with pytest.raises(RecordMalformed):
        Join.from_plain(join)


def test_forged_gpu_beside_a_genuine_guest():
    with pytest.raises(EvidenceRejected, match="signature of the measurements"):
        verified(guest_with(gpus=1, scenario="stolen-chain").collect(BINDING))


class Replayed:
    """A device that always answers the same."""

    kind = "nvidia-gpu"

    def __init__(self, evidence):
        self.evidence = evidence

    def collect(self, _nonce):
        return self.evidence


@pytest.mark.parametrize(
    ("check", "replacement", "attack"),
    [
        (f"{VERIFIER}:machine_binding", hands_back(0), test_host_adds_a_gpu_to_a_guest_without_one),
        (f"{VERIFIER}:check_binding", passes, test_gpu_of_another_guest_is_borrowed),
        (f"{MODULE}:check_binding", passes, test_gpu_answers_a_nonce_of_its_own),
        (f"{MODULE}:check_binding", passes, test_gpu_evidence_replayed_from_another_conversation),
        (f"{VERIFIER}:verify_attached", returns([]), test_forged_gpu_beside_a_genuine_guest),
    ],
)
def test_attack_gets_through_without_its_check(monkeypatch, check, replacement, attack):
    assert_mutant_is_caught(monkeypatch, check, replacement, attack)
