"""What notices a revoked machine is taken away, piece by piece: then it passes for a good one."""

import pytest

from cleanroom.attestation.collateral import Collateral
from cleanroom.protocol.join import appraise_join
from tests.attacks import test_collateral_revoked as revoked
from tests.support.breaches import Mutant, assert_gets_through, shown
from tests.support.mutants import passes, returns

CRL = "cleanroom.attestation.formats.crl"
SNP = "cleanroom.attestation.rules.snp"
POOL = "cleanroom.attestation.verifier:pool"
NO_FINDING = returns(())


def own_only(given, _now):
    """What came with the evidence does not count."""
    return given[0]


def shown_first(given, _now):
    """What was shown counts, and the verifier's own only where nothing was shown."""
    return given[1] or given[0]


def told_nothing(*args, **kwargs):
    """The room's own lists are left out."""
    return appraise_join(*args, **{**kwargs, "collateral": Collateral()})


MUTANTS = [
    *(
        Mutant(f"{CRL}:_require_absent", passes, story)
        for story in (
            revoked.test_revoked_room_meets_a_party_that_was_told,
            revoked.test_revoked_room_meets_a_worker_that_was_told,
            revoked.test_revoked_worker_meets_a_room_that_was_told,
            revoked.test_receipt_of_a_room_that_was_revoked_by_then,
            revoked.test_receipt_of_workers_that_were_revoked_by_then,
            revoked.test_receipt_of_a_revoked_room_for_a_reader_that_was_told,
        )
    ),
    Mutant(f"{CRL}:require_signed", passes, revoked.test_machine_shows_a_list_of_its_own_making),
    Mutant(POOL, own_only, revoked.test_room_shows_a_fresher_list_than_the_party_holds),
    Mutant(POOL, own_only, revoked.test_receipt_of_workers_that_were_revoked_by_then),
    Mutant(POOL, shown_first, revoked.test_room_shows_an_older_list_than_the_party_holds),
    Mutant(POOL, shown_first, revoked.test_worker_shows_an_older_list_than_the_room_holds),
    Mutant(
        f"{SNP}:check_revocation",
        NO_FINDING,
        revoked.test_machine_shows_no_list_where_one_is_required,
    ),
    Mutant(
        f"{SNP}:check_revocation",
        NO_FINDING,
        revoked.test_machine_shows_the_list_of_another_issuer,
    ),
    Mutant(f"{SNP}:check_revocation", NO_FINDING, revoked.test_machine_shows_a_list_that_has_ended),
    Mutant(f"{SNP}:check_revocation", NO_FINDING, revoked.test_lists_are_taken_out_of_a_receipt),
    Mutant(
        f"{SNP}:check_list_age",
        NO_FINDING,
        revoked.test_machine_shows_a_list_that_is_in_force_but_older_than_agreed,
    ),
]
WHOLE_ROOMS = [
    Mutant(
        "enclave.coordinator.admission:appraise_join",
        told_nothing,
        revoked.test_revoked_worker_is_refused_at_the_door_of_a_room,
    ),
    Mutant(
        "enclave.coordinator.reports:renew",
        returns(600),
        revoked.test_worker_that_is_revoked_later_keeps_no_lease,
    ),
]


@pytest.mark.parametrize("mutant", MUTANTS, ids=shown)
def test_a_revoked_machine_gets_through(monkeypatch, mutant):
    assert_gets_through(monkeypatch, mutant)


@pytest.mark.parametrize("mutant", WHOLE_ROOMS, ids=shown)
def test_a_revoked_worker_gets_into_a_room(monkeypatch, mutant, tmp_path_factory):
    def story():
        mutant.story(tmp_path_factory.mktemp("room"))

    assert_gets_through(monkeypatch, mutant, story)
