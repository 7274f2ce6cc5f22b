"""Receipts of workers that were asked again: both verifiers judge the newest evidence alike."""

import json

import pytest

from cleanroom.encoding import content_digest
from cleanroom.manifest.genesis import Genesis
from cleanroom.protocol.reattestation import Reattested, reattest_binding
from tests.support.platform import MEASUREMENT, other_platform, simulated_platform
from tests.support.receipts import Draft, receipt_manifest, replaced
from tests.unit import test_receipt_verifier as verifiers


def asked_again(**changes):
    return Draft(reattested=True, **changes).receipt()


def refused(receipt):
    return verifiers.assert_both_refuse(receipt.to_bytes(), receipt_manifest())


def test_both_accept_what_was_shown_since_the_join():
    verifiers.assert_both_accept(asked_again(), receipt_manifest())


def shown_leaves():
    paths = verifiers.leaves(asked_again().to_plain())
    return [path for path in paths if path[0] == "reattested"]


@pytest.mark.parametrize("path", shown_leaves(), ids=verifiers.shown)
def test_both_refuse_one_altered_value(path):
    raw = verifiers.standalone.canonical(verifiers.altered(asked_again().to_plain(), path))
    verifiers.assert_both_refuse(raw, receipt_manifest())


def test_both_refuse_newest_evidence_that_was_taken_out():
    refused(asked_again().model_copy(update={"reattested": []}))


def test_both_refuse_newest_evidence_in_another_order():
    receipt = asked_again()
    refused(receipt.model_copy(update={"reattested": receipt.reattested[::-1]}))


def test_both_refuse_evidence_that_no_worker_names():
    spare = asked_again().reattested
    refused(Draft().receipt().model_copy(update={"reattested": spare[:1]}))


def honest_guest():
    genesis = Genesis.of(receipt_manifest()).digest
    return simulated_platform().attester(MEASUREMENT, genesis)


def test_both_refuse_evidence_for_another_join():
    """The room lies with its own keys: it names evidence that some other worker showed."""
    other = content_digest(b"another join")

    def change(shown):
        evidence = honest_guest().collect(reattest_binding(shown.nonce, other))
        return Reattested(nonce=shown.nonce, evidence=evidence)

    refused(asked_again(change_reattested=change))


def test_both_refuse_evidence_for_another_nonce():
    refused(asked_again(change_reattested=replaced(nonce=b"\x09" * 32)))


def test_both_refuse_newest_evidence_of_a_machine_that_is_not_accepted():
    genesis = Genesis.of(receipt_manifest()).digest
    strange = other_platform().attester(MEASUREMENT, genesis)
    receipt = Draft().receipt()

    def change(shown):
        join = next(one for one in receipt.joins if one.node_ip == "127.0.0.1")
        evidence = strange.collect(reattest_binding(shown.nonce, join.digest))
        return Reattested(nonce=shown.nonce, evidence=evidence)

    refused(asked_again(change_reattested=change))


def test_a_receipt_without_it_says_nothing_of_it():
    plain = Draft().receipt().to_plain()
    assert "reattested" not in plain
    assert (
        "reattested"
        not in json.loads(Draft().receipt().envelope.payload)["predicate"]["workers"][0]
    )
