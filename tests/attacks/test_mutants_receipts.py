"""Each check of a receipt is taken away once: a forged one then verifies.

The forger is the strongest there is: it asks the true room for a statement with a nonce of its own,
and has the room's log or key wherever a story does not say otherwise.
"""

from types import SimpleNamespace

import pytest

from cleanroom.attestation.collateral import Collateral
from cleanroom.attestation.evidence import Evidence
from cleanroom.crypto.signing import Ed25519Signer
from cleanroom.errors import (
    AppraisalFailed,
    ApprovalMissing,
    BindingMismatch,
    LogInconsistent,
    ReceiptInvalid,
    SignatureInvalid,
    SimulationRefused,
    StatementRejected,
)
from cleanroom.ledger.checkpoint import SIGNER_KID
from cleanroom.manifest.approval import ApprovedManifest
from cleanroom.protocol.predicate import InTotoStatement, compose
from cleanroom.protocol.receipt import Receipt, sign_receipt, verify_receipt
from tests.attacks.test_mutants_agreement import whatever_it_says
from tests.support.breaches import Mutant, assert_gets_through, shown
from tests.support.manifests import approvals
from tests.support.mutants import hands_back, passes, returns
from tests.support.platform import BINDING, MEASUREMENT, simulated_platform
from tests.support.receipts import Draft, good_receipt, receipt_manifest, replaced

RECEIPT = "cleanroom.protocol.receipt"
STATEMENT = "cleanroom.protocol.statement"
OTHER = "sha256:" + "5" * 64


def proven(receipt: Receipt, *, allow_simulated: bool = True):
    return verify_receipt(
        receipt, receipt_manifest(), allow_simulated=allow_simulated, collateral=Collateral()
    )


class Recorded:
    """A machine of the attacker's choice that shows evidence of another conversation."""

    def collect(self, _binding: bytes) -> Evidence:
        genesis = Draft()._machine().host_data
        return simulated_platform().attester(MEASUREMENT, genesis).collect(BINDING)


def test_a_good_receipt_proves_its_run():
    assert proven(good_receipt()).predicate.run == "r-00000000000000aa"


def a_statement_that_was_made_for_something_else():
    receipt = Draft(change_statement=replaced(nonce=bytes(32))).receipt()
    with pytest.raises(StatementRejected, match="not made for the nonce"):
        proven(receipt)


def a_payload_that_the_room_did_not_sign():
    receipt = good_receipt()
    payload = compose(proven(receipt).predicate)
    forged = sign_receipt(payload, Ed25519Signer(SIGNER_KID, b"\x07" * 32))
    with pytest.raises(SignatureInvalid, match="does not verify"):
        proven(receipt.model_copy(update={"envelope": forged}))


def a_release_that_is_not_in_the_log():
    receipt = Draft(change_head=replaced(root=bytes(32))).receipt()
    with pytest.raises(LogInconsistent):
        proven(receipt)


def a_release_of_another_receipt():
    receipt = Draft(change_released=replaced(receipt=OTHER)).receipt()
    with pytest.raises(ReceiptInvalid, match="receipt in the log"):
        proven(receipt)


def outputs_that_were_not_released():
    receipt = Draft(
        change_released=lambda said: said.model_copy(update={"outputs": said.outputs[:1]})
    ).receipt()
    with pytest.raises(ReceiptInvalid, match="outputs in the log"):
        proven(receipt)


def subjects_that_are_not_the_outputs():
    receipt = Draft(
        change_payload=lambda said: said.model_copy(update={"subject": said.subject[:1]})
    ).receipt()
    with pytest.raises(ReceiptInvalid, match="subjects"):
        proven(receipt)


def a_worker_of_another_image():
    genesis = Draft()._machine().host_data
    patched = simulated_platform().attester(b"\x66" * 48, genesis)
    with pytest.raises(AppraisalFailed, match="measurement is"):
        proven(Draft(worker_attester=patched).receipt())


