"""A whole room whose manifest names its images: from the first proposal to an offline receipt."""

import shutil
from pathlib import Path

import pytest

from cleanroom.client.identity import Identity
from cleanroom.client.manifest_file import ManifestFile
from cleanroom.client.room import connect
from cleanroom.errors import ReferenceValuesRefused
from enclave.demo.tables import generate
from enclave.launching import LocalRoom
from enclave.local import prepare

EXAMPLE = Path(__file__).parents[2] / "manifests" / "examples" / "partner" / "cleanroom.yaml"
ROWS, OVERLAP = 4000, 1200


def away_from_the_envelopes(path, directory):
    """The manifest in a directory of its own, without what builders signed."""
    directory.mkdir()
    return ManifestFile.load(shutil.copy(path, directory / path.name))


@pytest.mark.cluster
def test_a_room_of_named_images_releases_a_result_that_verifies_offline(tmp_path):
    path, identities = prepare(ManifestFile.load(EXAMPLE).manifest, tmp_path, "tdx", named=True)
    manifest, bare = ManifestFile.load(path), away_from_the_envelopes(path, tmp_path / "bare")
    assert len(manifest.reference_values()) == 4
    tables = generate(ROWS, OVERLAP, seed=3)
    me, other = (Identity.load(identities[party]) for party in ("bank", "shop"))
    with LocalRoom(tmp_path, tmp_path / "operator", tmp_path / "genesis.json") as local:
        address = local.start_coordinator()
        given = {"coordinator": address, "allow_simulated": True}
        with pytest.raises(ReferenceValuesRefused, match="are missing"):
            connect(bare, identity=other, directory=tmp_path / "shop", **given)
        with connect(manifest, identity=me, directory=tmp_path / "bank", **given) as bank:
            bank.propose(manifest.approvals())
            local.start_workers(1, "cpu")
            told = [row[1:3] for row in bank.verdict.table() if row[1].startswith("image of")]
            assert [check for check, _ in told] == ["image of coordinator", "image of worker"]
            assert all(
                "signed by first-builder, second-builder (2 had to)" in words for _, words in told
            )
            (worker,) = bank.workers()
            assert worker.result.policy == "worker"
            with connect(bare, identity=other, directory=tmp_path / "shop", **given) as shop:
                shop.add("baskets", tables.shop)
            bank.add("customers", tables.bank)
            result = bank.run("matches").result()
    assert result.table.num_rows == OVERLAP
    verified = result.receipt.verify(bare.manifest, allow_simulated=True)
    assert set(verified.room.images) == {"coordinator", "worker"}
    withheld = result.receipt.record.statement.model_copy(update={"reference_values": []})
    record = result.receipt.record.model_copy(update={"statement": withheld})
    with pytest.raises(ReferenceValuesRefused, match="are missing"):
        type(result.receipt)(record).verify(bare.manifest, allow_simulated=True)
