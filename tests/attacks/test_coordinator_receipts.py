"""Somebody shows a receipt that proves less than it says: forged, cut, mixed, or of a lying room."""

import pytest

from cleanroom.attestation.collateral import Collateral
from cleanroom.crypto.signing import Ed25519Signer
from cleanroom.encoding import content_digest
from cleanroom.errors import (
    AppraisalFailed,
    BindingMismatch,
    LogInconsistent,
    NotTrusted,
    ReceiptInvalid,
    SignatureInvalid,
    SimulationRefused,
    StatementRejected,
)
from cleanroom.ledger.checkpoint import SIGNER_KID
from cleanroom.ledger.entry import Entry
from cleanroom.protocol.predicate import InTotoStatement, compose
from cleanroom.protocol.receipt import Receipt, receipt_nonce, sign_receipt, verify_receipt
from enclave.coordinator.journal import Journal
from enclave.coordinator.statements import make_statement
from tests.support.platform import MEASUREMENT
from tests.support.rooms import clock, coordinator, room_manifest, room_platform


class Case:
    """Two honest receipts of one room, and the room's own keys: those of a room that lies."""

    def __init__(self, directory):
        self.manifest = room_manifest()
        with coordinator(directory, self.manifest) as room:
            bank, _ = room.fill()
            self.receipts = []
            with room.worker() as worker:
                for _ in range(2):
                    run = bank.submit().run
                    worker.finish(worker.next())
                    bank.watch(run)
                    worker.next()
                    raw = bank.receipt(run)
                    self.receipts.append(Receipt.from_bytes(raw))
            self.attester = room.platform.attester(MEASUREMENT, room.genesis.digest)
            genesis = room.genesis
        self.journal = Journal.open(directory, genesis, self.attester.derive_key, clock())

    @property
    def honest(self):
        return self.receipts[0]

    def predicate(self):
        return InTotoStatement.from_bytes(self.honest.envelope.payload).predicate

    def lied(self, statement, **changes):
        """A receipt around a statement of a room that uses its true keys to lie."""
        room, log = self.journal.room, self.journal.log
        proof = make_statement(
            receipt_nonce(statement.to_bytes()),
            room,
            log.head(),
            keys=self.journal.keys,
            attester=self.attester,
            collateral=Collateral(),
            now=self.predicate().released_at,
        )
        entry = Entry.from_bytes(self.honest.entry)
        parts = {
            "envelope": sign_receipt(statement, self.journal.keys.signer),
            "statement": proof,
            "inclusion": log.tree.inclusion(entry.sequence, log.tree.size),
        }
        return self.honest.model_copy(update=parts | changes)


@pytest.fixture(scope="module")
def case(tmp_path_factory):
    """One room for all stories."""
    made = Case(tmp_path_factory.mktemp("room"))
    yield made
    made.journal.close()


def verified(receipt, case, *, manifest=None, allow_simulated=True):
    return verify_receipt(
        receipt,
        manifest or case.manifest,
        allow_simulated=allow_simulated,
        collateral=Collateral(),
    )


def test_honest_receipts_verify(case):
    for number, receipt in enumerate(case.receipts, 1):
        assert verified(receipt, case).predicate.runs_used == number


def test_an_honest_receipt_verifies_around_a_later_head_as_well(case):
    statement = InTotoStatement.from_bytes(case.honest.envelope.payload)
    assert verified(case.lied(statement), case).predicate == case.predicate()


def test_a_simulated_receipt_is_not_taken_for_a_real_one(case):
    with pytest.raises(SimulationRefused):
        verified(case.honest, case, allow_simulated=False)


def test_a_receipt_for_another_manifest_is_refused(case):
    other = room_manifest(metadata__purpose="Something else.")
    with pytest.raises(StatementRejected, match="manifest"):
        verified(case.honest, case, manifest=other)


@pytest.mark.parametrize(
    "change",
    [
        {"runs_used": 2},
        {"submitter": "shop"},
        {"computation": "matches"},
        {"request": "sha256:" + "0a" * 32},
    ],
    ids=lambda change: next(iter(change)),
)
def test_a_changed_predicate_is_not_what_the_room_vouched_for(case, change):
    forged = compose(case.predicate().model_copy(update=change))
    envelope = sign_receipt(forged, Ed25519Signer.generate(SIGNER_KID))
    with pytest.raises(StatementRejected, match="nonce"):
        verified(case.honest.model_copy(update={"envelope": envelope}), case)


def test_a_receipt_signed_by_somebody_else_is_refused(case):
    statement = InTotoStatement.from_bytes(case.honest.envelope.payload)
    envelope = sign_receipt(statement, Ed25519Signer.generate(SIGNER_KID))
    with pytest.raises(SignatureInvalid):
        verified(case.honest.model_copy(update={"envelope": envelope}), case)


def test_subjects_other_than_the_outputs_are_refused(case):
    statement = InTotoStatement.from_bytes(case.honest.envelope.payload)
    other = [
        statement.subject[0].model_copy(update={"name": "size/somebody"}),
        *statement.subject[1:],
    ]
    with pytest.raises(ReceiptInvalid, match="subjects"):
        verified(case.lied(statement.model_copy(update={"subject": other})), case)


