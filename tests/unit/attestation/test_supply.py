"""What an operator hands to a guest: read again when it is replaced, and never worse than before."""

import pytest

from cleanroom.attestation.collateral import Collateral
from cleanroom.errors import FileMissing
from enclave.attester.supply import Supply
from tests.support.collateral import OLD, bundle_file, listed


def test_nothing_where_nothing_is_given():
    assert Supply(None).read() == Collateral()


def test_a_replaced_file_counts_at_once(tmp_path):
    file = bundle_file(tmp_path / "bundle.json", listed(days=OLD))
    supply = Supply(file)
    assert supply.read() == listed(days=OLD)
    bundle_file(tmp_path / "next.json", listed()).replace(file)
    assert supply.read() == listed()


@pytest.mark.parametrize("damage", [lambda file: file.write_text("{"), lambda file: file.unlink()])
def test_a_file_that_breaks_leaves_what_was_read(tmp_path, damage):
    file = bundle_file(tmp_path / "bundle.json", listed())
    supply = Supply(file)
    damage(file)
    assert supply.read() == listed()


def test_a_guest_does_not_start_with_a_file_that_is_none(tmp_path):
    (tmp_path / "junk.json").write_text("{}")
    for name in ("absent.json", "junk.json"):
        with pytest.raises(FileMissing, match="bundle of collateral is missing"):
            Supply(tmp_path / name)
