"""TCB levels of Intel's platforms: matching, converging, relaunch advice."""

import json

import pytest

from cleanroom.attestation.formats.intel_documents import (
    read_enclave_identity,
    read_tcb_info,
    signed_part,
)
from cleanroom.attestation.formats.pck import Pck
from cleanroom.attestation.silicon.intel_tcb import (
    TdxLevels,
    converge,
    isv_level,
    module_identity,
    module_level,
    standing_of,
)
from cleanroom.errors import EvidenceRejected

ZERO = {"mrsigner": "00" * 48, "attributes": "00" * 8, "attributesMask": "FF" * 8}
DATES = {"issueDate": "2026-01-01T00:00:00Z", "nextUpdate": "2026-02-01T00:00:00Z"}


def level(sgx, pce, tdx, status, advisories=()):
    tcb = {"sgxtcbcomponents": [{"svn": sgx}] * 16, "pcesvn": pce}
    if tdx is not None:
        tcb["tdxtcbcomponents"] = [{"svn": svn} for svn in (*tdx, *[0] * 13)]
    return {
        "tcb": tcb,
        "tcbDate": "2025-01-01T00:00:00Z",
        "tcbStatus": status,
        "advisoryIDs": list(advisories),
    }


def isv(svn, status):
    return {"tcb": {"isvsvn": svn}, "tcbDate": "2025-06-01T00:00:00Z", "tcbStatus": status}


def info(*levels, modules=(), kind="TDX"):
    plain = {
        "id": kind,
        "version": 3,
        **DATES,
        "fmspc": "00806f050000",
        "pceId": "0000",
        "tcbType": 0,
        "tcbEvaluationDataNumber": 18,
        "tcbLevels": list(levels),
    }
    if kind == "TDX":
        identities = [
            {"id": name, **ZERO, "tcbLevels": [isv(*one) for one in listed]}
            for name, listed in modules
        ]
        plain |= {"tdxModule": ZERO, "tdxModuleIdentities": identities}
    return read_tcb_info(json.dumps(plain).encode())


def pck(component=9, pce=11):
    return Pck(bytes(16), (component,) * 16, pce, bytes(2), bytes(6), "scalable", b"", {})


def enclave(status="UpToDate"):
    return module_level(
        info(level(1, 1, (0, 0, 0), "UpToDate"), modules=[("TDX_01", [(1, status)])]), b"\x01\x01"
    )


def svn(module=5, version=1, microcode=9):
    return bytes([module, version, microcode, *[0] * 13])


MODULES = [("TDX_01", [(3, "OutOfDate"), (5, "UpToDate")])]
LEVELS = [
    level(6, 10, (5, 0, 6), "OutOfDate", ["INTEL-SA-00001"]),
    level(9, 11, (5, 0, 9), "UpToDate"),
    level(8, 11, (5, 0, 8), "SWHardeningNeeded", ["INTEL-SA-00002"]),
]
"""Not in order: the newest is found by its numbers."""


def standing(*, levels=LEVELS, modules=MODULES, of=None, qe="UpToDate", at=None, now=None):
    tdx = TdxLevels(at or svn(), now)
    return standing_of(info(*levels, modules=modules), of or pck(), enclave(qe), tdx)


@pytest.mark.parametrize(
    ("component", "microcode", "status", "advisories"),
    [
        (9, 9, "UpToDate", ()),
        (255, 255, "UpToDate", ()),
        (8, 9, "SWHardeningNeeded", ("INTEL-SA-00002",)),
        (9, 8, "SWHardeningNeeded", ("INTEL-SA-00002",)),
        (6, 9, "OutOfDate", ("INTEL-SA-00001",)),
        (9, 7, "OutOfDate", ("INTEL-SA-00001",)),
    ],
)
def test_first_level_at_or_below_both_certificate_and_report(
    component, microcode, status, advisories
):
    found = standing(of=pck(component), at=svn(microcode=microcode))
    assert (found.status, found.advisories) == (status, advisories)


def test_one_component_below_lowers_the_whole_platform():
    mixed = Pck(bytes(16), (9,) * 15 + (6,), 11, bytes(2), bytes(6), "scalable", b"", {})
    assert standing(of=mixed).status == "OutOfDate"


