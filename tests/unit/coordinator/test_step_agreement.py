"""Manifest, approvals, datasets and admissions: what `step` takes and what it refuses."""

from datetime import timedelta

import pytest

from cleanroom.encoding import content_digest
from cleanroom.errors import (
    AdmissionRefused,
    ApprovalInvalid,
    ApprovalMissing,
    CallerRefused,
    DatasetRefused,
    InternalError,
    ManifestConflict,
    ManifestOutdated,
    ManifestRule,
    SignatureInvalid,
)
from cleanroom.manifest.genesis import Genesis
from cleanroom.protocol.dataset import DatasetOffer, Part
from enclave.coordinator import events
from enclave.coordinator.room import step
from enclave.coordinator.state import Room
from tests.support.histories import History, instance
from tests.support.manifests import NOW, approvals, good_manifest, signer

LATE = NOW + timedelta(days=400)


def test_a_new_room_waits_for_a_manifest():
    history = History.begin()
    assert history.room.phase_at(NOW) == "waiting"
    assert history.told() == ["booted"]


def test_a_manifest_with_some_approvals_is_proposed():
    history = History.begin()
    history.propose("bank")
    assert history.room.phase_at(NOW) == "proposed"
    assert history.told() == ["booted", "manifest-proposed", "manifest-approved"]
    with pytest.raises(ApprovalMissing, match="not every party has approved"):
        history.room.in_force(NOW)
    with pytest.raises(ApprovalMissing, match="not every party has approved"):
        history.room.agreed()


def test_the_last_approval_activates_the_manifest():
    history = History.begin()
    history.propose("bank")
    history.propose("shop")
    assert history.room.phase_at(NOW) == "active"
    assert history.told()[-2:] == ["manifest-approved", "manifest-activated"]
    assert history.room.in_force(NOW).manifest == history.manifest


def test_the_same_proposal_again_changes_nothing():
    history = History.begin()
    history.propose()
    before = history.room
    assert history.propose().room is before


def test_a_proposal_without_approval_cannot_occupy_the_room():
    history = History.begin()
    event = events.Proposed(at=NOW, manifest=history.manifest.to_bytes(), approvals=[])
    with pytest.raises(ApprovalMissing, match="carries no approval"):
        history.apply(event)


def test_a_manifest_of_other_approve_keys_is_not_for_this_room():
    history = History.begin()
    other = good_manifest(metadata__lineage="11111111-2222-4333-8444-555555555555")
    with pytest.raises(ManifestConflict, match="genesis"):
        history.propose(manifest=other)


def test_another_manifest_conflicts_with_the_first():
    history = History.begin()
    history.propose("bank")
    other = good_manifest(metadata__purpose="Something else.")
    with pytest.raises(ManifestConflict, match="already holds"):
        history.propose(manifest=other)
    assert history.room.manifest == history.manifest


def test_a_manifest_that_breaks_a_rule_is_refused():
    broken = good_manifest(computations__overlap__inputs__left__columns=["income"])
    history = History.begin()
    stated = approvals(history.manifest, "bank")
    event = events.Proposed(at=NOW, manifest=broken.to_bytes(), approvals=stated)
    with pytest.raises(ManifestRule):
        history.apply(event)


def test_an_approval_of_another_manifest_does_not_count():
    history = History.begin()
    other = good_manifest(metadata__purpose="Something else.")
    event = events.Proposed(
        at=NOW, manifest=history.manifest.to_bytes(), approvals=approvals(other, "bank")
    )
    with pytest.raises(ApprovalInvalid, match="manifest"):
        history.apply(event)


def test_an_expired_manifest_is_not_taken():
    history = History.begin()
    history.now = LATE
    with pytest.raises(ManifestOutdated, match="held until"):
        history.propose()


def test_a_manifest_is_not_in_force_before_and_after_its_time():
    history = History.active()
    for outside in (NOW - timedelta(days=30), history.manifest.metadata.not_after + timedelta(1)):
        with pytest.raises((ManifestOutdated, ApprovalMissing)):
            history.room.in_force(outside)


def test_consent_ends_with_the_first_approval_and_can_be_renewed():
    history = History.begin()
    history.propose("bank", not_after=NOW + timedelta(hours=1))
    history.propose("shop")
    history.wait(7200)
    assert history.room.phase_at(history.now) == "proposed"
    with pytest.raises(ApprovalMissing, match="ended"):
        history.offer("customers")
    history.propose("bank")
    assert history.room.phase_at(history.now) == "active"
    assert history.told().count("manifest-activated") == 1


