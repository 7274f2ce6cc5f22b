"""Two verifiers of TDX, written apart, agree: the package's and `docs/spec/verify_quote.py`."""

import ast
import json
import subprocess
import sys
from datetime import timedelta

import pytest

from cleanroom.attestation.anchors import Anchors
from cleanroom.attestation.appraisal import appraise
from cleanroom.attestation.binding import binding_of
from cleanroom.attestation.collateral import Collateral
from cleanroom.attestation.evidence import Evidence
from cleanroom.attestation.policy import TdxPolicy
from cleanroom.attestation.verifier import verify
from cleanroom.encoding import instant_text
from cleanroom.errors import CleanroomError
from cleanroom.manifest.genesis import Genesis
from enclave.attester.scenarios_tdx import SCENARIOS
from tests.support.manifests import NOW, good_manifest
from tests.support.platform import (
    BINDING,
    GENESIS,
    MEASUREMENT,
    good_tdx_evidence,
    good_tdx_policy,
    other_tdx,
    simulated_tdx,
)
from tests.support.receipts import Draft
from tests.support.signed_values import image_statement, naming, signed_values, tdx_launch
from tests.support.vectors import cases
from tests.support.vectors_dcap import prepare
from tests.unit.test_receipt_verifier import (
    SCRIPT,
    altered,
    first_verdict,
    leaves,
    lines_of_code,
    loaded,
    shown,
)

QUOTES = SCRIPT.with_name("verify_quote.py")
receipts = loaded()
authentic, unmet, _ = receipts.judges("tdx")


def root():
    return simulated_tdx().root_fingerprint


def first(evidence, policy, now=NOW):
    """Whether the package accepts some evidence under an entry."""
    anchors = Anchors.development([root()])
    try:
        claims = verify(
            evidence, binding=BINDING, anchors=anchors, collateral=Collateral(), now=now
        )
        appraise(claims, {"entry": policy}, genesis=GENESIS, now=now)
    except CleanroomError as refused:
        return refused.message
    return True


def second(plain, policy, now=NOW):
    """Whether the one-file verifier does."""
    trust = {"now": now, "room": {}}
    try:
        said = authentic(plain, binding_of(BINDING), {root()}, trust)
        return unmet(said, policy.to_plain(), GENESIS) or True
    except Exception as fault:  # noqa: BLE001 - whatever is malformed
        return f"{type(fault).__name__}: {fault}"


def assert_alike(evidence, policy, now=NOW):
    said = first(evidence, policy, now), second(evidence.to_plain(), policy, now)
    assert (said[0] is True) == (said[1] is True), said
    return said[0] is True


# --- the file itself ------------------------------------------------------------------------------


def test_it_is_one_file_that_needs_cryptography_only():
    text = QUOTES.read_text()
    assert len(lines_of_code(text)) <= 340
    imported = {
        name.partition(".")[0]
        for node in ast.walk(ast.parse(text))
        if isinstance(node, ast.Import | ast.ImportFrom)
        for name in (
            [alias.name for alias in node.names] if isinstance(node, ast.Import) else [node.module]
        )
    }
    assert imported - sys.stdlib_module_names == {"cryptography"}


# --- machines of every kind, under policies of every kind -----------------------------------------

RISK = {"risk": "Known, and patched by the host.", "until": "2027-06-01T00:00:00Z"}
ENDED = RISK | {"until": instant_text(NOW)}
STATUSES = ["SWHardeningNeeded", "ConfigurationNeeded", "OutOfDate", "TDRelaunchAdvised"]
ADVISORIES = ["INTEL-SA-00615", "INTEL-SA-00289", "INTEL-SA-01036"]
TOLERANT = {
    "tcb_status": ["UpToDate", *STATUSES],
    "accepted_risks": dict.fromkeys((*STATUSES, *ADVISORIES), RISK),
}
ANY_BITS = dict.fromkeys(("debug", "sept_ve_disable", "migratable"), "any") | {"unnamed": "any"}


def image(**changed):
    (listed,) = good_tdx_policy().to_plain()["measurements"]
    return [listed | changed]


