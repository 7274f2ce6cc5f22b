"""The table of platforms is whole: whatever is named somewhere has its row, and nothing else."""

from typing import get_args

import pytest

from cleanroom.attestation.anchors import Anchors
from cleanroom.attestation.claims import AnyClaims
from cleanroom.attestation.collateral import Collateral
from cleanroom.attestation.evidence import Evidence, Platform
from cleanroom.attestation.policy import AppraisalPolicy
from cleanroom.attestation.roots import VENDOR_ROOTS, Vendor
from cleanroom.attestation.table import PLATFORMS
from cleanroom.attestation.verifier import verify
from cleanroom.errors import EvidenceRejected, NotCanonical
from tests.support.platform import BINDING, NOW, good_evidence, good_tdx_evidence

NAMES = get_args(Platform)


def members(union):
    return set(get_args(get_args(union)[0]))


def named(model):
    (name,) = get_args(model.model_fields["platform"].annotation)
    return name


def test_every_platform_has_its_row():
    assert PLATFORMS.keys() == set(NAMES)


@pytest.mark.parametrize("name", NAMES)
def test_row_is_of_its_platform(name):
    row = PLATFORMS[name]
    assert (named(row.claims), named(row.policy)) == (name, name)
    assert {"platform", "host_data", "development_roots"} <= row.policy.model_fields.keys()
    assert isinstance(row.policy.lists_machines, property)


def test_unions_hold_the_types_of_the_table():
    assert members(AnyClaims) == {row.claims for row in PLATFORMS.values()}
    assert members(AppraisalPolicy) == {row.policy for row in PLATFORMS.values()}


def test_every_vendor_has_roots_of_its_own():
    assert VENDOR_ROOTS.keys() == set(get_args(Vendor))
    roots = [root for published in VENDOR_ROOTS.values() for root in published]
    assert len(roots) == len(set(roots))
    anchors = Anchors.vendor()
    assert {root for vendor in VENDOR_ROOTS for root in anchors.roots_of(vendor)} == set(roots)


@pytest.mark.parametrize("name", NAMES)
def test_hints_of_platforms_do_not_shadow_each_other(name):
    others = {code for other, row in PLATFORMS.items() if other != name for code in row.hints}
    assert not PLATFORMS[name].hints.keys() & others


@pytest.mark.parametrize("name", [name for name in NAMES if not PLATFORMS[name].takes_event_log])
def test_event_log_where_the_platform_has_none(name):
    evidence = Evidence(platform=name, report=b"\x01", endorsements=[], event_log=b"\x01")
    with pytest.raises(EvidenceRejected, match=f"{name} evidence is with an event log"):
        verify(
            evidence,
            binding=BINDING,
            anchors=Anchors.vendor(),
            collateral=Collateral(),
            now=NOW,
        )


def test_absent_event_log_is_not_written():
    evidence = good_evidence()
    assert b"event_log" not in evidence.to_bytes()
    padded = evidence.to_bytes().replace(b'"platform"', b'"event_log":null,"platform"')
    with pytest.raises(NotCanonical):
        Evidence.from_bytes(padded)
    logged = good_tdx_evidence()
    assert Evidence.from_bytes(logged.to_bytes()) == logged
    assert logged.digest != logged.model_copy(update={"event_log": None}).digest
