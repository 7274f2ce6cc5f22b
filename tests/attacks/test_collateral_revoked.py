"""A machine whose certificates the vendor has revoked, and everybody who would rather not notice.

AMD's list of a product revokes the intermediate that certifies its chips (ASK); what is signed under
it is worth nothing any more. The list is signed, so anybody may carry it; whoever would profit from
the machine shows an older one, another one, or none.
"""

from contextlib import contextmanager
from datetime import timedelta

import pytest

from cleanroom.attestation.collateral import Collateral
from cleanroom.errors import AppraisalFailed, EvidenceRejected
from cleanroom.manifest.genesis import Genesis
from cleanroom.protocol.join import appraise_join
from cleanroom.protocol.receipt import receipt_nonce, verify_receipt
from cleanroom.protocol.statement import verify_for_party, verify_for_worker
from tests.support.collateral import NEW, OLD, Carrying, bundle_file, listed, unrelated
from tests.support.manifests import NOW, good_manifest
from tests.support.platform import GOOD_TCB, MEASUREMENT, simulated_platform
from tests.support.receipts import Draft, written_policy
from tests.support.rooms import FakeWorker, clock, coordinator, room_manifest, room_platform

NOTHING = Collateral()
REVOKED = r"SEV-Genoa is revoked by its root"
NO_LIST = r"revocation list is none, expected a list of the root's"


def agreed(**asked):
    """The good manifest, with these demands on its machines."""
    return good_manifest(written_policy() | asked)


def made(manifest, room=NOTHING, workers=NOTHING):
    """A receipt, with statement and joins inside; the room and its workers carry these lists."""
    guest = simulated_platform().attester(MEASUREMENT, Genesis.of(manifest).digest)
    return Draft(
        manifest=manifest,
        attester=Carrying(guest, room),
        worker_attester=Carrying(guest, workers),
    ).receipt()


def met_by_party(receipt, manifest, own=NOTHING, now=NOW):
    return verify_for_party(
        receipt.statement,
        manifest,
        nonce=receipt_nonce(receipt.envelope.payload),
        remembered=None,
        consistency=(),
        allow_simulated=True,
        collateral=own,
        now=now,
    )


def met_by_worker(receipt, manifest, own=NOTHING):
    statement, born = receipt.statement, Genesis.of(manifest)
    nonce = receipt_nonce(receipt.envelope.payload)
    return verify_for_worker(statement, born, nonce=nonce, collateral=own, now=NOW)


def met_by_room(receipt, manifest, own=NOTHING, now=NOW):
    join, genesis = receipt.joins[0], Genesis.of(manifest).digest
    role = manifest.workers["cpu"]
    return appraise_join(
        join,
        role,
        manifest,
        reference_values=(),
        genesis=genesis,
        collateral=own,
        now=now,
    )


def read_later(receipt, manifest, own=NOTHING):
    return verify_receipt(receipt, manifest, allow_simulated=True, collateral=own)


# --- a revoked machine, wherever it shows its evidence --------------------------------------------


def test_revoked_room_meets_a_party_that_was_told():
    manifest = agreed()
    with pytest.raises(EvidenceRejected, match=REVOKED):
        met_by_party(made(manifest), manifest, own=listed("SEV-Genoa"))


def test_revoked_room_meets_a_worker_that_was_told():
    manifest = agreed()
    with pytest.raises(EvidenceRejected, match=REVOKED):
        met_by_worker(made(manifest), manifest, own=listed("SEV-Genoa"))


def test_revoked_worker_meets_a_room_that_was_told():
    manifest = agreed()
    with pytest.raises(EvidenceRejected, match=REVOKED):
        met_by_room(made(manifest), manifest, own=listed("SEV-Genoa"))


def test_receipt_of_a_room_that_was_revoked_by_then():
    manifest = agreed()
    with pytest.raises(EvidenceRejected, match=REVOKED):
        read_later(made(manifest, room=listed("SEV-Genoa")), manifest)


def test_receipt_of_workers_that_were_revoked_by_then():
    manifest = agreed()
    with pytest.raises(EvidenceRejected, match=REVOKED):
        read_later(made(manifest, workers=listed("SEV-Genoa")), manifest)


def test_receipt_of_a_revoked_room_for_a_reader_that_was_told():
    manifest = agreed()
    with pytest.raises(EvidenceRejected, match=REVOKED):
        read_later(made(manifest), manifest, own=listed("SEV-Genoa"))


# --- who would rather not notice ------------------------------------------------------------------


def test_room_shows_an_older_list_than_the_party_holds():
    manifest = agreed(revocation="require")
    shown = made(manifest, room=listed(days=OLD))
    assert met_by_party(shown, manifest).result.claims.revocation is not None
    with pytest.raises(EvidenceRejected, match=REVOKED):
        met_by_party(shown, manifest, own=listed("SEV-Genoa", days=NEW))


def test_room_shows_a_fresher_list_than_the_party_holds():
    """The party's own list is old and clean; what it is shown is newer, and counts."""
    manifest = agreed()
    shown = made(manifest, room=listed("SEV-Genoa", days=NEW))
    with pytest.raises(EvidenceRejected, match=REVOKED):
        met_by_party(shown, manifest, own=listed(days=OLD))


