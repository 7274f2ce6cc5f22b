"""`attest --save`: what a room proved, kept in one file, gives the same verdict offline later."""

import json
from contextlib import contextmanager
from datetime import timedelta

import pytest

from cleanroom.attestation.collateral import Collateral
from cleanroom.cli.attestation_files import read_all_evidence
from cleanroom.cli.main import run
from cleanroom.client.manifest_file import ManifestFile
from cleanroom.client.proof import Proof
from cleanroom.client.room import connect
from cleanroom.errors import EvidenceRejected
from cleanroom.manifest.author import manifest_text
from tests.support.collateral import bundle_file
from tests.support.hostile_room import identity_of
from tests.support.rooms import FakeWorker, clock, coordinator, room_manifest, room_platform

REQUIRED = {
    "attestation__coordinator-snp__revocation": "require",
    "attestation__worker-snp__revocation": "require",
    "workers__cpu__reattest_s": 300,
    "workers__cpu__max_evidence_age_s": 600,
}


def amd_list(*revoked, ago=timedelta(hours=1)):
    return Collateral(amd_crls=[room_platform().revocations(revoked, clock() - ago)])


@contextmanager
def room_with_a_worker(directory):
    """A room whose operator supplies lists, which every machine in it must show."""
    file = bundle_file(directory / "bundle.json", amd_list(), clock())
    manifest = room_manifest(room_platform(), **REQUIRED)
    (directory / "cleanroom.yaml").write_text(manifest_text(manifest))
    identity_of("bank").save(directory / "bank.key")
    with (
        coordinator(directory / "room", manifest, collateral=file) as room,
        FakeWorker(room) as worker,
    ):
        worker.join()
        yield room


@pytest.fixture(scope="module")
def desk(tmp_path_factory):
    """The bank's, with the proof that it kept; the room is gone by now."""
    directory = tmp_path_factory.mktemp("desk")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(directory)
        with room_with_a_worker(directory) as room:
            own = bundle_file(directory / "own.json", amd_list(ago=timedelta(days=2)), clock())
            command = ["attest", "--coordinator", room.address, "--collateral", str(own)]
            assert run([*command, "--allow-simulated", "--save", "proof.json"]) == 0
            with connect(
                room.manifest,
                identity=identity_of("bank"),
                coordinator=room.address,
                directory=directory / "second",
                allow_simulated=True,
            ) as bank:
                verdict, (worker,) = bank.verdict, bank.workers()
                directory.joinpath("verdict.json").write_text(
                    json.dumps([verdict.to_json(), worker.to_json()])
                )
                directory.joinpath("shown.txt").write_text(f"{verdict!r}\n{worker!r}")
    return directory


def test_verdict_says_age_lists_and_what_stays_open(desk):
    shown = (desk / "shown.txt").read_text()
    assert "age of evidence" in shown
    assert "at most 600 s when its lease is renewed" in shown
    assert "revocation list" in shown
    assert "the next due" in shown
    assert "close with: chip_ids: the values that you accept" in shown
    room, worker = json.loads((desk / "verdict.json").read_text())
    assert any(gap["closed_by"].startswith("chip_ids") for gap in room["open"])
    assert 0 <= worker["evidence_age_s"] < 600


def test_proof_holds_what_everybody_brought(desk):
    proof = Proof.from_bytes((desk / "proof.json").read_bytes())
    assert proof.statement.evidence.collateral is not None
    assert len(proof.workers) == 1
    assert len(proof.collateral.amd_crls) == 1
    assert (desk / ".cleanroom" / "collateral" / "own.json").is_file()


def findings(told):
    return [(one["code"], one["found"], one["passed"]) for one in told["result"]["findings"]]


def test_the_same_verdict_offline_when_every_list_has_ended(desk, monkeypatch, capsys):
    """Nobody answers any more, and it is months later: the proof is judged as of its own moment."""
    monkeypatch.chdir(desk)
    asked = ["attestation", "verify", "proof.json", "--allow-simulated", "--json"]
    assert run(asked) == 0
    again = json.loads(capsys.readouterr().out)
    room, worker = json.loads((desk / "verdict.json").read_text())
    assert findings(again) == findings(room)
    assert [one["instance"] for one in again["workers"]] == [worker["instance"]]
    assert findings(again["workers"][0]) == findings(worker)
    later = f"{clock() + timedelta(days=90):%Y-%m-%dT%H:%M:%SZ}"
    assert run([*asked, "--at", later]) != 0


def test_a_newer_list_may_be_brought_to_a_kept_proof(desk):
    proof = Proof.from_bytes((desk / "proof.json").read_bytes())
    own = ManifestFile.load(desk / "cleanroom.yaml").manifest
    judged = {"allow_simulated": True, "reference_values": (), "now": proof.verified_at}
    verdict, workers = proof.verified(own, collateral=Collateral(), **judged)
    assert (verdict.phase, len(workers)) == ("active", 1)
    told = amd_list("SEV-Genoa", ago=timedelta(minutes=30))
    with pytest.raises(EvidenceRejected, match="SEV-Genoa is revoked by its root"):
        proof.verified(own, collateral=told, **judged)


def test_a_proof_names_every_machine_for_the_next_bundle(desk):
    assert len(read_all_evidence(desk / "proof.json")) == 2


def test_an_altered_proof_is_refused(desk, monkeypatch):
    monkeypatch.chdir(desk)
    raw = (desk / "proof.json").read_bytes()
    (desk / "altered.json").write_bytes(raw.replace(b'"phase":"active"', b'"phase":"waiting"'))
    assert run(["attestation", "verify", "altered.json", "--allow-simulated"]) != 0
