"""Receipts bring revocation lists: both verifiers judge them alike, at the time of the release."""

import pytest

from cleanroom.attestation.pooling import pool
from cleanroom.manifest.genesis import Genesis
from tests.support.collateral import FUTURE, NEW, OLD, Carrying, listed, unrelated
from tests.support.manifests import good_manifest
from tests.support.platform import MEASUREMENT, NOW, simulated_platform
from tests.support.receipts import Draft, written_policy
from tests.unit import test_receipt_verifier as verifiers

ENDED = -40
"""A list of thirty days that ended ten days ago."""
REQUIRED = {"revocation": "require"}


def manifest(asked):
    return good_manifest(written_policy() | asked)


def receipt(asked, room=None, workers=None):
    """A receipt whose room and workers carry these lists."""
    agreed = manifest(asked)
    guest = simulated_platform().attester(MEASUREMENT, Genesis.of(agreed).digest)
    return Draft(
        manifest=agreed,
        attester=Carrying(guest, room) if room else guest,
        worker_attester=Carrying(guest, workers) if workers else guest,
    ).receipt()


def together(collateral):
    """Beside the list that was there before."""
    return pool((collateral, listed(days=OLD)), NOW)


ACCEPTED = {
    "a list of each": (REQUIRED, listed(), listed()),
    "the room's list counts for its workers": (REQUIRED, listed(), None),
    "lists where none is asked for": ({}, listed(), listed()),
    "a list in its grace": (REQUIRED | {"crl_grace_d": 10}, listed(days=ENDED), None),
    "a list as young as asked": (REQUIRED | {"max_crl_age_d": 5}, listed(days=NEW), None),
    "an old list beside a fresh one": (REQUIRED, listed(), listed(days=ENDED)),
    "another product is revoked": (REQUIRED, listed("SEV-Milan"), None),
    "revoked after the release": (REQUIRED, together(listed("SEV-Genoa", days=FUTURE)), None),
}
REFUSED = {
    "no list at all": (REQUIRED, None, None),
    "a list of the workers only": (REQUIRED, None, listed()),
    "the room is revoked": ({}, listed("SEV-Genoa"), None),
    "the workers are revoked": ({}, None, listed("SEV-Genoa")),
    "revoked on an old list, cleared by a fresh one": ({}, listed("SEV-Genoa", days=OLD), listed()),
    "a list past its end": ({}, listed(days=ENDED), None),
    "a list past its grace": ({"crl_grace_d": 9}, listed(days=ENDED), None),
    "a list that is older than asked": ({"max_crl_age_d": 4}, listed(days=NEW), None),
    "a list of the future only": (REQUIRED, listed(days=FUTURE), None),
    "a list of another issuer": (REQUIRED, unrelated(), None),
    "a list that somebody else signed": ({}, listed(forged=True), None),
    "a future list that somebody else signed": ({}, listed(days=FUTURE, forged=True), None),
}


@pytest.mark.parametrize("name", ACCEPTED)
def test_both_accept(name):
    asked, room, workers = ACCEPTED[name]
    verifiers.assert_both_accept(receipt(asked, room, workers), manifest(asked))


@pytest.mark.parametrize("name", REFUSED)
def test_both_refuse(name):
    asked, room, workers = REFUSED[name]
    verifiers.assert_both_refuse(receipt(asked, room, workers).to_bytes(), manifest(asked))


def carried():
    return receipt(REQUIRED, listed(), listed())


def list_leaves():
    paths = verifiers.leaves(carried().to_plain())
    # what Intel says is ignored by the one-file verifier, which reads SEV-SNP only
    return [path for path in paths if "collateral" in path and "intel" not in path]


@pytest.mark.parametrize("path", list_leaves(), ids=verifiers.shown)
def test_both_refuse_a_receipt_with_a_list_altered(path):
    plain = verifiers.altered(carried().to_plain(), path)
    verifiers.assert_both_refuse(verifiers.standalone.canonical(plain), manifest(REQUIRED))


def test_both_refuse_a_receipt_whose_lists_were_taken_out():
    plain = carried().to_plain()
    del plain["statement"]["evidence"]["collateral"]
    raw = verifiers.standalone.canonical(plain)
    verifiers.assert_both_refuse(raw, manifest(REQUIRED))
