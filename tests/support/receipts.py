"""Receipts without a running room: a whole one is composed, and any part of it can be bent.

`good_receipt()` is what a room would issue for one run of `overlap` on two workers. `Draft` makes
the parts in their order; a test that overrides a part gets a receipt in which everything after it
is made honestly for the altered part, by the room's own keys: the strongest forger.
"""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta
from functools import cache
from typing import Any

from cleanroom.attestation.result import AttestationResult
from cleanroom.crypto.certificates import new_authority, new_private_key
from cleanroom.crypto.envelope import Envelope
from cleanroom.crypto.sealing import Unsealer
from cleanroom.crypto.signing import Ed25519Signer
from cleanroom.encoding import content_digest
from cleanroom.ledger.checkpoint import SIGNER_KID, LogHead, sign_checkpoint
from cleanroom.ledger.entry import Booted, Entry, OutputRecord, RunReleased
from cleanroom.ledger.tree import Tree
from cleanroom.manifest.approval import approvals_digest
from cleanroom.manifest.genesis import Genesis
from cleanroom.manifest.model import Manifest
from cleanroom.protocol.join import Join, join_binding
from cleanroom.protocol.predicate import InputPart, InTotoStatement, Predicate, WorkerPart, compose
from cleanroom.protocol.reattestation import Reattested, reattest_binding
from cleanroom.protocol.receipt import Receipt, receipt_nonce, sign_receipt
from cleanroom.protocol.statement import Statement, statement_binding
from enclave.attester.simulated import SimulatedAttester
from tests.support.manifests import NOW, approvals, good_manifest
from tests.support.platform import (
    BINDING,
    MEASUREMENT,
    good_policy,
    good_result,
    simulated_platform,
)
from tests.support.signed_values import naming, signed_values

RUN = "r-00000000000000aa"
ENTRIES_BEFORE, ENTRIES_AFTER = 5, 3
"""The release stands in the middle of a log."""


def _seed(*words: str) -> bytes:
    return hashlib.sha512("/".join(("receipt tests", *words)).encode()).digest()


def room_signer() -> Ed25519Signer:
    """The room's signing key; always the same."""
    return Ed25519Signer(SIGNER_KID, _seed("room")[:32])


@cache
def _seal_key(of: str) -> bytes:
    return bytes(Unsealer(_seed(of) + _seed(of, "x")[:32]).public_key)


@cache
def _authority() -> bytes:
    return new_authority("room", new_private_key(), NOW, timedelta(days=365))


def written_policy() -> dict[str, Any]:
    """The entry for the simulated machine as authors write it: defaults left out."""
    return good_policy().model_dump(mode="json", exclude_unset=True)


@cache
def receipt_manifest() -> Manifest:
    """The good manifest for the simulated machine."""
    return good_manifest(written_policy())


def _result(join: Join, again: Reattested | None) -> AttestationResult:
    """What the room wrote down about the worker, whatever its machine."""
    newest = (join if again is None else again).evidence
    return good_result().model_copy(update={"evidence": newest.digest})


