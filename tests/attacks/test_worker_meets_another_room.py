"""A worker is lured to a coordinator that is not the one it was launched for."""

import pytest

from cleanroom.attestation.collateral import Collateral
from cleanroom.crypto.signing import Ed25519Signer
from cleanroom.errors import (
    AppraisalFailed,
    ApprovalInvalid,
    ApprovalMissing,
    BindingMismatch,
    LogInconsistent,
    SignatureInvalid,
    StatementRejected,
)
from cleanroom.ledger.checkpoint import SIGNER_KID
from cleanroom.manifest.genesis import Genesis
from cleanroom.protocol.statement import verify_for_worker
from tests.support.manifests import NOW, approvals, good_manifest, party_block
from tests.support.platform import MEASUREMENT, simulated_platform
from tests.support.receipts import Draft, receipt_manifest, replaced, written_policy


def genesis():
    """What the worker was launched for."""
    return Genesis.of(receipt_manifest())


def statement(**changes):
    return Draft(**changes).receipt().statement


def met(shown, launched_for=None, nonce=None):
    """What the worker concludes from a statement."""
    return verify_for_worker(
        shown,
        launched_for or genesis(),
        nonce=nonce or shown.nonce,
        collateral=Collateral(),
        now=NOW,
    )


def guest(scenario="good", host_data=None, measurement=MEASUREMENT):
    host = host_data or genesis().digest
    return simulated_platform().attester(measurement, host, "Genoa", scenario)


def test_the_room_it_was_launched_for_is_taken():
    assert met(statement()).in_force.manifest == receipt_manifest()


def test_a_statement_made_for_another_workers_nonce():
    with pytest.raises(StatementRejected, match="not made for the nonce"):
        met(statement(), nonce=b"\x07" * 32)


def test_a_nonce_written_over_a_recorded_statement():
    fresh = b"\x07" * 32
    recorded = statement().model_copy(update={"nonce": fresh})
    with pytest.raises(BindingMismatch):
        met(recorded, nonce=fresh)


def test_a_manifest_of_the_attackers_own():
    mallory = {**party_block("shop", "Shop GmbH"), "name": "Mallory Ltd"}
    mallory["keys"] = [
        {**key, "public": party_block("mallory", "M")["keys"][place]["public"]}
        for place, key in enumerate(mallory["keys"])
    ]
    other = good_manifest(written_policy(), parties__shop=mallory)
    shown = statement(manifest=other, approvals=approvals(other, "bank"))
    with pytest.raises(StatementRejected, match="the genesis is"):
        met(shown)


def test_another_lineage():
    other = good_manifest(
        written_policy(), metadata__lineage="00000000-0000-4000-8000-000000000001"
    )
    with pytest.raises(StatementRejected, match="the genesis is"):
        met(statement(manifest=other))


@pytest.mark.parametrize("phase", ["waiting", "proposed"])
def test_a_room_that_is_not_in_force(phase):
    with pytest.raises(StatementRejected, match=f"the room is {phase}, expected active"):
        met(statement(change_statement=replaced(phase=phase)))


def test_a_room_that_says_it_is_active_without_every_approval():
    shown = statement(approvals=approvals(receipt_manifest(), "bank"))
    with pytest.raises(ApprovalMissing, match="missing is shop"):
        met(shown)


def test_a_room_whose_manifest_was_changed_after_it_was_approved():
    changed = good_manifest(written_policy(), computations__overlap__limits__max_runs=1_000)
    shown = statement(manifest=changed, approvals=approvals(receipt_manifest()))
    with pytest.raises(ApprovalInvalid, match="has manifest"):
        met(shown)


def test_a_coordinator_of_another_image():
    with pytest.raises(AppraisalFailed, match="measurement is"):
        met(statement(attester=guest(measurement=b"\x66" * 48)))


def test_a_coordinator_launched_for_another_room():
    with pytest.raises(AppraisalFailed, match="host data is"):
        met(statement(attester=guest(host_data=b"\x77" * 32)))


def test_a_coordinator_whose_memory_the_host_reads():
    with pytest.raises(AppraisalFailed, match="debug"):
        met(statement(attester=guest("debug")))


def test_a_seal_key_of_the_attackers_own_behind_true_evidence():
    shown = statement()
    with pytest.raises(BindingMismatch):
        met(shown.model_copy(update={"seal_key": b"\x01" * 1216}))


def test_a_log_head_that_another_key_signed():
    other = Draft(signer=Ed25519Signer(SIGNER_KID, b"\x09" * 32)).receipt().statement
    shown = statement(change_statement=replaced(checkpoint=other.checkpoint))
    with pytest.raises(SignatureInvalid):
        met(shown)


def test_a_log_of_another_lineage():
    shown = statement(change_head=replaced(lineage="00000000-0000-4000-8000-000000000001"))
    with pytest.raises(LogInconsistent, match="the log is of lineage"):
        met(shown)
