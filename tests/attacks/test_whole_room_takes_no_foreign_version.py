"""Versions of datasets that are signed, but not what was agreed: a real room takes none of them.

The forger is the owner itself, or whoever has its `provide` key: the signature always holds.
"""

import pytest

from cleanroom.encoding import content_digest
from cleanroom.errors import CallerRefused, DatasetRefused, SealBroken, SignatureInvalid
from cleanroom.protocol.dataset import DatasetOffer, DatasetVersion, Part, sign_version
from tests.support.breaches import Mutant, assert_gets_through
from tests.support.manifests import signer
from tests.support.mutants import passes
from tests.support.rooms import coordinator

OTHER = "sha256:" + "5" * 64
LINEAGE = "00000000-0000-4000-8000-000000000001"


@pytest.fixture(scope="module")
def room(tmp_path_factory):
    """An active room that holds one version and the bytes of two parts."""
    with coordinator(tmp_path_factory.mktemp("room")) as running:
        running.bank, running.shop = running.party("bank"), running.party("shop")
        running.bank.upload(b"first")
        running.bank.upload(b"second")
        yield running


def resigned(room, *, use="provide", party="bank", **changes):
    """An honest offer of the bank's with fields changed, signed again by `party`."""
    honest = room.bank.offer("customers", [b"first", b"second"])
    version = DatasetVersion.from_bytes(honest.version.payload).model_copy(update=changes)
    return DatasetOffer(
        version=sign_version(version, signer(party, use)), sealed_key=honest.sealed_key
    )


def parts(*, indices=(0, 1), rows=(50, 50)):
    return [
        Part(index=index, digest=content_digest(content), size=len(content), rows=count)
        for content, index, count in zip((b"first", b"second"), indices, rows, strict=True)
    ]


def refuses(room, offer, kind, match):
    """The room says no, and its log does not grow."""
    before = room.statement(bytes(32)).checkpoint.payload
    with pytest.raises(kind, match=match):
        room.bank.put(offer)
    assert room.statement(bytes(32)).checkpoint.payload == before
    return True


def test_a_version_for_another_manifest(room):
    assert refuses(room, resigned(room, manifest=OTHER), DatasetRefused, "manifest")


def test_a_version_for_another_room(room):
    assert refuses(room, resigned(room, lineage=LINEAGE), DatasetRefused, "lineage")


def test_a_version_of_a_dataset_that_nobody_agreed_to(room):
    offer = resigned(room, dataset="payroll")
    assert refuses(room, offer, DatasetRefused, "not in this manifest")


def test_a_version_in_the_name_of_the_other_owner(room):
    assert refuses(room, resigned(room, owner="shop"), DatasetRefused, "owner")


def test_a_version_of_the_other_owners_dataset(room):
    offer = resigned(room, dataset="baskets", owner="shop")
    assert refuses(room, offer, SignatureInvalid, "bank-provide")


@pytest.mark.parametrize("use", ["submit", "approve"])
def test_a_version_under_a_key_of_another_use(room, use):
    assert refuses(room, resigned(room, use=use), SignatureInvalid, f"bank-{use}")


def test_a_version_with_another_key_than_the_one_it_names(room):
    other = room.bank.offer("customers", [b"first", b"second"])
    swapped = resigned(room).model_copy(update={"sealed_key": other.sealed_key})
    assert refuses(room, swapped, DatasetRefused, "sealed key")


def test_a_key_that_was_sealed_for_another_version(room):
    """The version names the key, but the key was sealed in another version's context."""
    assert refuses(room, resigned(room, version="0" * 32), SealBroken, "do not open")


@pytest.mark.parametrize("indices", [(1, 0), (0, 0), (1, 2)])
def test_parts_that_stand_in_another_order(room, indices):
    offer = resigned(room, parts=parts(indices=indices))
    assert refuses(room, offer, DatasetRefused, "part order")


def test_parts_whose_rows_do_not_add_up(room):
    offer = resigned(room, parts=parts(rows=(50, 51)))
    assert refuses(room, offer, DatasetRefused, "rows in all parts")


def test_more_rows_than_were_agreed(room):
    offer = resigned(room, parts=parts(rows=(1_000_000, 1)), rows=1_000_001)
    assert refuses(room, offer, DatasetRefused, "expected 1 to 1000000")


def test_a_version_relayed_by_the_other_party(room):
    with pytest.raises(CallerRefused, match="may not add"):
        room.shop.put(resigned(room))


def test_a_version_for_another_manifest_is_taken_without_the_comparison(monkeypatch, room):
    """Even then its key does not open: it was sealed for this manifest."""
    mutant = Mutant(
        "cleanroom.protocol.dataset:_same",
        passes,
        test_a_version_for_another_manifest,
        second="SealBroken",
    )
    assert_gets_through(monkeypatch, mutant, lambda: mutant.story(room))


def test_parts_in_another_order_are_taken_without_the_comparison(monkeypatch, room):
    mutant = Mutant(
        "cleanroom.protocol.dataset:_same", passes, test_parts_that_stand_in_another_order
    )
    assert_gets_through(monkeypatch, mutant, lambda: mutant.story(room, (1, 0)))
