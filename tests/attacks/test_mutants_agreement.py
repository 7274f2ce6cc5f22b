"""Each check of manifest, approvals, statement and log is taken away: somebody else's room opens."""

import pytest

from cleanroom.attestation.collateral import Collateral
from cleanroom.crypto.signing import Ed25519Signer
from cleanroom.errors import ManifestOutdated, SignatureInvalid, StatementRejected
from cleanroom.ledger.checkpoint import SIGNER_KID
from cleanroom.manifest.genesis import Genesis
from cleanroom.protocol.statement import verify_for_worker
from cleanroom.wire.channels import bootstrap
from tests.attacks import test_client_meets_another_room as client
from tests.attacks import test_manifest_approvals as approving
from tests.attacks import test_worker_meets_another_room as worker
from tests.support.breaches import Mutant, assert_gets_through, shown
from tests.support.hostile_room import HostileRoom, simulated_manifest
from tests.support.manifests import NOW, approvals, good_manifest
from tests.support.mutants import hands_back, passes, returns
from tests.support.receipts import receipt_manifest, replaced, written_policy

APPROVAL = "cleanroom.manifest.approval"
STATEMENT = "cleanroom.protocol.statement"
CHECKPOINT = "cleanroom.ledger.checkpoint"


def whatever_it_says(envelope, _payload_type, _keys):
    """An envelope is opened without looking at its signature."""
    return envelope.payload, envelope.signatures[0].keyid


def another_lineage_on_a_machine_that_was_launched_for_ours():
    """Whoever launches a guest writes its host data: the statement's own words must fit as well."""
    other = good_manifest(
        written_policy(), metadata__lineage="00000000-0000-4000-8000-000000000001"
    )
    with pytest.raises(StatementRejected, match="the genesis is"):
        worker.met(worker.statement(manifest=other, attester=worker.guest()))


def a_log_head_of_another_key_in_a_true_statement():
    other = Ed25519Signer(SIGNER_KID, b"\x09" * 32)
    forged = worker.Draft(signer=other).receipt().statement.checkpoint
    with pytest.raises(SignatureInvalid, match="checkpoint"):
        worker.met(worker.statement(change_statement=replaced(checkpoint=forged)))


def a_manifest_that_ended_before_its_approvals():
    manifest, summer = receipt_manifest(), NOW.replace(month=6)
    shown = worker.statement(approvals=approvals(manifest, not_after=NOW.replace(month=9)))
    with pytest.raises(ManifestOutdated, match="held until"):
        verify_for_worker(
            shown,
            Genesis.of(manifest),
            nonce=shown.nonce,
            collateral=Collateral(),
            now=summer,
        )


MUTANTS = [
    # approvals
    Mutant(
        f"{APPROVAL}:open_envelope",
        whatever_it_says,
        approving.test_bank_signs_under_the_name_of_the_shops_key,
    ),
    Mutant(
        f"{APPROVAL}:_kid_of",
        returns("bank-approve"),
        approving.test_bank_signs_in_the_name_of_the_shop_with_its_own_key_name,
    ),
    Mutant(
        f"{APPROVAL}:_approve_keys",
        lambda manifest: {
            kid: key
            for party in manifest.parties
            for use in ("approve", "submit", "provide")
            for kid, key in manifest.verify_keys(party, use).items()
        },
        approving.test_stolen_key_of_another_use_cannot_approve,
        {"use": "submit"},
        second="ApprovalInvalid",  # the key is not the party's approve key
    ),
    Mutant(f"{APPROVAL}:_unexpired", hands_back(), approving.test_expired_approval_is_replayed),
    Mutant(
        f"{STATEMENT}:approve",
        lambda manifest, envelopes, _now: approving_anyway(manifest, envelopes),
        worker.test_a_room_that_says_it_is_active_without_every_approval,
    ),
    # the statement, as a worker meets it
    Mutant(
        f"{STATEMENT}:_fresh",
        hands_back(),
        worker.test_a_statement_made_for_another_workers_nonce,
    ),
    Mutant(
        f"{STATEMENT}:_same_genesis",
        hands_back(1),
        another_lineage_on_a_machine_that_was_launched_for_ours,
        second="LogInconsistent",  # its log is of the other lineage
    ),
    Mutant(
        f"{STATEMENT}:_same_genesis",
        hands_back(1),
        worker.test_another_lineage,
        second="AppraisalFailed",  # host data is the other genesis
    ),
    Mutant(
        "cleanroom.attestation.verifier:check_binding",
        passes,
        worker.test_a_nonce_written_over_a_recorded_statement,
    ),
    Mutant(
        "cleanroom.attestation.verifier:check_binding",
        passes,
        worker.test_a_seal_key_of_the_attackers_own_behind_true_evidence,
    ),
    Mutant(f"{STATEMENT}:in_force", hands_back(), a_manifest_that_ended_before_its_approvals),
    Mutant(
        f"{CHECKPOINT}:open_envelope",
        whatever_it_says,
        a_log_head_of_another_key_in_a_true_statement,
    ),
    Mutant(f"{STATEMENT}:_extended", hands_back(), worker.test_a_log_of_another_lineage),
]

