"""A room whose coordinator runs on SEV-SNP and whose workers run on TDX, both simulated."""

from pathlib import Path

import pytest

from cleanroom.client.identity import Identity
from cleanroom.client.manifest_file import ManifestFile
from cleanroom.client.room import connect
from cleanroom.errors import SimulationRefused
from enclave.demo.tables import generate
from enclave.launching import LocalRoom
from enclave.local import prepare
from tests.unit.test_receipt_verifier import loaded

EXAMPLE = Path(__file__).parents[2] / "manifests" / "examples" / "partner" / "cleanroom.yaml"
ROWS, OVERLAP = 4000, 1200


def second_verdict(receipt, manifest):
    """What the verifier that shares no code says, with both platforms' simulated roots named."""
    standalone = loaded()
    plain = manifest.to_plain()
    roots = {one for entry in plain["attestation"].values() for one in entry["development_roots"]}
    return standalone.verify(receipt.to_json(), plain, roots)


@pytest.mark.cluster
def test_each_platform_is_appraised_under_its_own_rules(tmp_path):
    path, identities = prepare(ManifestFile.load(EXAMPLE).manifest, tmp_path, "tdx")
    manifest = ManifestFile.load(path)
    tables = generate(ROWS, OVERLAP, seed=3)
    me, other = (Identity.load(identities[party]) for party in ("bank", "shop"))
    with LocalRoom(tmp_path, tmp_path / "operator", tmp_path / "genesis.json") as local:
        address = local.start_coordinator()
        given = {"coordinator": address, "allow_simulated": True}
        with (
            connect(manifest, identity=me, directory=tmp_path / "bank", **given) as bank,
            connect(manifest, identity=other, directory=tmp_path / "shop", **given) as shop,
        ):
            bank.propose(manifest.approvals())
            local.start_workers(1, "cpu")
            assert bank.trusted.result.claims.platform == "sev-snp"
            assert [worker.result.claims.platform for worker in bank.workers()] == ["tdx"]
            bank.add("customers", tables.bank)
            shop.add("baskets", tables.shop)
            result = bank.run("matches").result()
    assert result.table.num_rows == OVERLAP
    verified = result.receipt.verify(manifest.manifest, allow_simulated=True)
    assert [worker.claims.platform for worker in verified.workers] == ["tdx"]
    assert all(worker.findings for worker in verified.workers)
    assert second_verdict(result.receipt, manifest.manifest) == result.receipt.claimed.to_plain()
    with pytest.raises(SimulationRefused):
        result.receipt.verify(manifest.manifest, allow_simulated=False)
