"""A genesis names the room by its lineage and its first approve keys, in 32 bytes."""

import hashlib

import pytest

from cleanroom.encoding import frame
from cleanroom.errors import ManifestRule, RecordMalformed
from cleanroom.manifest.genesis import Genesis
from tests.support.manifests import good_manifest, signer

OTHER = "00000000-0000-4000-8000-000000000001"


def test_genesis_holds_lineage_and_approve_keys_only():
    genesis = Genesis.of(good_manifest())
    assert genesis.approve == {party: signer(party).public_key for party in ("bank", "shop")}
    assert genesis.to_plain().keys() == {"lineage", "approve"}


def test_digest_is_the_framed_hash_that_the_specification_gives():
    genesis = Genesis.of(good_manifest())
    expected = hashlib.sha256(frame("cleanroom/genesis/v1", genesis.to_bytes())).digest()
    assert genesis.digest == expected
    assert len(genesis.digest) == 32


def test_digest_does_not_depend_on_what_may_change_between_versions():
    changed = good_manifest(
        metadata__purpose="Something else.", computations__overlap__limits__max_runs=1
    )
    assert Genesis.of(changed).digest == Genesis.of(good_manifest()).digest


def test_another_lineage_or_key_is_another_room():
    known = Genesis.of(good_manifest()).digest
    assert Genesis.of(good_manifest(metadata__lineage=OTHER)).digest != known
    assert Genesis.of(good_manifest(parties__bank__keys__0__public="A" * 43 + "=")).digest != known


def test_genesis_is_made_of_the_first_version_only():
    second = good_manifest(metadata__version=2, metadata__previous="sha256:" + "0" * 64)
    with pytest.raises(ManifestRule, match="the manifest is version 2, expected version 1"):
        Genesis.of(second)


def test_genesis_of_a_party_without_approve_key_is_refused():
    with pytest.raises(ManifestRule, match="party 'bank' has no key for use 'approve'"):
        Genesis.of(good_manifest(parties__bank__keys__0__use="submit"))


def test_genesis_survives_a_file():
    genesis = Genesis.of(good_manifest())
    assert Genesis.from_bytes(genesis.to_bytes()) == genesis


def test_genesis_of_one_party_is_refused():
    plain = Genesis.of(good_manifest()).to_plain()
    del plain["approve"]["shop"]
    with pytest.raises(RecordMalformed, match="at approve"):
        Genesis.from_plain(plain)