def test_worker_shows_an_older_list_than_the_room_holds():
    manifest = agreed(revocation="require")
    shown = made(manifest, workers=listed(days=OLD))
    assert met_by_room(shown, manifest).claims.revocation is not None
    with pytest.raises(EvidenceRejected, match=REVOKED):
        met_by_room(shown, manifest, own=listed("SEV-Genoa", days=NEW))


def test_machine_shows_no_list_where_one_is_required():
    manifest = agreed(revocation="require")
    with pytest.raises(AppraisalFailed, match=NO_LIST):
        met_by_party(made(manifest), manifest)
    with pytest.raises(AppraisalFailed, match=NO_LIST):
        met_by_room(made(manifest), manifest)


def test_machine_shows_the_list_of_another_issuer():
    manifest = agreed(revocation="require")
    with pytest.raises(AppraisalFailed, match=NO_LIST):
        met_by_party(made(manifest, room=unrelated()), manifest)


def test_machine_shows_a_list_of_its_own_making():
    """It claims to be the root's and newer than any; nobody but the root can sign it."""
    manifest = agreed(revocation="require")
    with pytest.raises(EvidenceRejected, match="signature of the revocation list"):
        met_by_party(made(manifest, room=listed(forged=True)), manifest)


def test_machine_shows_a_list_that_has_ended():
    manifest = agreed(revocation="require", crl_grace_d=3)
    shown = made(manifest, room=listed(days=OLD), workers=listed(days=OLD))
    end = NOW + timedelta(days=OLD + 30)
    assert met_by_party(shown, manifest, now=end + timedelta(days=3))
    with pytest.raises(AppraisalFailed, match=r"revocation list is of .*, or 3 days past"):
        met_by_party(shown, manifest, now=end + timedelta(days=3, seconds=1))
    with pytest.raises(AppraisalFailed, match=r"revocation list is of .*, or 3 days past"):
        met_by_room(shown, manifest, now=end + timedelta(days=3, seconds=1))


def test_machine_shows_a_list_that_is_in_force_but_older_than_agreed():
    manifest = agreed(revocation="require", max_crl_age_d=10)
    with pytest.raises(AppraisalFailed, match="age of the revocation list is 20 days"):
        met_by_party(made(manifest, room=listed(days=OLD)), manifest)


def test_lists_are_taken_out_of_a_receipt():
    manifest = agreed(revocation="require")
    receipt = made(manifest, room=listed())
    assert read_later(receipt, manifest)
    bare = receipt.statement.evidence.model_copy(update={"collateral": None})
    stripped = receipt.statement.model_copy(update={"evidence": bare})
    with pytest.raises(AppraisalFailed, match=NO_LIST):
        read_later(receipt.model_copy(update={"statement": stripped}), manifest)


# --- a whole room ---------------------------------------------------------------------------------


def two_products():
    """A manifest for a coordinator on Genoa and workers on Genoa or Turin."""
    machine = room_platform()
    return room_manifest(
        machine,
        **{
            "attestation__worker-snp__products": ["Genoa", "Turin"],
            "attestation__worker-snp__min_tcb": {
                product: dict(GOOD_TCB[product]) for product in ("Genoa", "Turin")
            },
        },
    )


@contextmanager
def told_room(directory, *revoked):
    """A coordinator on Genoa whose operator brought the list that revokes this."""
    crl = room_platform().revocations(revoked, clock() - timedelta(hours=1))
    file = bundle_file(directory / "bundle.json", Collateral(amd_crls=[crl]), clock())
    with coordinator(directory / "room", two_products(), collateral=file) as room:
        yield room, file


def turin(room):
    return room.platform.attester(MEASUREMENT, room.genesis.digest, "Turin")


def test_revoked_worker_is_refused_at_the_door_of_a_room(tmp_path):
    with (
        told_room(tmp_path, "SEV-Turin") as (room, _),
        FakeWorker(room) as good,
        FakeWorker(room, attester=turin(room)) as bad,
    ):
        assert good.join().instance
        with pytest.raises(EvidenceRejected, match=r"SEV-Turin is revoked by its root"):
            bad.join()


def test_worker_that_is_revoked_later_keeps_no_lease(tmp_path):
    from cleanroom.protocol.work import Renew

    with (
        told_room(tmp_path) as (room, file),
        FakeWorker(room, attester=turin(room)) as worker,
    ):
        worker.join()
        crl = room_platform().revocations(("SEV-Turin",), clock())
        bundle_file(file, Collateral(amd_crls=[crl]), clock())
        worker.report(Renew())
        with pytest.raises(EvidenceRejected, match=r"SEV-Turin is revoked by its root"):
            worker.hear()


def test_revoked_coordinator_shows_its_own_revocation(tmp_path):
    """The operator's list is honest: then nobody needs a list of its own to notice."""
    with told_room(tmp_path, "SEV-Genoa") as (room, _), pytest.raises(EvidenceRejected):
        room.party("bank")
