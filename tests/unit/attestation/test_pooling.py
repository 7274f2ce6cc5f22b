"""Collateral of several hands: of two lists or documents about the same, the fresher one counts."""

from datetime import timedelta
from functools import cache

import pytest

from cleanroom.attestation.collateral import MOST_AMD_CRLS, Collateral, IntelCollateral
from cleanroom.attestation.evidence import LARGEST_COLLATERAL, Evidence
from cleanroom.attestation.pooling import freshest, pool
from cleanroom.errors import EvidenceRejected, RecordMalformed
from tests.support.platform import NOW, good_evidence, simulated_platform, simulated_tdx


@cache
def issued(days):
    """Intel's collateral as it was issued this many days from now, for thirty days."""
    return simulated_tdx().collateral((days, days + 30))


@cache
def amd(days, *revoked):
    return Collateral(
        amd_crls=[simulated_platform().revocations(revoked, NOW + timedelta(days=days))]
    )


def test_nothing_and_nothing_is_nothing():
    assert pool((Collateral(), None), NOW) == Collateral()


def test_every_list_is_kept_once():
    pooled = pool((amd(0), amd(-1), amd(0), None), NOW)
    assert pooled.amd_crls == sorted([*amd(0).amd_crls, *amd(-1).amd_crls])


def test_too_many_lists_are_refused():
    hands = [amd(-number) for number in range(MOST_AMD_CRLS + 1)]
    with pytest.raises(EvidenceRejected, match="with 9 lists of AMD's"):
        pool(hands, NOW)


def test_one_hand_is_taken_as_it_is():
    only = issued(0)
    assert pool((Collateral(intel=only),), NOW).intel is only


@pytest.mark.parametrize("order", [1, -1])
def test_of_two_the_fresher_documents_count(order):
    old, new = issued(-10), issued(-1)
    assert freshest([old, new][::order], NOW) == new


def test_documents_of_the_future_do_not_count_yet():
    now, later = issued(-1), issued(5)
    assert freshest([now, later], NOW) == now


def test_documents_that_ended_do_not_stand_before_those_in_force():
    ended = issued(-90)
    assert freshest([ended, issued(-1)], NOW) == issued(-1)


def test_documents_about_other_platforms_stay_beside_each_other():
    mine = issued(-1)
    info = mine.tcb_infos[0]
    other = IntelCollateral(
        **{**dict(mine), "tcb_infos": [info.model_copy(update={"document": other_kind(info)})]}
    )
    assert freshest([mine, other], NOW).tcb_infos == [*mine.tcb_infos, *other.tcb_infos]


def other_kind(info):
    at = info.document.index(b'"fmspc":"') + len(b'"fmspc":"')
    return info.document[:at] + b"ffffffffffff" + info.document[at + 12 :]


def test_what_travels_with_evidence_is_part_of_its_digest():
    evidence = good_evidence()
    carrying = evidence.carrying(amd(0))
    assert carrying.digest != evidence.digest
    assert Evidence.from_bytes(carrying.to_bytes()) == carrying


def test_evidence_that_carries_nothing_keeps_its_bytes():
    evidence = good_evidence()
    assert evidence.carrying(Collateral()) is evidence
    assert "collateral" not in evidence.to_plain()


def test_more_than_a_room_needs_does_not_travel():
    large = Collateral(amd_crls=[b"\x30" * LARGEST_COLLATERAL])
    plain = good_evidence().to_plain() | {"collateral": large.to_plain()}
    with pytest.raises(RecordMalformed, match=r"collateral is .* bytes, expected at most"):
        Evidence.from_plain(plain)