def test_a_shorter_approval_does_not_replace_a_longer_one():
    history = History.begin()
    history.propose()
    before = history.room
    history.propose("bank", not_after=NOW + timedelta(hours=1))
    assert history.room is before


def test_an_event_from_the_past_is_a_bug():
    history = History.begin()
    with pytest.raises(InternalError, match="earlier"):
        step(history.room, events.WorkerLeft(at=NOW - timedelta(seconds=1), instance=instance(1)))


def test_a_boot_counts_up():
    room = Room(genesis=Genesis.of(good_manifest()), at=NOW)
    with pytest.raises(InternalError, match="number 3"):
        step(room, events.Booted(at=NOW, sign_key=bytes(32), epoch=3))


# --- datasets -------------------------------------------------------------------------------------


def test_an_owner_adds_a_version():
    history = History.begin()
    history.propose()
    history.offer("customers")
    assert history.told()[-1] == "dataset-added"
    assert [held.version.dataset for held in history.room.versions.values()] == ["customers"]


def test_the_same_version_again_changes_nothing():
    history = History.active()
    before = history.room
    assert history.offer("customers").room is before


def test_a_version_before_the_manifest_is_active_is_refused():
    history = History.begin()
    history.propose("bank")
    with pytest.raises(ApprovalMissing):
        history.offer("customers")


def test_a_version_of_somebody_elses_dataset_is_refused():
    history = History.begin()
    history.propose()
    with pytest.raises(CallerRefused, match="expected its owner 'bank'"):
        history.offer("customers", party="shop")


def test_a_version_with_missing_parts_is_refused():
    history = History.begin()
    history.propose()
    with pytest.raises(DatasetRefused, match="1 of 1 parts"):
        history.offer("customers", missing=(0,))


def test_a_version_name_used_twice_is_refused():
    history = History.active()
    other = [Part(index=0, digest=content_digest(b"other"), size=5, rows=5)]
    with pytest.raises(DatasetRefused, match="another version"):
        history.offer("customers", parts=other)


def test_a_version_signed_by_another_party_is_refused():
    history = History.begin()
    history.propose()
    genuine = history.version("customers")
    forged = genuine.version.model_copy(
        update={"signatures": history.version("baskets").version.signatures}
    )
    offer = DatasetOffer(version=forged, sealed_key=genuine.sealed_key)
    with pytest.raises(SignatureInvalid):
        history.apply(events.DatasetOffered(at=NOW, party="bank", offer=offer, missing=[]))


# --- admissions -----------------------------------------------------------------------------------


def test_a_worker_is_admitted_and_leaves():
    history = History.active()
    history.join(1)
    history.leave(1)
    assert history.told()[-2:] == ["worker-admitted", "worker-left"]
    assert history.room.workers == {}


def test_a_worker_that_left_twice_left_once():
    history = History.active()
    history.join(1)
    history.leave(1)
    before = history.room
    assert history.leave(1).room is before


def test_a_worker_without_an_active_manifest_is_refused():
    history = History.begin()
    history.propose("bank")
    with pytest.raises(ApprovalMissing):
        history.join(1)


def test_one_worker_too_many_is_refused():
    history = History.active(workers__cpu__max_live=2)
    history.join(1)
    history.join(2)
    with pytest.raises(AdmissionRefused, match="2 workers of role 'cpu' are live"):
        history.join(3)
    history.leave(1)
    history.join(3)
    assert set(history.room.workers) == {instance(2), instance(3)}


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"role": "gpu"}, "the role is 'gpu'"),
        ({"policy": "coordinator-snp"}, "not one for role 'cpu'"),
        ({"manifest": content_digest(b"another")}, "not one for role 'cpu'"),
        ({"node_ip": "coordinator.cleanroom"}, "not an IP address"),
    ],
)
def test_a_join_that_does_not_fit_is_refused(change, words):
    history = History.active()
    with pytest.raises(AdmissionRefused, match=words):
        history.join(1, **change)


def test_a_key_of_another_worker_is_refused():
    history = History.active()
    history.join(1)
    taken = history.room.workers[instance(1)].join
    with pytest.raises(AdmissionRefused, match="has a key of"):
        history.join(2, sign_key=taken.sign_key)
    with pytest.raises(AdmissionRefused, match="has a key of"):
        history.join(2, seal_key=taken.seal_key)


def test_an_instance_is_given_once():
    history = History.active()
    history.join(1)
    with pytest.raises(AdmissionRefused, match="is taken"):
        history.join(1)


def test_signers_of_the_tests_are_the_manifests():
    manifest = good_manifest()
    assert signer("bank", "approve").public_key == manifest.key_of("bank", "approve").public
