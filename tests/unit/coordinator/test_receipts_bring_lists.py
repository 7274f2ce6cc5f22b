"""A whole run in a room that is supplied with lists and asks its workers again: what its receipt says."""

import importlib.util
from pathlib import Path

from cleanroom.attestation.collateral import Collateral
from cleanroom.protocol.reattestation import Reattest
from cleanroom.protocol.receipt import Receipt, verify_receipt
from cleanroom.protocol.work import Order
from tests.attacks.test_worker_reattested import answer, asking, joined

SCRIPT = Path(__file__).parents[3] / "docs" / "spec" / "verify_receipt.py"
REQUIRED = {
    "attestation__coordinator-snp__revocation": "require",
    "attestation__worker-snp__revocation": "require",
}


def second_verdict(raw, room):
    spec = importlib.util.spec_from_file_location("verify_receipt_of_lists", SCRIPT)
    standalone = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(standalone)
    roots = {room.platform.root_fingerprint}
    return standalone.verify(standalone.read(raw, "receipt"), room.manifest.to_plain(), roots)


def ordered(worker):
    """The worker's order; every question before it is answered."""
    while not isinstance(message := worker.next(), Order):
        assert isinstance(message, Reattest)
        worker.asked = message.nonce
        worker.report(answer(worker))
    return message


def test_it_brings_the_list_and_names_the_newest_evidence(tmp_path):
    with asking(tmp_path, **REQUIRED) as room, joined(room) as worker:
        bank, _ = room.fill()
        worker.report(answer(worker))
        run = bank.submit("overlap").run
        worker.finish(ordered(worker))
        bank.watch(run)
        raw = bank.receipt(run)
    receipt = Receipt.from_bytes(raw)
    verified = verify_receipt(receipt, room.manifest, allow_simulated=True, collateral=Collateral())
    (part,) = verified.predicate.workers
    assert part.reattested == receipt.reattested[0].digest
    assert verified.workers[0].evidence == receipt.reattested[0].evidence.digest
    assert verified.workers[0].claims.revocation is not None
    assert receipt.statement.evidence.collateral is not None
    assert second_verdict(raw, room) == verified.predicate.to_plain()
