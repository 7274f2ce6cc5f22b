"""A room of real processes whose operator brings a newer list: the revoked workers are out, and say so."""

import time
from datetime import timedelta

import pytest

from cleanroom.attestation.collateral import Collateral
from cleanroom.client.identity import Identity
from cleanroom.client.manifest_file import ManifestFile
from cleanroom.client.room import connect
from cleanroom.errors import EvidenceRejected
from enclave.attester.simulated import SimulatedPlatform
from enclave.coordinator.initialise import PLATFORM_DIRECTORY
from enclave.launching import LocalRoom
from enclave.local import prepare
from tests.support.collateral import bundle_file
from tests.support.rooms import clock, room_manifest

pytestmark = pytest.mark.cluster

PATIENCE_S = 60.0
ASKED_OFTEN = {"workers__cpu__reattest_s": 10, "workers__cpu__lease_s": 10}


def brought(operator, *revoked, ago=timedelta(minutes=1)):
    """The bundle that the operator hands to every process, in place of the one before."""
    platform = SimulatedPlatform.load(operator / PLATFORM_DIRECTORY)
    crl = platform.revocations(revoked, clock() - ago)
    fresh = bundle_file(operator / "next.json", Collateral(amd_crls=[crl]), clock())
    return fresh.replace(operator / "bundle.json")


def until(holds):
    """Wait for something that other processes do."""
    end = time.monotonic() + PATIENCE_S
    while not holds():
        assert time.monotonic() < end, "it did not happen in time"
        time.sleep(0.5)


def test_a_worker_is_asked_again_and_a_revoked_room_ends(tmp_path):
    path, files = prepare(room_manifest(**ASKED_OFTEN), tmp_path)
    operator, loaded = tmp_path / "operator", ManifestFile.load(path)
    bundle = brought(operator)
    with LocalRoom(tmp_path, operator, tmp_path / "genesis.json", collateral=bundle) as local:
        address = local.start_coordinator()
        bank = {"identity": Identity.load(files["bank"]), "coordinator": address}
        with connect(loaded, allow_simulated=True, **bank) as room:
            room.propose(loaded.approvals())
            local.start_workers(1, "cpu")
            kinds = lambda: [entry.content.kind for entry in room.log().entries]  # noqa: E731
            until(lambda: "worker-reattested" in kinds())
            (worker,) = room.workers()
            assert worker.admitted.reattested is not None
            assert worker.result.claims.revocation is not None
            brought(operator, "SEV-Genoa", ago=timedelta())
            until(lambda: kinds()[-1] == "worker-left")
        with pytest.raises(EvidenceRejected, match="SEV-Genoa is revoked by its root"):
            connect(loaded, allow_simulated=True, **bank)
