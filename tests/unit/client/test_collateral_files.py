"""What a party knows from vendors by itself: what it is given, and what lies beside its manifest."""

import pytest

from cleanroom.attestation.collateral import Collateral
from cleanroom.client.collateral_files import keep_bundle, known_collateral
from cleanroom.errors import FileMissing
from tests.support.collateral import OLD, bundle_file, listed
from tests.support.platform import NOW


def test_nothing_where_nothing_is_given_and_nothing_is_kept(tmp_path):
    assert known_collateral(None, tmp_path / ".cleanroom", NOW) == Collateral()
    assert known_collateral(None, None, NOW) == Collateral()


def test_what_is_given_and_what_is_kept_count_together(tmp_path):
    memory = tmp_path / ".cleanroom"
    kept = keep_bundle(bundle_file(tmp_path / "mine.json", listed(days=OLD)), memory)
    assert kept == memory / "collateral" / "mine.json"
    known = known_collateral(bundle_file(tmp_path / "given.json", listed()), memory, NOW)
    assert known.amd_crls == sorted([*listed().amd_crls, *listed(days=OLD).amd_crls])


def test_a_bundle_of_the_same_name_takes_the_place_of_the_older_one(tmp_path):
    memory = tmp_path / ".cleanroom"
    for pulled in (listed(days=OLD), listed()):
        keep_bundle(bundle_file(tmp_path / "mine.json", pulled), memory)
    assert known_collateral(None, memory, NOW) == listed()


def test_collateral_itself_may_be_given():
    assert known_collateral(listed(), None, NOW) == listed()


def test_a_file_that_is_no_bundle_is_not_kept(tmp_path):
    junk = tmp_path / "junk.json"
    junk.write_text("{}")
    with pytest.raises(FileMissing, match="cannot be read as a bundle of collateral"):
        keep_bundle(junk, tmp_path / ".cleanroom")
    with pytest.raises(FileMissing, match="cannot be read as a bundle of collateral"):
        known_collateral(tmp_path / "absent.json", None, NOW)