AT_THE_DOOR = [
    Mutant(
        f"{STATEMENT}:_simulation_allowed",
        hands_back(),
        client.test_a_simulated_room_that_nobody_allowed,
    ),
    Mutant(
        f"{STATEMENT}:_simulation_allowed",
        hands_back(),
        client.test_simulation_is_not_allowed_unless_it_is_said,
    ),
    Mutant(f"{STATEMENT}:_fresh", hands_back(), client.test_a_statement_made_for_an_older_nonce),
    Mutant(
        f"{STATEMENT}:_same_genesis",
        hands_back(1),
        client.test_a_room_born_from_other_approve_keys,
        second="AppraisalFailed",  # host data is the other genesis
    ),
    Mutant(
        f"{STATEMENT}:in_force",
        hands_back(),
        client.test_a_manifest_whose_time_is_over,
        second="ApprovalInvalid",  # the approvals are over as well
    ),
    Mutant(
        f"{CHECKPOINT}:verify_consistency",
        passes,
        client.test_a_log_that_was_rolled_back,
        second="LogInconsistent",  # a shorter head never replaces the one that is kept
    ),
    Mutant(f"{CHECKPOINT}:verify_consistency", passes, client.test_a_log_that_was_forked),
    Mutant(
        f"{CHECKPOINT}:verify_consistency",
        passes,
        client.test_a_log_of_the_same_length_with_another_entry,
    ),
    Mutant(
        "cleanroom.client.transport:attested",
        lambda address, _root: bootstrap(address),
        client.test_the_statement_of_the_true_room_relayed_by_somebody_in_between,
        second="CallerRefused",  # the proof of who calls is bound to the true room's key
    ),
]
"""Those that are told by a client in front of a room that lies."""


def approving_anyway(manifest, envelopes):
    from cleanroom.manifest.approval import ApprovedManifest

    return ApprovedManifest(manifest, tuple(envelopes))


@pytest.mark.parametrize("mutant", MUTANTS, ids=shown)
def test_an_agreement_is_broken_without_its_check(monkeypatch, mutant):
    assert_gets_through(monkeypatch, mutant)


@pytest.fixture(scope="module")
def manifest():
    return simulated_manifest()


@pytest.mark.parametrize("mutant", AT_THE_DOOR, ids=shown)
def test_a_client_enters_another_room_without_its_check(
    monkeypatch, mutant, manifest, tmp_path_factory
):
    def story():
        needed = mutant.story.__code__.co_varnames[: mutant.story.__code__.co_argcount]
        made = {
            "room": HostileRoom(manifest),
            "manifest": manifest,
            "tmp_path": tmp_path_factory.mktemp("party"),
        }
        mutant.story(**{name: made[name] for name in needed})

    assert_gets_through(monkeypatch, mutant, story)