POLICIES = {
    "as it is": {},
    "tolerant": TOLERANT,
    "a risk that has ended": TOLERANT
    | {
        "accepted_risks": TOLERANT["accepted_risks"] | {"OutOfDate": ENDED, "INTEL-SA-00289": ENDED}
    },
    "a newer recovery": {"min_tcb_evaluation_number": 19},
    "fresh collateral": {"max_collateral_age_d": 1},
    "any attribute": {"td_attributes": ANY_BITS},
    "any service guest": {"mr_service_td": "any", "td_attributes": ANY_BITS},
    "smt forbidden": {"platform_flags": {"smt": "forbid"}},
    "smt required": {"platform_flags": {"smt": "require", "dynamic_platform": "forbid"}},
    "another platform": {"ppids": ["ab" * 16]},
    "another owner": {"mr_owner": "ab" * 48},
    "no owner": {"mr_owner": "zero", "mr_owner_config": "zero"},
    "another module": {"mr_seam": ["ab" * 48]},
    "another firmware": {"measurements": image(mrtd="ab" * 48)},
    "another kernel or this": {"measurements": image(rtmr1="ab" * 48) + image()},
    "any kernel by its events": {
        "measurements": image(
            rtmr1="any",
            events=[{"register": 1, "allowed": ["ab" * 48], "required": ["ab" * 48]}],
        )
    },
    "another room": {"host_data": "ab" * 48},
    "any room": {"host_data": "any"},
}


@pytest.mark.parametrize("name", POLICIES)
def test_both_judge_every_machine_alike_under(name):
    policy = TdxPolicy.from_plain(good_tdx_policy().to_plain() | POLICIES[name])
    verdicts = {
        scenario: assert_alike(good_tdx_evidence(scenario), policy) for scenario in SCENARIOS
    }
    if name == "as it is":
        assert {scenario for scenario, accepted in verdicts.items() if accepted} == {
            "good",
            "td15",
            "no-log",
        }


def test_both_judge_events_alike():
    told = authentic(
        good_tdx_evidence().to_plain(), binding_of(BINDING), {root()}, {"now": NOW, "room": {}}
    )["events"]
    digests = [digest for register, digest in told if register == 1]
    for required, accepted in ((digests, True), ([*digests, "ab" * 48], False)):
        rule = {"register": 1, "allowed": [*digests, "ab" * 48], "required": required}
        policy = good_tdx_policy(measurements=image(rtmr1="any", events=[rule]))
        assert assert_alike(good_tdx_evidence(), policy) is accepted
        assert assert_alike(good_tdx_evidence("no-log"), policy) is False


@pytest.mark.parametrize("days", [-2, 0, 100, 364, 366, 4000])
def test_both_judge_the_time_alike(days):
    now = NOW + timedelta(days=days)
    assert assert_alike(good_tdx_evidence(), good_tdx_policy(), now) is (0 <= days < 365)


def test_both_refuse_another_root():
    evidence = other_tdx().attester(MEASUREMENT, GENESIS).collect(BINDING)
    assert assert_alike(evidence, good_tdx_policy()) is False


# --- every byte of a quote ------------------------------------------------------------------------


@pytest.mark.parametrize("scenario", ["good", "td15"])
def test_both_judge_an_altered_quote_alike(scenario):
    """The whole quote in steps: header, body, keys, reports and certificates."""
    plain = good_tdx_evidence(scenario).to_plain()
    evidence = Evidence.from_plain(plain)
    raw, policy = evidence.report, good_tdx_policy()
    for at in range(0, len(raw), 29):
        changed = raw[:at] + bytes([raw[at] ^ 1]) + raw[at + 1 :]
        assert assert_alike(evidence.model_copy(update={"report": changed}), policy) is (
            first(evidence.model_copy(update={"report": changed}), policy) is True
        )
    for end in range(0, len(raw), 191):
        cut = evidence.model_copy(update={"report": raw[:end] or b"\0"})
        assert assert_alike(cut, policy) is False


# --- receipts -------------------------------------------------------------------------------------


def tdx_manifest():
    return good_manifest(good_tdx_policy().to_plain())


def tdx_guest(manifest, scenario="good"):
    return simulated_tdx().attester(MEASUREMENT, Genesis.of(manifest).digest, scenario)


def tdx_draft(manifest=None, scenario="good", **parts):
    manifest = manifest or tdx_manifest()
    guest = tdx_guest(manifest, scenario)
    machines = {"attester": tdx_guest(manifest), "worker_attester": guest}
    return Draft(manifest=manifest, **(machines | parts))


def second_verdict(raw, manifest):
    try:
        return receipts.verify(receipts.read(raw, "the receipt"), manifest.to_plain(), {root()})
    except Exception as fault:  # noqa: BLE001 - as its `main` does
        return f"{type(fault).__name__}: {fault}"


