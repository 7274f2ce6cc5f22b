"""Somebody tries to activate a manifest that not every party has signed."""

from datetime import timedelta

import pytest

from cleanroom.crypto.envelope import Envelope, Signature, sign
from cleanroom.crypto.signing import Ed25519Signer
from cleanroom.encoding import Record
from cleanroom.errors import ApprovalInvalid, ApprovalMissing
from cleanroom.manifest.approval import PAYLOAD_TYPE, Approval, approve, open_approval, tally
from cleanroom.manifest.genesis import Genesis
from cleanroom.manifest.model import Manifest
from tests.support.manifests import (
    LATER,
    NOW,
    approvals,
    base64_of,
    good_manifest,
    signer,
    unsealer,
)

OTHER = "00000000-0000-4000-8000-000000000001"


def _forged(manifest, key, **changes):
    """An approval in the name of `shop`, made by hand and signed by `key`."""
    fields = {
        "party": "shop",
        "kid": "shop-approve",
        "manifest": manifest.digest,
        "previous": manifest.metadata.previous,
        "lineage": manifest.metadata.lineage,
        "scope": "activate",
        "not_after": LATER,
        "nonce": b"n" * 16,
    }
    return sign(PAYLOAD_TYPE, Approval(**(fields | changes)).to_bytes(), key)


def _activate(manifest, envelope):
    return approve(manifest, [*approvals(manifest, "bank"), envelope], NOW)


def test_hand_made_approval_is_like_a_real_one_where_nothing_is_wrong():
    manifest = good_manifest()
    assert _activate(manifest, _forged(manifest, signer("shop"))).manifest == manifest


def test_manifest_changed_after_it_was_signed():
    # The shop signed ten runs; the bank sends the room a manifest with a thousand.
    signed = good_manifest()
    widened = good_manifest(computations__overlap__limits__max_runs=1000)
    with pytest.raises(
        ApprovalInvalid, match=r"1 of 2 approvals: missing is shop.* has manifest sha256:"
    ):
        approve(widened, [*approvals(widened, "bank"), *approvals(signed, "shop")], NOW)


def test_recipient_swapped_after_it_was_signed():
    signed = good_manifest()
    swapped = good_manifest(computations__overlap__outputs__size__recipients=["bank"])
    with pytest.raises(ApprovalInvalid, match="missing is bank, shop"):
        approve(swapped, approvals(signed), NOW)


def test_receive_key_swapped_after_it_was_signed():
    signed = good_manifest()
    attacker = good_manifest(
        parties__shop__keys__3__public=base64_of(unsealer("mallory").public_key)
    )
    with pytest.raises(ApprovalInvalid, match="missing is bank, shop"):
        approve(attacker, approvals(signed), NOW)


def test_bank_signs_in_the_name_of_the_shop():
    manifest = good_manifest()
    with pytest.raises(ApprovalInvalid, match="has kid shop-approve, expected bank-approve"):
        _activate(manifest, _forged(manifest, signer("bank")))


def test_bank_signs_in_the_name_of_the_shop_with_its_own_key_name():
    manifest = good_manifest()
    with pytest.raises(
        ApprovalInvalid, match="has key of the party shop-approve, expected bank-approve"
    ):
        _activate(manifest, _forged(manifest, signer("bank"), kid="bank-approve"))


def test_bank_signs_under_the_name_of_the_shops_key():
    manifest = good_manifest()
    thief = Ed25519Signer("shop-approve", signer("bank").private_bytes())
    with pytest.raises(ApprovalInvalid, match="does not verify"):
        _activate(manifest, _forged(manifest, thief))


@pytest.mark.parametrize("use", ["submit", "provide"])
def test_stolen_key_of_another_use_cannot_approve(use):
    # A notebook's submit key lies on many machines; it must never be able to approve.
    manifest = good_manifest()
    with pytest.raises(ApprovalInvalid, match=f"the key 'shop-{use}' may not sign"):
        _activate(manifest, _forged(manifest, signer("shop", use), kid=f"shop-{use}"))
    renamed = Ed25519Signer("shop-approve", signer("shop", use).private_bytes())
    with pytest.raises(ApprovalInvalid, match="does not verify"):
        _activate(manifest, _forged(manifest, renamed))


def test_party_that_is_not_in_the_manifest_approves():
    manifest = good_manifest()
    with pytest.raises(ApprovalInvalid, match="the key 'mallory-approve' may not sign"):
        _activate(
            manifest, _forged(manifest, signer("mallory"), party="mallory", kid="mallory-approve")
        )
    with pytest.raises(ApprovalInvalid, match="'mallory' is not a party of this manifest"):
        _activate(manifest, _forged(manifest, signer("shop"), party="mallory"))