def a_worker_whose_evidence_names_other_keys():
    with pytest.raises(BindingMismatch, match="report data"):
        proven(Draft(worker_attester=Recorded()).receipt())


def workers_in_another_order():
    receipt = Draft(
        change_predicate=lambda said: said.model_copy(update={"workers": said.workers[::-1]})
    ).receipt()
    with pytest.raises(ReceiptInvalid, match="the workers of the receipt"):
        proven(receipt)


def simulation_that_is_called_hardware():
    receipt = Draft(change_predicate=replaced(assurance="hardware")).receipt()
    with pytest.raises(ReceiptInvalid, match="assurance"):
        proven(receipt)


def simulation_that_nobody_allowed():
    with pytest.raises(SimulationRefused, match="simulated platform"):
        proven(good_receipt(), allow_simulated=False)


def an_approval_that_is_missing():
    present = approvals(receipt_manifest(), "shop")
    with pytest.raises(ApprovalMissing, match="missing is bank"):
        proven(Draft(approvals=present).receipt())


def a_party_that_may_not_submit():
    with pytest.raises(ReceiptInvalid, match="may not submit"):
        proven(Draft(change_predicate=replaced(submitter="mallory")).receipt())


def a_run_beyond_its_limit():
    with pytest.raises(ReceiptInvalid, match="number 11 of 10"):
        proven(Draft(change_predicate=replaced(runs_used=11)).receipt())


def a_worker_of_another_role():
    with pytest.raises(ReceiptInvalid, match="worker's role"):
        proven(Draft(change_join=replaced(role="gpu")).receipt())


MUTANTS = [
    Mutant(f"{STATEMENT}:_fresh", hands_back(), a_statement_that_was_made_for_something_else),
    Mutant(f"{RECEIPT}:open_envelope", whatever_it_says, a_payload_that_the_room_did_not_sign),
    Mutant(f"{RECEIPT}:verify_inclusion", passes, a_release_that_is_not_in_the_log),
    Mutant(f"{RECEIPT}:compare", passes, a_release_of_another_receipt),
    Mutant(f"{RECEIPT}:compare", passes, outputs_that_were_not_released),
    Mutant(f"{RECEIPT}:_read", InTotoStatement.from_bytes, subjects_that_are_not_the_outputs),
    Mutant(
        f"{RECEIPT}:appraise_join",
        returns(SimpleNamespace(assurance="simulated", policy="worker-snp")),
        a_worker_of_another_image,
    ),
    Mutant(
        "cleanroom.attestation.verifier:check_binding",
        passes,
        a_worker_whose_evidence_names_other_keys,
    ),
    Mutant(f"{RECEIPT}:compare", passes, workers_in_another_order),
    Mutant(f"{RECEIPT}:compare", passes, simulation_that_is_called_hardware),
    Mutant(
        f"{RECEIPT}:permitted",
        lambda predicate, own: own.computations[predicate.computation],
        a_party_that_may_not_submit,
    ),
    Mutant(
        f"{RECEIPT}:permitted",
        lambda predicate, own: own.computations[predicate.computation],
        a_run_beyond_its_limit,
    ),
    Mutant(f"{RECEIPT}:of_role", passes, a_worker_of_another_role),
    Mutant(f"{STATEMENT}:_simulation_allowed", hands_back(), simulation_that_nobody_allowed),
    Mutant(
        f"{STATEMENT}:approve",
        lambda manifest, envelopes, _now: ApprovedManifest(manifest, tuple(envelopes)),
        an_approval_that_is_missing,
    ),
]


def test_a_worker_of_another_manifest_is_refused():
    """Its evidence covers the manifest that it joined under; the comparison stands by itself."""
    with pytest.raises(ReceiptInvalid, match="manifest of a worker"):
        proven(Draft(change_join=replaced(manifest=OTHER)).receipt())


@pytest.mark.parametrize("mutant", MUTANTS, ids=shown)
def test_a_forged_receipt_verifies_without_its_check(monkeypatch, mutant):
    assert_gets_through(monkeypatch, mutant)