def test_provisioning_enclave_below_lowers_the_platform():
    assert standing(of=pck(9, pce=10)).status == "OutOfDate"


def test_platform_below_every_level_is_not_supported():
    for below in (pck(5), pck(9, pce=9)):
        with pytest.raises(EvidenceRejected, match="below every level that Intel lists"):
            standing(of=below)
    with pytest.raises(EvidenceRejected, match="below every level that Intel lists"):
        standing(at=svn(microcode=5))


def test_sgx_platform_needs_no_tdx_level():
    sgx = info(level(9, 11, None, "UpToDate"), kind="SGX")
    assert standing_of(sgx, pck(), enclave()).status == "UpToDate"


def test_tdx_report_against_levels_without_tdx():
    with pytest.raises(EvidenceRejected, match="below every level"):
        standing(levels=[level(9, 11, None, "UpToDate")])


def test_module_s_own_components_count_only_for_the_first_modules():
    """Intel compares the first two components only where the module has no identity of its own."""
    low = svn(module=4, version=0, microcode=9)
    with pytest.raises(EvidenceRejected, match="below every level"):
        standing(at=low)
    lenient = [("TDX_01", [(4, "UpToDate")])]
    assert standing(modules=lenient, at=svn(module=4)).status == "UpToDate"


def test_outdated_module_makes_the_platform_outdated():
    assert standing(at=svn(module=4)).status == "OutOfDate"


def test_module_below_every_level():
    with pytest.raises(EvidenceRejected, match="the TCB of the TDX module is below"):
        standing(at=svn(module=2))


def test_module_of_an_unknown_version():
    with pytest.raises(EvidenceRejected, match="the TDX module is TDX_07"):
        standing(at=svn(version=7))


def test_module_identity_is_found_whatever_the_case_of_its_name():
    known = info(*LEVELS, modules=[("TDX_0a", [(1, "UpToDate")])])
    assert module_identity(known, b"\x01\x0a").id == "TDX_0A"


@pytest.mark.parametrize(
    ("status", "other", "converged"),
    [
        ("UpToDate", "UpToDate", "UpToDate"),
        ("UpToDate", "OutOfDate", "OutOfDate"),
        ("SWHardeningNeeded", "OutOfDate", "OutOfDate"),
        ("ConfigurationNeeded", "OutOfDate", "OutOfDateConfigurationNeeded"),
        ("ConfigurationAndSWHardeningNeeded", "OutOfDate", "OutOfDateConfigurationNeeded"),
        ("OutOfDate", "OutOfDate", "OutOfDate"),
        ("OutOfDateConfigurationNeeded", "OutOfDate", "OutOfDateConfigurationNeeded"),
        ("TDRelaunchAdvised", "UpToDate", "TDRelaunchAdvised"),
        ("Revoked", "UpToDate", "Revoked"),
        ("Revoked", "OutOfDate", "Revoked"),
        ("UpToDate", "Revoked", "Revoked"),
        ("OutOfDate", "Revoked", "Revoked"),
    ],
)
def test_statuses_converge_to_the_worse(status, other, converged):
    assert converge(status, other) == converged


@pytest.mark.parametrize("qe", ["OutOfDate", "Revoked"])
def test_quoting_enclave_below_lowers_the_platform(qe):
    assert standing(qe=qe).status == qe


@pytest.mark.parametrize(
    ("now", "status"),
    [
        (None, "OutOfDate"),
        (svn(module=3), "OutOfDate"),
        (svn(module=4), "OutOfDate"),
        (svn(module=5), "TDRelaunchAdvised"),
        (svn(module=6, microcode=255), "TDRelaunchAdvised"),
        (svn(module=5, microcode=8), "OutOfDate"),
    ],
)
def test_relaunch_is_advised_when_the_module_was_updated_under_the_guest(now, status):
    assert standing(at=svn(module=3), now=now).status == status


def test_relaunch_to_the_first_modules_is_judged_by_the_platform_s_level():
    first = svn(module=5, version=0)
    assert standing(at=svn(module=3), now=first).status == "TDRelaunchAdvised"
    assert standing(at=svn(module=3), now=svn(module=4, version=0)).status == "OutOfDate"


