"""What was fetched is used while it is in force, and a little longer only where somebody says so."""

from datetime import timedelta

import pytest

from cleanroom.attestation.anchors import Anchors
from cleanroom.attestation.collateral import Collateral
from cleanroom.attestation.verifier import verify
from cleanroom.collateral.bundle import Bundle
from cleanroom.collateral.freshness import LONGEST_GRACE_S, moment_of, windows
from cleanroom.errors import CollateralMissing, EvidenceRejected
from tests.support.platform import (
    BINDING,
    NOW,
    good_evidence,
    good_tdx_evidence,
    simulated_platform,
    simulated_tdx,
)

DAY = timedelta(days=1)
HOUR = timedelta(hours=1)


def bundle(days=30, *, amd=True, intel=True):
    said = simulated_tdx().collateral((-1, days)) if intel else None
    crls = [simulated_platform().revocations((), NOW, days)] if amd else []
    return Bundle(
        format="https://cleanroom.dev/collateral/v1",
        fetched_at=NOW,
        certificates=sorted(good_evidence().endorsements),
        collateral=Collateral(amd_crls=crls, intel=said),
    )


def test_every_part_is_listed_with_its_window():
    parts = windows(bundle())
    assert [part.kind for part in parts] == ["certificate"] * 3 + ["list"] * 3 + ["document"] * 2
    assert all(part.start <= NOW < part.end for part in parts)
    assert {part.name for part in parts} >= {"SEV-VCEK", "TD_QE identity"}


def test_what_is_in_force_is_judged_now():
    assert moment_of(bundle(), NOW, grace_s=0) == NOW


def test_an_empty_bundle_never_ends():
    later = NOW + 9999 * DAY
    assert moment_of(bundle(amd=False, intel=False), later, grace_s=0) == later


@pytest.mark.parametrize("vendor", ["amd", "intel"])
def test_what_is_past_is_refused_by_name(vendor):
    kept = bundle(amd=vendor == "amd", intel=vendor == "intel")
    with pytest.raises(CollateralMissing, match="not in force on") as refused:
        moment_of(kept, NOW + 31 * DAY, grace_s=0)
    assert refused.value.problems
    assert refused.value.exit_status == 4


def test_what_is_not_yet_in_force_is_refused_however_long_the_grace():
    with pytest.raises(CollateralMissing, match="not in force"):
        moment_of(bundle(), NOW - 5 * DAY, grace_s=LONGEST_GRACE_S)


def test_grace_looks_back_to_the_last_moment_in_force():
    kept, late = bundle(), NOW + 30 * DAY + HOUR
    moment = moment_of(kept, late, grace_s=7200)
    assert moment == min(part.end for part in windows(kept) if part.kind != "certificate")
    with pytest.raises(CollateralMissing):
        moment_of(kept, late + 2 * HOUR, grace_s=7200)


def test_evidence_is_verified_within_grace_and_refused_without():
    kept, late = bundle(), NOW + 30 * DAY + HOUR
    arguments = {
        "binding": BINDING,
        "anchors": Anchors.development([simulated_tdx().root_fingerprint]),
        "collateral": kept.collateral,
    }
    with pytest.raises(EvidenceRejected, match="not valid on"):
        verify(good_tdx_evidence(), now=late, **arguments)
    claims = verify(good_tdx_evidence(), now=moment_of(kept, late, grace_s=7200), **arguments)
    assert claims.verified_at < late


@pytest.mark.parametrize("grace_s", [-1, LONGEST_GRACE_S + 1])
def test_a_grace_has_bounds(grace_s):
    with pytest.raises(CollateralMissing, match="the grace is"):
        moment_of(bundle(), NOW, grace_s=grace_s)


def test_a_list_that_is_none_is_refused():
    broken = Bundle(**(dict(bundle()) | {"collateral": Collateral(amd_crls=[b"\x30\x00"])}))
    with pytest.raises(EvidenceRejected, match="AMD's list is unreadable"):
        windows(broken)
