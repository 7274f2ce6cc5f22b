"""What a launcher hands to a guest to send along: a bundle's parts, file by file."""

import pytest

from cleanroom.attestation.collateral import Collateral, IntelCollateral
from cleanroom.attestation.evidence import MOST_ENDORSEMENTS
from cleanroom.collateral.bundle import Bundle, endorsement_files
from cleanroom.errors import FileMissing
from enclave.attester.hardware import read_endorsements
from tests.support.platform import NOW, good_evidence, simulated_tdx


def bundle(intel: IntelCollateral | None) -> Bundle:
    return Bundle(
        format="https://cleanroom.dev/collateral/v1",
        fetched_at=NOW,
        certificates=sorted(good_evidence().endorsements),
        collateral=Collateral(intel=intel),
    )


def kept(directory, packed):
    for name, content in endorsement_files(packed).items():
        (directory / name).write_bytes(content)
    return directory


def test_amd_certificates_are_read_back_in_their_order(tmp_path):
    packed = bundle(None)
    assert read_endorsements([kept(tmp_path, packed)]) == tuple(packed.certificates)


def test_intels_documents_are_one_endorsement_that_reads_back(tmp_path):
    intel = simulated_tdx().collateral()
    *_, last = read_endorsements([kept(tmp_path, bundle(intel))])
    assert IntelCollateral.from_bytes(last) == intel


def test_nothing_is_sent_where_nothing_is_given():
    assert read_endorsements([]) == ()


def test_a_directory_that_is_not_there(tmp_path):
    with pytest.raises(FileMissing, match="endorsements are missing"):
        read_endorsements([tmp_path / "absent"])


def test_more_than_evidence_may_carry(tmp_path):
    for number in range(MOST_ENDORSEMENTS + 1):
        (tmp_path / f"{number}.der").write_bytes(b"0")
    with pytest.raises(FileMissing, match="at most"):
        read_endorsements([tmp_path])