def assert_receipt_judged_alike(raw, manifest):
    verdicts = first_verdict(raw, manifest), second_verdict(raw, manifest)
    assert isinstance(verdicts[0], dict) == isinstance(verdicts[1], dict), verdicts
    return isinstance(verdicts[0], dict)


@pytest.mark.parametrize("reattested", [False, True])
def test_both_accept_a_receipt_of_a_room_on_tdx(reattested):
    draft = tdx_draft(reattested=reattested)
    raw = draft.receipt().to_bytes()
    assert second_verdict(raw, draft.manifest) == first_verdict(raw, draft.manifest)
    assert assert_receipt_judged_alike(raw, draft.manifest) is True


@pytest.mark.parametrize("scenario", SCENARIOS)
def test_both_judge_a_room_with_such_workers_alike(scenario):
    draft = tdx_draft(scenario=scenario)
    accepted = assert_receipt_judged_alike(draft.receipt().to_bytes(), draft.manifest)
    assert accepted is (scenario in {"good", "td15", "no-log"})


def evidence_leaves():
    plain = tdx_draft().receipt().to_plain()
    return [path for path in leaves(plain) if "evidence" in path]


@pytest.mark.parametrize("path", evidence_leaves(), ids=shown)
def test_both_refuse_a_receipt_with_one_value_of_its_evidence_altered(path):
    draft = tdx_draft()
    raw = receipts.canonical(altered(draft.receipt().to_plain(), path))
    assert assert_receipt_judged_alike(raw, draft.manifest) is False


def test_both_take_the_fresher_collateral_of_room_and_worker():
    draft = tdx_draft(scenario="stale-collateral")
    receipt = draft.receipt()
    assert assert_receipt_judged_alike(receipt.to_bytes(), draft.manifest) is False
    fresh = Collateral(intel=simulated_tdx().collateral())
    shown_by_room = receipt.statement.evidence.carrying(fresh)
    statement = receipt.statement.model_copy(update={"evidence": shown_by_room})
    raw = receipt.model_copy(update={"statement": statement}).to_bytes()
    assert assert_receipt_judged_alike(raw, draft.manifest) is True


def test_both_accept_an_image_on_tdx_that_its_builders_signed():
    launch = tdx_launch() | {"image": image()[0]}
    what = image_statement(launches=[launch])
    manifest = good_manifest(naming(good_tdx_policy().to_plain(), what=what))
    draft = tdx_draft(manifest, reference_values=signed_values(what=what))
    assert assert_receipt_judged_alike(draft.receipt().to_bytes(), manifest) is True
    other = tdx_draft(manifest, "wrong-kernel", reference_values=signed_values(what=what))
    assert assert_receipt_judged_alike(other.receipt().to_bytes(), manifest) is False


def test_as_a_command_it_proves_a_receipt_of_a_room_on_tdx(tmp_path):
    draft = tdx_draft()
    receipt, manifest = tmp_path / "receipt.json", tmp_path / "manifest.json"
    receipt.write_bytes(draft.receipt().to_bytes())
    manifest.write_text(json.dumps(draft.manifest.to_plain()))
    command = [sys.executable, "-I", SCRIPT, receipt, manifest, root()]
    proven = subprocess.run(command, capture_output=True, check=True, text=True)
    assert json.loads(proven.stdout)["assurance"] == "simulated"


# --- real evidence --------------------------------------------------------------------------------


@pytest.mark.skipif(not cases("tdx"), reason="real evidence is not part of the project")
@pytest.mark.parametrize("case", cases("tdx"), ids=lambda case: case["id"])
def test_both_read_real_quotes_alike(case):
    prepared = prepare(case)
    evidence = prepared.evidence.to_plain()
    carried = {"collateral": prepared.collateral.to_plain()}
    trust = {"now": prepared.now, "room": carried}
    arguments = (binding_of(prepared.binding), receipts.judges("tdx")[2], trust)
    try:
        claims = prepared.verified()
    except CleanroomError:
        with pytest.raises(Exception, match=r".*"):
            authentic(evidence, *arguments)
        return
    said = authentic(evidence, *arguments)
    host = claims.host
    assert (said["status"], said["advisories"]) == (host.tcb_status, host.advisory_ids)
    assert said["evaluation"] == host.tcb_evaluation_number
    assert said["flags"] == host.platform_flags
    assert prepared.now - said["age"] == host.collateral_issued_at
    assert said["mrtd"].hex() == claims.measurement
    assert said["ppid"].hex() == host.ppid
    failing = unmet(said, prepared.policy.to_plain(), bytes(32))
    assert bool(failing) == bool(prepared.failing())