@dataclass
class Draft:
    """The parts of a receipt before they are made; each change is a function of the honest part."""

    manifest: Manifest = field(default_factory=receipt_manifest)
    attester: SimulatedAttester | None = None
    """The coordinator's machine; a good guest of this room by default."""
    worker_attester: SimulatedAttester | None = None
    approvals: list[Envelope] | None = None
    reference_values: list[Envelope] = field(default_factory=list)
    """What the room shows of the builders."""
    signer: Ed25519Signer = field(default_factory=room_signer)
    change_join: Callable[[Join], Join] = lambda join: join
    """Before its evidence is collected."""
    reattested: bool = False
    """Whether the workers were asked for fresh evidence since they joined."""
    change_reattested: Callable[[Reattested], Reattested] = lambda shown: shown
    """After its evidence was collected."""
    change_predicate: Callable[[Predicate], Predicate] = lambda predicate: predicate
    change_payload: Callable[[InTotoStatement], InTotoStatement] = lambda payload: payload
    change_released: Callable[[RunReleased], RunReleased] = lambda released: released
    change_head: Callable[[LogHead], LogHead] = lambda head: head
    change_statement: Callable[[Statement], Statement] = lambda statement: statement
    """Before its evidence is collected."""

    def receipt(self) -> Receipt:
        """The receipt of this draft."""
        joins = [self._join(number) for number in (1, 2)]
        signed = approvals(self.manifest) if self.approvals is None else self.approvals
        shown = [self._reattested(join) for join in joins] if self.reattested else [None, None]
        predicate = self.change_predicate(self._predicate(joins, shown, signed))
        envelope = sign_receipt(self.change_payload(compose(predicate)), self.signer)
        tree, entry = self._log(predicate, envelope)
        statement = self._statement(signed, tree, envelope)
        return Receipt(
            envelope=envelope,
            entry=entry.to_bytes(),
            inclusion=tree.inclusion(entry.sequence, tree.size),
            joins=joins,
            reattested=[one for one in shown if one is not None],
            results=[_result(*pair) for pair in zip(joins, shown, strict=True)],
            statement=statement,
        )

    def _machine(self) -> SimulatedAttester:
        return simulated_platform().attester(MEASUREMENT, Genesis.of(self.manifest).digest)

    def _join(self, number: int) -> Join:
        machine = self.worker_attester or self._machine()
        bare = Join(
            role="cpu",
            manifest=self.manifest.digest,
            worker_nonce=bytes([number]) * 32,
            room_nonce=bytes([16 + number]) * 32,
            node_ip=f"127.0.0.{number}",
            seal_key=_seal_key(f"worker {number}"),
            sign_key=bytes(Ed25519Signer("worker-sign", _seed(str(number))[:32]).public_key),
            evidence=machine.collect(BINDING),
        )
        joined = self.change_join(bare)
        return joined.model_copy(update={"evidence": machine.collect(join_binding(joined))})

    def _reattested(self, join: Join) -> Reattested:
        machine = self.worker_attester or self._machine()
        nonce = hashlib.sha256(join.worker_nonce).digest()
        evidence = machine.collect(reattest_binding(nonce, join.digest))
        return self.change_reattested(Reattested(nonce=nonce, evidence=evidence))

    def _predicate(
        self, joins: list[Join], shown: list[Reattested | None], signed: list[Envelope]
    ) -> Predicate:
        manifest = self.manifest
        inputs = manifest.computations["overlap"].inputs
        return Predicate(
            lineage=manifest.metadata.lineage,
            manifest=manifest.digest,
            approvals=approvals_digest(signed),
            run=RUN,
            computation="overlap",
            submitter="bank",
            request=content_digest(b"request"),
            parameters={},
            engine="ray",
            inputs={
                name: InputPart(
                    dataset=given.dataset,
                    owner=manifest.datasets[given.dataset].owner,
                    version=content_digest(name.encode()),
                    columns=given.columns,
                )
                for name, given in inputs.items()
            },
            workers=[
                WorkerPart(
                    instance=f"w-{number:016x}",
                    join=join.digest,
                    reattested=None if again is None else again.digest,
                    policy="worker-snp",
                    result=content_digest(_result(join, again).to_bytes()),
                    preflight=[],
                )
                for number, (join, again) in enumerate(zip(joins, shown, strict=True), start=1)
            ],
            outputs=[_output("bank"), _output("shop")],
            submitted_at=NOW - timedelta(seconds=30),
            released_at=NOW,
            runs_used=1,
            runs_allowed=10,
            budgets={},
            assurance="simulated",
        )

    def _log(self, predicate: Predicate, envelope: Envelope) -> tuple[Tree, Entry]:
        tree = Tree()
        for number in range(ENTRIES_BEFORE):
            tree.append(_filler(number).to_bytes())
        released = RunReleased(
            run=predicate.run,
            outputs=predicate.outputs,
            report=content_digest(b"report"),
            receipt=content_digest(envelope.payload),
        )
        entry = Entry(sequence=tree.size, at=NOW, content=self.change_released(released))
        tree.append(entry.to_bytes())
        for number in range(ENTRIES_AFTER):
            tree.append(_filler(tree.size + number).to_bytes())
        return tree, entry

    def _statement(self, signed: list[Envelope], tree: Tree, envelope: Envelope) -> Statement:
        machine = self.attester or self._machine()
        lineage = str(self.manifest.metadata.lineage)
        head = LogHead(lineage=lineage, size=tree.size, root=tree.root())
        bare = Statement(
            nonce=receipt_nonce(envelope.payload),
            genesis=Genesis.of(self.manifest),
            phase="active",
            manifest=self.manifest.to_bytes(),
            approvals=signed,
            reference_values=self.reference_values,
            checkpoint=sign_checkpoint(self.change_head(head), self.signer),
            root_certificate=_authority(),
            seal_key=_seal_key("room"),
            sign_key=bytes(self.signer.public_key),
            evidence=machine.collect(BINDING),
        )
        stated = self.change_statement(bare)
        return stated.model_copy(update={"evidence": machine.collect(statement_binding(stated))})


@cache
def naming_manifest() -> Manifest:
    """The same manifest, but it names the image by what its builders signed."""
    return good_manifest(naming(written_policy()))


def naming_draft(**changes: Any) -> Draft:
    """A draft of a receipt under `naming_manifest`, with what two of three builders signed."""
    return Draft(**({"manifest": naming_manifest(), "reference_values": signed_values()} | changes))


def good_receipt() -> Receipt:
    """A receipt that verifies."""
    return Draft().receipt()


def replaced(**fields: Any) -> Callable[[Any], Any]:
    """A change that sets fields of a record."""
    return lambda record: record.model_copy(update=fields)


def _output(recipient: str) -> OutputRecord:
    return OutputRecord(
        output="size",
        recipient=recipient,
        digest=content_digest(recipient.encode()),
        size=1024,
        suppressed=False,
    )


def _filler(number: int) -> Entry:
    content = Booted(sign_key=bytes(room_signer().public_key), epoch=number + 1)
    return Entry(sequence=number, at=NOW, content=content)