def test_one_party_approves_twice():
    manifest = good_manifest()
    bank = approvals(manifest, "bank")
    other = approvals(manifest, "bank", not_after=LATER - timedelta(days=1))
    assert str(tally(manifest, [*bank, *bank, *other], NOW)) == "1 of 2 approvals"
    with pytest.raises(ApprovalMissing, match="missing is shop"):
        approve(manifest, [*bank, *bank, *other], NOW)


def test_expired_approval_is_replayed():
    manifest = good_manifest()
    expired = _forged(manifest, signer("shop"), not_after=NOW - timedelta(seconds=1))
    with pytest.raises(ApprovalInvalid, match="the approval by 'shop' ended at"):
        _activate(manifest, expired)


def test_approval_of_another_room_is_replayed():
    manifest = good_manifest()
    other = good_manifest(metadata__lineage=OTHER)
    with pytest.raises(ApprovalInvalid, match="missing is shop"):
        _activate(manifest, approvals(other, "shop")[0])
    with pytest.raises(ApprovalInvalid, match=f"has lineage {OTHER}"):
        _activate(manifest, _forged(manifest, signer("shop"), lineage=other.metadata.lineage))


def test_approval_names_another_previous_version():
    manifest = good_manifest()
    with pytest.raises(ApprovalInvalid, match=r"has previous sha256:0+, expected None"):
        _activate(manifest, _forged(manifest, signer("shop"), previous="sha256:" + "0" * 64))


def test_signature_of_something_else_is_passed_off_as_an_approval():
    manifest = good_manifest()
    payload = Approval.from_bytes(_forged(manifest, signer("shop")).payload).to_bytes()
    request = sign("application/vnd.cleanroom.run.v1+json", payload, signer("shop"))
    relabelled = Envelope(payload=payload, payload_type=PAYLOAD_TYPE, signatures=request.signatures)
    for envelope, words in ((request, "the payload type is"), (relabelled, "does not verify")):
        with pytest.raises(ApprovalInvalid, match=words):
            _activate(manifest, envelope)


def test_second_signature_is_smuggled_into_an_envelope():
    # DSSE allows several; libraries then count key names, not parties.
    manifest = good_manifest()
    bank, shop = (envelope.signatures[0] for envelope in approvals(manifest))
    payload = approvals(manifest, "bank")[0].payload
    both = Envelope(payload=payload, payload_type=PAYLOAD_TYPE, signatures=[bank, shop])
    with pytest.raises(ApprovalInvalid, match="has 2 signatures, expected exactly 1"):
        approve(manifest, [both], NOW)


def test_payload_is_not_canonical():
    manifest = good_manifest()
    payload = _forged(manifest, signer("shop")).payload
    with pytest.raises(ApprovalInvalid, match="not its canonical encoding"):
        _activate(manifest, sign(PAYLOAD_TYPE, payload + b" ", signer("shop")))


def test_payload_has_a_field_that_nobody_knows():
    class Wider(Record):
        party: str
        condition: str

    payload = Wider(party="shop", condition="only on Sundays").to_bytes()
    with pytest.raises(ApprovalInvalid, match="malformed"):
        _activate(good_manifest(), sign(PAYLOAD_TYPE, payload, signer("shop")))


def test_any_altered_bit_of_an_approval_is_refused():
    manifest = good_manifest()
    (genuine,) = approvals(manifest, "shop")
    signature = genuine.signatures[0]
    for position in range(0, len(genuine.payload), 7):
        payload = bytearray(genuine.payload)
        payload[position] ^= 1
        altered = genuine.model_copy(update={"payload": bytes(payload)})
        with pytest.raises(ApprovalInvalid):
            open_approval(manifest, altered)
    for position in range(len(signature.sig)):
        sig = bytearray(signature.sig)
        sig[position] ^= 1
        altered = genuine.model_copy(
            update={"signatures": [Signature(keyid=signature.keyid, sig=bytes(sig))]}
        )
        with pytest.raises(ApprovalInvalid, match="does not verify"):
            open_approval(manifest, altered)


def test_garbage_among_approvals_neither_helps_nor_blocks():
    manifest = good_manifest()
    garbage = _forged(manifest, signer("mallory"), party="mallory", kid="mallory-approve")
    approved = approve(manifest, [garbage, *approvals(manifest)], NOW)
    assert garbage not in approved.approvals
    count = tally(manifest, [garbage], NOW)
    assert str(count) == "0 of 2 approvals"
    assert "mallory-approve" in count.refused[0].message


def test_attackers_first_manifest_has_another_genesis():
    # The attacker copies the room's lineage but brings its own approve keys.
    real = good_manifest()
    keys = {party: Ed25519Signer.generate(f"{party}-approve") for party in ("bank", "shop")}
    plain = real.to_plain()
    for party, key in keys.items():
        plain["parties"][party]["keys"][0]["public"] = base64_of(key.public_key)
    forged = Manifest.from_plain(plain)
    assert Genesis.of(forged).lineage == Genesis.of(real).lineage
    assert Genesis.of(forged).digest != Genesis.of(real).digest