def test_the_statement_of_another_receipt_is_refused(case):
    swapped = case.honest.model_copy(update={"statement": case.receipts[1].statement})
    with pytest.raises(StatementRejected, match="nonce"):
        verified(swapped, case)


def test_a_statement_with_other_keys_inside_is_refused(case):
    keys = Ed25519Signer.generate(SIGNER_KID)
    bent = case.honest.statement.model_copy(update={"sign_key": keys.public_key})
    with pytest.raises(BindingMismatch):
        verified(case.honest.model_copy(update={"statement": bent}), case)


def test_the_release_of_another_run_is_refused(case):
    second = case.receipts[1]
    entry = Entry.from_bytes(second.entry)
    log = case.journal.log
    statement = InTotoStatement.from_bytes(case.honest.envelope.payload)
    mixed = case.lied(
        statement,
        entry=second.entry,
        inclusion=log.tree.inclusion(entry.sequence, log.tree.size),
    )
    with pytest.raises(ReceiptInvalid, match="run in the log"):
        verified(mixed, case)


def test_an_entry_that_is_no_release_is_refused(case):
    log = case.journal.log
    statement = InTotoStatement.from_bytes(case.honest.envelope.payload)
    mixed = case.lied(
        statement, entry=log.entries[0], inclusion=log.tree.inclusion(0, log.tree.size)
    )
    with pytest.raises(ReceiptInvalid, match="is a booted, expected run-released"):
        verified(mixed, case)


def test_an_entry_that_is_not_in_the_log_is_refused(case):
    entry = Entry.from_bytes(case.honest.entry)
    invented = entry.model_copy(update={"sequence": entry.sequence - 1})
    with pytest.raises(LogInconsistent):
        verified(case.honest.model_copy(update={"entry": invented.to_bytes()}), case)


def test_an_inclusion_proof_that_was_cut_is_refused(case):
    with pytest.raises(LogInconsistent):
        verified(case.honest.model_copy(update={"inclusion": []}), case)


@pytest.mark.parametrize(
    "change", [{"runs_used": 7}, {"request": content_digest(b"another")}], ids=str
)
def test_a_room_cannot_say_afterwards_what_it_did_not_log(case, change):
    """The room itself signs and attests another story; its own log contradicts it."""
    forged = compose(case.predicate().model_copy(update=change))
    with pytest.raises(ReceiptInvalid, match="receipt in the log"):
        verified(case.lied(forged), case)


@pytest.mark.parametrize("change", [{"parameters": {"limit": 5}}, {"engine": "ray"}], ids=str)
def test_a_room_cannot_say_what_the_manifest_does_not_allow(case, change):
    forged = compose(case.predicate().model_copy(update=change))
    with pytest.raises(ReceiptInvalid, match=next(iter(change))):
        verified(case.lied(forged), case)


def test_outputs_that_the_log_does_not_name_are_refused(case):
    output = case.predicate().outputs[0].model_copy(update={"digest": content_digest(b"other")})
    outputs = [output, *case.predicate().outputs[1:]]
    forged = compose(case.predicate().model_copy(update={"outputs": outputs}))
    with pytest.raises(ReceiptInvalid, match="outputs in the log"):
        verified(case.lied(forged), case)


def test_other_approvals_than_the_rooms_are_refused(case):
    forged = compose(case.predicate().model_copy(update={"approvals": content_digest(b"none")}))
    with pytest.raises(ReceiptInvalid, match="approvals"):
        verified(case.lied(forged), case)


def test_a_receipt_without_its_workers_is_refused(case):
    stranger = case.honest.joins[0].model_copy(update={"node_ip": "10.0.0.9"})
    with pytest.raises(ReceiptInvalid, match="workers"):
        verified(case.honest.model_copy(update={"joins": [stranger]}), case)
    with pytest.raises(ReceiptInvalid, match="workers"):
        verified(case.honest.model_copy(update={"joins": case.honest.joins * 2}), case)


def test_no_part_of_a_receipt_can_be_another_rooms(case, tmp_path):
    foreign = Case(tmp_path)
    try:
        for part in ("envelope", "entry", "inclusion", "joins", "statement"):
            mixed = case.honest.model_copy(update={part: getattr(foreign.honest, part)})
            if part == "inclusion" and mixed == case.honest:
                continue
            with pytest.raises(NotTrusted):
                verified(mixed, case)
    finally:
        foreign.journal.close()


def test_evidence_of_another_image_in_a_join_is_refused(case):
    """A room that lies shows a worker whose evidence was made for other code."""
    from cleanroom.protocol.join import join_binding

    join = case.honest.joins[0]
    genesis = case.journal.room.genesis.digest
    other = room_platform().attester(b"\xee" * 48, genesis)
    bent = join.model_copy(update={"evidence": other.collect(join_binding(join))})
    workers = [case.predicate().workers[0].model_copy(update={"join": bent.digest})]
    forged = compose(case.predicate().model_copy(update={"workers": workers}))
    with pytest.raises((AppraisalFailed, ReceiptInvalid)):
        verified(case.lied(forged, joins=[bent]), case)