def test_relaunch_of_a_platform_that_also_needs_configuration():
    levels = [level(9, 11, (5, 0, 9), "ConfigurationNeeded")]
    found = standing(levels=levels, at=svn(module=3), now=svn(module=5))
    assert found.status == "TDRelaunchAdvisedConfigurationNeeded"


@pytest.mark.parametrize("qe", ["OutOfDate", "Revoked"])
def test_relaunch_does_not_help_below_an_old_quoting_enclave(qe):
    assert standing(at=svn(module=3), now=svn(module=5), qe=qe).status == qe


def test_relaunch_does_not_help_on_an_outdated_platform():
    found = standing(of=pck(6), at=svn(module=3), now=svn(module=5))
    assert found.status == "OutOfDate"


def test_relaunch_into_an_unknown_module():
    with pytest.raises(EvidenceRejected, match="the TDX module is TDX_09"):
        standing(at=svn(module=3), now=svn(module=5, version=9))


def test_date_is_the_oldest_of_all_parts():
    assert f"{standing().date:%Y-%m}" == "2025-01"


# --- documents ------------------------------------------------------------------------------------

SIGNATURE = b'"signature":"' + b"ab" * 64 + b'"}'


def test_signed_part_is_the_exact_bytes():
    inner = b'{ "a" : [1,  2] }'
    assert signed_part(b'{"tcbInfo":' + inner + b"," + SIGNATURE, "tcbInfo") == (
        inner,
        b"\xab" * 64,
    )


@pytest.mark.parametrize(
    "served",
    [
        b"",
        b'{"enclaveIdentity":{},' + SIGNATURE,
        b'{"tcbInfo":{}}',
        b'{"tcbInfo":[],' + SIGNATURE,
        b'{"x":1,"tcbInfo":{},' + SIGNATURE,
        b'{"tcbInfo":{},"signature":"ab"}',
        b'{"tcbInfo":{},' + SIGNATURE + b"x",
    ],
)
def test_answer_of_another_form(served):
    with pytest.raises(EvidenceRejected, match="of another form"):
        signed_part(served, "tcbInfo")


def test_second_object_hidden_between_body_and_signature_is_no_tcb_info():
    inner, _ = signed_part(b'{"tcbInfo":{"a":1},"b":{},' + SIGNATURE, "tcbInfo")
    with pytest.raises(EvidenceRejected, match="Intel's TcbInfo is not JSON"):
        read_tcb_info(inner)


@pytest.mark.parametrize(
    "change",
    [
        {"version": 2},
        {"id": "TPM"},
        {"tcbLevels": []},
        {"tcbLevels": [level(1, 1, (0, 0, 0), "Perfect")]},
        {"issueDate": "yesterday"},
        {"fmspc": 7},
        {"tcbEvaluationDataNumber": -1},
    ],
)
def test_tcb_info_that_says_something_else(change):
    good = json.loads(info(*LEVELS).model_dump_json(by_alias=True))
    with pytest.raises(EvidenceRejected, match="Intel's TcbInfo is malformed at"):
        read_tcb_info(json.dumps(good | change).encode())


def test_level_with_fifteen_components():
    short = level(1, 1, (0, 0, 0), "UpToDate")
    short["tcb"]["sgxtcbcomponents"].pop()
    with pytest.raises(EvidenceRejected, match="malformed at tcbLevels"):
        info(short)


def test_new_fields_of_intel_are_ignored():
    good = json.loads(info(*LEVELS).model_dump_json(by_alias=True))
    assert read_tcb_info(json.dumps(good | {"novelty": 1}).encode()) == info(*LEVELS)


def test_identity_of_another_form():
    with pytest.raises(EvidenceRejected, match="Intel's EnclaveIdentity is malformed"):
        read_enclave_identity(b"{}")


def test_levels_are_matched_newest_first_in_any_order():
    listed = info(*LEVELS, modules=MODULES).module_identities[0].tcb_levels
    assert isv_level(listed, 9, "x").tcb_status == "UpToDate"
    assert isv_level(listed, 4, "x").tcb_status == "OutOfDate"
