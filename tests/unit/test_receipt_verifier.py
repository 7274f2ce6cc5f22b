"""Two verifiers, written apart, agree about every receipt: the package's and the one-file one."""

import ast
import base64
import copy
import importlib.util
import json
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from cleanroom.attestation.collateral import Collateral
from cleanroom.crypto.certificates import new_authority, new_private_key
from cleanroom.crypto.envelope import Envelope
from cleanroom.crypto.signing import Ed25519Signer
from cleanroom.errors import CleanroomError
from cleanroom.manifest.approval import approvals_digest
from cleanroom.manifest.genesis import Genesis
from cleanroom.protocol.receipt import Receipt, verify_receipt
from enclave.attester.scenarios import SCENARIOS
from tests.support.manifests import LATER, NOW, approvals, good_manifest, signer
from tests.support.nvidia import board
from tests.support.platform import MEASUREMENT, other_platform, simulated_platform
from tests.support.receipts import (
    Draft,
    good_receipt,
    naming_draft,
    naming_manifest,
    receipt_manifest,
    replaced,
    written_policy,
)
from tests.support.signed_values import (
    BUILDERS,
    image_statement,
    naming,
    signed_values,
    tdx_launch,
)

SCRIPT = Path(__file__).parents[2] / "docs" / "spec" / "verify_receipt.py"
VECTORS = Path(__file__).parents[3] / "shared" / "vectors"


def loaded():
    spec = importlib.util.spec_from_file_location("verify_receipt_standalone", SCRIPT)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


standalone = loaded()


def root():
    return simulated_platform().root_fingerprint


def second_verdict(raw, manifest, roots=None):
    """What the one-file verifier says: the predicate, or why not."""
    try:
        shown = standalone.read(raw, "the receipt")
        return standalone.verify(shown, manifest.to_plain(), roots or {root()})
    except Exception as fault:  # noqa: BLE001 - as its `main` does: whatever is malformed
        return f"{type(fault).__name__}: {fault}"


def first_verdict(raw, manifest):
    """What the package says: the predicate, or why not."""
    try:
        verified = verify_receipt(
            Receipt.from_bytes(raw), manifest, allow_simulated=True, collateral=Collateral()
        )
    except CleanroomError as refused:
        return f"{refused.code}: {refused.message}"
    return verified.predicate.to_plain()


def assert_both_accept(receipt, manifest):
    raw = receipt.to_bytes()
    first = first_verdict(raw, manifest)
    assert isinstance(first, dict), first
    assert second_verdict(raw, manifest) == first


def assert_both_refuse(raw, manifest):
    first, second = first_verdict(raw, manifest), second_verdict(raw, manifest)
    assert isinstance(first, str), "the package accepts it"
    assert isinstance(second, str), f"only the package refuses it: {first}"
    return first, second


# --- the verifier itself --------------------------------------------------------------------------


def lines_of_code(text):
    """Lines that hold anything but comments and docstrings."""
    said = {
        line
        for node in ast.walk(ast.parse(text))
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
        for line in range(node.lineno, (node.end_lineno or node.lineno) + 1)
    }
    written = enumerate(text.splitlines(), start=1)
    return [n for n, line in written if line.strip() and line.strip()[0] != "#" and n not in said]


def test_it_is_one_short_file_that_needs_cryptography_only():
    text = SCRIPT.read_text()
    assert len(lines_of_code(text)) <= 310
    imported = {
        name.partition(".")[0]
        for node in ast.walk(ast.parse(text))
        for name in (
            [alias.name for alias in node.names]
            if isinstance(node, ast.Import)
            else [node.module]
            if isinstance(node, ast.ImportFrom)
            else []
        )
    }
    assert imported - sys.stdlib_module_names == {"cryptography"}


def test_as_a_command_it_prints_what_is_proven(tmp_path):
    receipt, manifest = tmp_path / "receipt.json", tmp_path / "manifest.json"
    receipt.write_bytes(good_receipt().to_bytes())
    manifest.write_text(json.dumps(receipt_manifest().to_plain(), indent=2))
    command = [sys.executable, "-I", SCRIPT, receipt, manifest]
    proven = subprocess.run([*command, root()], capture_output=True, check=True, text=True)
    assert json.loads(proven.stdout)["run"] == "r-00000000000000aa"
    refused = subprocess.run(command, capture_output=True, check=False, text=True)
    assert refused.returncode == 4
    assert refused.stderr.startswith("not proven: ")
    assert refused.stdout == ""


def test_both_accept_a_good_receipt():
    assert_both_accept(good_receipt(), receipt_manifest())


def test_a_simulated_receipt_needs_its_root_named():
    raw = good_receipt().to_bytes()
    for roots in ({"sha256:" + "0" * 64}, {other_platform().root_fingerprint}):
        assert isinstance(second_verdict(raw, receipt_manifest(), roots), str)


# --- every value of a receipt, altered on its way -------------------------------------------------


def leaves(value, path=()):
    """The path of every text, number and truth value."""
    if isinstance(value, dict):
        for key, member in value.items():
            yield from leaves(member, (*path, key))
    elif isinstance(value, list):
        for index, member in enumerate(value):
            yield from leaves(member, (*path, index))
    else:
        yield path


def altered(plain, path):
    """A copy with one value changed to another of its kind."""
    result = copy.deepcopy(plain)
    *parents, last = path
    node = result
    for part in parents:
        node = node[part]
    node[last] = other_authority() if last == "root_certificate" else other_than(node[last])
    return result


def other_authority():
    """Only the key of this certificate counts, so another one has another key."""
    made = new_authority("room", new_private_key(), NOW, timedelta(days=365))
    return base64.b64encode(made).decode()


def other_than(value):
    if isinstance(value, bool) or value is None:
        return not value
    if isinstance(value, int):
        return value + 1
    try:
        raw = bytearray(base64.b64decode(value, validate=True))
        middle = len(raw) // 2
        raw[middle] ^= 1
        return base64.b64encode(raw).decode()
    except (ValueError, IndexError):
        return value[:-1] + ("a" if value[-1:] != "a" else "b")


def receipt_leaves():
    return list(leaves(good_receipt().to_plain()))


def payload_leaves():
    return list(leaves(json.loads(good_receipt().envelope.payload)))


def shown(path):
    return ".".join(str(part) for part in path)


@pytest.mark.parametrize("path", receipt_leaves(), ids=shown)
def test_both_refuse_a_receipt_with_one_value_altered(path):
    raw = standalone.canonical(altered(good_receipt().to_plain(), path))
    assert_both_refuse(raw, receipt_manifest())


@pytest.mark.parametrize("path", payload_leaves(), ids=shown)
def test_both_refuse_a_payload_with_one_value_altered(path):
    plain = good_receipt().to_plain()
    payload = json.loads(base64.b64decode(plain["envelope"]["payload"]))
    changed = standalone.canonical(altered(payload, path))
    plain["envelope"]["payload"] = base64.b64encode(changed).decode()
    assert_both_refuse(standalone.canonical(plain), receipt_manifest())


def test_both_refuse_another_spelling_of_the_same_receipt():
    spaced = json.dumps(good_receipt().to_plain()).encode()
    assert_both_refuse(spaced, receipt_manifest())


def test_both_refuse_a_receipt_under_another_manifest():
    other = good_manifest(written_policy(), metadata__purpose="Something else.")
    assert_both_refuse(good_receipt().to_bytes(), other)


# --- a room that lies, with its own keys ----------------------------------------------------------

OTHER_DIGEST = "sha256:" + "5" * 64


def with_columns(said, columns):
    inputs = {n: part.model_copy(update={"columns": columns}) for n, part in said.inputs.items()}
    return said.model_copy(update={"inputs": inputs})


def with_recipient(said, party):
    first, *others = said.outputs
    return said.model_copy(
        update={"outputs": [first.model_copy(update={"recipient": party}), *others]}
    )


def with_policy(said, policy):
    workers = [part.model_copy(update={"policy": policy}) for part in said.workers]
    return said.model_copy(update={"workers": workers})


def more_runs(said, *, allowed):
    used = said.runs_allowed + 1
    return said.model_copy(
        update={"runs_used": used, "runs_allowed": used if allowed else said.runs_allowed}
    )


LIES = {
    "about the manifest": {"change_predicate": replaced(manifest=OTHER_DIGEST)},
    "about the approvals": {"change_predicate": replaced(approvals=OTHER_DIGEST)},
    "about the assurance": {"change_predicate": replaced(assurance="hardware")},
    "about which computation": {"change_predicate": replaced(computation="matches")},
    "about a computation of nobody": {"change_predicate": replaced(computation="espionage")},
    "about who asked": {"change_predicate": replaced(submitter="mallory")},
    "about its inputs": {"change_predicate": replaced(inputs={})},
    "about what was read": {
        "change_predicate": lambda said: with_columns(said, ["email", "spend"])
    },
    "about who received": {"change_predicate": lambda said: with_recipient(said, "mallory")},
    "about a parameter": {"change_predicate": replaced(parameters={"limit": 5})},
    "about how often it ran": {"change_predicate": lambda said: more_runs(said, allowed=False)},
    "about how often it may run": {"change_predicate": lambda said: more_runs(said, allowed=True)},
    "about when it was asked for": {
        "change_predicate": replaced(submitted_at=NOW + timedelta(days=3))
    },
    "about the engine": {"change_predicate": replaced(engine="process")},
    "about the policy that held": {"change_predicate": lambda said: with_policy(said, "other")},
    "about when it was released": {
        "change_predicate": replaced(released_at=NOW + timedelta(minutes=1))
    },
    "by a worker of another role": {"change_join": replaced(role="gpu")},
    "about a worker": {
        "change_predicate": lambda said: said.model_copy(update={"workers": said.workers[:1]})
    },
    "about the order of its workers": {
        "change_predicate": lambda said: said.model_copy(update={"workers": said.workers[::-1]})
    },
    "that it was before the manifest": {
        "change_predicate": replaced(released_at=NOW - timedelta(days=30))
    },
    "that it was after the manifest": {
        "change_predicate": replaced(released_at=LATER + timedelta(days=1))
    },
    "in the subjects": {
        "change_payload": lambda payload: payload.model_copy(
            update={"subject": payload.subject[:1]}
        )
    },
    "in the log about the run": {"change_released": replaced(run="r-00000000000000bb")},
    "in the log about the outputs": {
        "change_released": lambda said: said.model_copy(update={"outputs": said.outputs[:1]})
    },
    "in the log about the receipt": {"change_released": replaced(receipt=OTHER_DIGEST)},
    "about the log's root": {"change_head": replaced(root=bytes(32))},
    "about the log's size": {"change_head": replaced(size=2)},
    "about the log's lineage": {
        "change_head": replaced(lineage="00000000-0000-4000-8000-000000000000")
    },
    "about its phase": {"change_statement": replaced(phase="proposed")},
    "about its nonce": {"change_statement": replaced(nonce=bytes(32))},
    "about its manifest": {"change_statement": replaced(manifest=None)},
    "about its signing key": {"change_statement": replaced(sign_key=bytes(range(32)))},
    "by a worker of another manifest": {"change_join": replaced(manifest=OTHER_DIGEST)},
    "with a key of another name": {
        "signer": Ed25519Signer("room-other", bytes(32)),
    },
}


@pytest.mark.parametrize("lie", LIES)
def test_both_refuse_a_room_that_lies(lie):
    draft = Draft(**LIES[lie])
    assert_both_refuse(draft.receipt().to_bytes(), draft.manifest)


@pytest.mark.parametrize("missing", ["bank", "shop"])
def test_both_refuse_a_missing_approval(missing):
    present = {"bank": "shop", "shop": "bank"}[missing]
    draft = Draft(approvals=approvals(receipt_manifest(), present))
    first, second = assert_both_refuse(draft.receipt().to_bytes(), draft.manifest)
    assert missing in first
    assert f"approvals of ['{present}'] only" in second


def test_both_refuse_an_approval_that_had_ended():
    ended = approvals(receipt_manifest(), not_after=NOW - timedelta(seconds=1))
    assert_both_refuse(Draft(approvals=ended).receipt().to_bytes(), receipt_manifest())


def test_both_refuse_approvals_of_another_manifest():
    other = good_manifest(written_policy(), metadata__purpose="Something else.")
    assert_both_refuse(Draft(approvals=approvals(other)).receipt().to_bytes(), receipt_manifest())


def test_both_count_the_approval_that_lasts_longest():
    manifest = receipt_manifest()
    short = approvals(manifest, "bank", not_after=NOW + timedelta(hours=1))
    draft = Draft(approvals=approvals(manifest))
    kept = draft.receipt()
    assert_both_accept(kept, manifest)
    both = Draft(approvals=[*short, *approvals(manifest)])
    said = kept.statement.approvals
    both.change_predicate = replaced(approvals=approvals_digest(said))
    assert_both_accept(both.receipt(), manifest)


# --- an image that its builders name --------------------------------------------------------------


def envelope_leaves():
    plain = [one.to_plain() for one in signed_values()]
    return list(leaves(plain))


def test_both_accept_an_image_that_its_builders_signed():
    assert_both_accept(naming_draft().receipt(), naming_manifest())
    assert_both_accept(
        naming_draft(reference_values=signed_values(*BUILDERS)).receipt(), naming_manifest()
    )


@pytest.mark.parametrize("path", envelope_leaves(), ids=shown)
def test_both_refuse_a_receipt_with_one_value_of_a_builder_altered(path):
    plain = naming_draft().receipt().to_plain()
    raw = standalone.canonical(altered(plain, ("statement", "reference_values", *path)))
    assert_both_refuse(raw, naming_manifest())


@pytest.mark.parametrize("path", envelope_leaves(), ids=shown)
def test_both_refuse_a_room_that_alters_one_value_of_a_builder(path):
    bent = altered([one.to_plain() for one in signed_values()], path)
    draft = naming_draft(reference_values=[Envelope.from_plain(one) for one in bent])
    assert_both_refuse(draft.receipt().to_bytes(), draft.manifest)


def named_by(named=None, signed=(), **name):
    """A manifest that names a statement, and a room that shows what was signed."""
    manifest = good_manifest(naming(written_policy(), what=named, **name))
    return naming_draft(manifest=manifest, reference_values=list(signed))


LATE = image_statement(now=NOW - timedelta(days=60))
EARLY = image_statement(now=NOW + timedelta(days=60))
TDX_ONLY = image_statement(launches=[tdx_launch()])
NAMED = {
    "nothing": (named_by, False),
    "one builder of two": (lambda: named_by(signed=signed_values("cy-provide")), False),
    "one builder, who is enough": (
        lambda: named_by(signed=signed_values("cy-provide"), threshold=1),
        True,
    ),
    "one builder twice": (lambda: named_by(signed=signed_values("cy-provide") * 2), False),
    "another statement": (
        lambda: named_by(signed=signed_values(what=image_statement(version="2.0.0"))),
        False,
    ),
    "another statement beside it": (
        lambda: named_by(
            signed=[*signed_values(), *signed_values(what=image_statement(version="2.0.0"))]
        ),
        True,
    ),
    "a builder that is not listed": (
        lambda: named_by(signed=signed_values(*BUILDERS), builders=BUILDERS[:2]),
        False,
    ),
    "an image that has ended": (lambda: named_by(LATE, signed_values(what=LATE)), False),
    "an image of the future": (lambda: named_by(EARLY, signed_values(what=EARLY)), False),
    "an image for TDX only": (lambda: named_by(TDX_ONLY, signed_values(what=TDX_ONLY)), False),
}


@pytest.mark.parametrize("name", NAMED)
def test_both_judge_what_builders_signed_alike(name):
    made, accepted = NAMED[name]
    draft = made()
    if accepted:
        assert_both_accept(draft.receipt(), draft.manifest)
    else:
        assert_both_refuse(draft.receipt().to_bytes(), draft.manifest)


# --- machines of every kind, under policies of every kind -----------------------------------------


def machine(scenario, product="Genoa", host_data=None):
    genesis = Genesis.of(receipt_manifest()).digest
    return simulated_platform().attester(MEASUREMENT, host_data or genesis, product, scenario)


@pytest.mark.parametrize("who", ["attester", "worker_attester"])
@pytest.mark.parametrize("scenario", SCENARIOS)
def test_both_judge_a_machine_alike(scenario, who):
    draft = Draft(**{who: machine(scenario)})
    raw = draft.receipt().to_bytes()
    first, second = first_verdict(raw, draft.manifest), second_verdict(raw, draft.manifest)
    assert isinstance(first, dict) == isinstance(second, dict), (first, second)
    if scenario in {"good", "unknown-bit", "report-v3"}:
        assert isinstance(first, dict), first
    else:
        assert isinstance(first, str)


CHIP = simulated_platform().chip_id("Genoa").hex()
POLICIES = {
    "another measurement": ({"measurements": ["11" * 48]}, False),
    "two measurements": ({"measurements": ["11" * 48, MEASUREMENT.hex()]}, True),
    "any host data": ({"host_data": "any"}, True),
    "other host data": ({"host_data": "22" * 32}, False),
    "another product": (
        {
            "products": ["Turin"],
            "min_tcb": {"Turin": {"fmc": 0, "bl": 0, "tee": 0, "snp": 0, "ucode": 0}},
        },
        False,
    ),
    "floors just met": (
        {"min_tcb": {"Genoa": {"bl": 10, "tee": 0, "snp": 27, "ucode": 84}}},
        True,
    ),
    "floors missed by one": (
        {"min_tcb": {"Genoa": {"bl": 10, "tee": 0, "snp": 28, "ucode": 84}}},
        False,
    ),
    "only the reported TCB": ({"tcb_applies_to": ["reported"]}, True),
    "this chip": ({"chip_ids": [CHIP]}, True),
    "another chip": ({"chip_ids": ["33" * 64]}, False),
    "SMT forbidden": ({"guest_policy": {"smt": "forbid"}}, False),
    "SMT required": ({"guest_policy": {"smt": "require"}}, True),
    "page swaps disabled": ({"guest_policy": {"page_swap_disable": "require"}}, False),
    "ciphertext hidden": ({"platform_info": {"ciphertext_hiding": "require"}}, False),
    "ECC required": ({"platform_info": {"ecc": "require"}}, True),
    "trusted I/O": ({"platform_info": {"tio": "require"}}, False),
    "version 5": ({"min_report_version": 5}, True),
    "VMPL 1": ({"vmpl": [1]}, False),
    "VLEK only": ({"signing_keys": ["vlek"], "csp_ids": ["CN=simulated-cloud"]}, False),
    "an ID key": ({"id_key_digests": ["44" * 48]}, False),
    "no ID key by its zeros": ({"id_key_digests": ["00" * 48]}, True),
    "an author key": ({"author_key_digests": ["44" * 48]}, False),
    "a mitigation that is on": ({"min_report_version": 5, "min_mitigation_vector": 1}, True),
    "a mitigation that is off": ({"min_report_version": 5, "min_mitigation_vector": 2}, False),
    "a GPU beside the machine": ({"devices": board().policy().to_plain()}, False),
    "another root": ({"development_roots": ["sha256:" + "77" * 32]}, False),
}


@pytest.mark.parametrize("name", POLICIES)
def test_both_apply_a_policy_alike(name):
    changes, accepted = POLICIES[name]
    manifest = good_manifest(written_policy() | changes)
    receipt = Draft(manifest=manifest).receipt()
    if accepted:
        assert_both_accept(receipt, manifest)
    else:
        assert_both_refuse(receipt.to_bytes(), manifest)


VARIANTS = {
    "vlek": (
        "vlek",
        "Genoa",
        {"signing_keys": ["vlek"], "csp_ids": ["CN=simulated-cloud"]},
        True,
    ),
    "vlek of another cloud": (
        "vlek",
        "Genoa",
        {"signing_keys": ["vlek"], "csp_ids": ["CN=elsewhere"]},
        False,
    ),
    "debug, allowed by name": ("debug", "Genoa", {"guest_policy": {"debug": "any"}}, True),
    "report v2, allowed by name": ("report-v2", "Genoa", {"min_report_version": 2}, True),
    "no alias check, allowed": (
        "no-alias-check",
        "Genoa",
        {"platform_info": {"alias_check_complete": "any"}},
        True,
    ),
    "Turin": (
        "good",
        "Turin",
        {
            "products": ["Turin"],
            "min_tcb": {"Turin": {"fmc": 1, "bl": 1, "tee": 1, "snp": 4, "ucode": 81}},
        },
        True,
    ),
    "a Turin chip by its short id": (
        "good",
        "Turin",
        {
            "products": ["Turin"],
            "min_tcb": {"Turin": {"fmc": 1, "bl": 1, "tee": 1, "snp": 4, "ucode": 81}},
            "chip_ids": [simulated_platform().chip_id("Turin").hex()[:16]],
        },
        True,
    ),
    "a listed Milan": (
        "good",
        "Milan",
        {
            "products": ["Milan"],
            "min_tcb": {"Milan": {"bl": 1, "tee": 0, "snp": 24, "ucode": 1}},
            "chip_ids": [simulated_platform().chip_id("Milan").hex()],
        },
        True,
    ),
}


@pytest.mark.parametrize("name", VARIANTS)
def test_both_judge_other_machines_alike_under_policies_for_them(name):
    scenario, product, changes, accepted = VARIANTS[name]
    manifest = good_manifest(written_policy() | changes)
    guest = simulated_platform().attester(
        MEASUREMENT, Genesis.of(manifest).digest, product, scenario
    )
    receipt = Draft(manifest=manifest, attester=guest, worker_attester=guest).receipt()
    if accepted:
        assert_both_accept(receipt, manifest)
    else:
        assert_both_refuse(receipt.to_bytes(), manifest)


# --- real evidence --------------------------------------------------------------------------------


def real_cases():
    index = VECTORS / "index.json"
    if not index.is_file():
        return []
    return [case for case in json.loads(index.read_text())["cases"] if case["vendor"] == "snp"]


@pytest.mark.skipif(
    not real_cases(), reason="real evidence is not part of the project and not here"
)
@pytest.mark.parametrize("case", real_cases(), ids=lambda case: case["id"])
def test_real_evidence_is_read_as_the_index_says(case):
    raw = (VECTORS / case["report"]).read_bytes()
    report = bytes.fromhex(raw.decode()) if case["report"].endswith(".hex") else raw
    chain = f"snp/trustee__{case['product']}_ask_ark_asvk.pem"
    sent = [(VECTORS / name).read_bytes() for name in (case["endorsement"], chain)]
    evidence = {
        "platform": "sev-snp",
        "report": base64.b64encode(report).decode(),
        "endorsements": [base64.b64encode(each).decode() for each in sent],
    }
    start = datetime.strptime(case["cert_validity"][:10], "%Y-%m-%d").replace(tzinfo=UTC)
    binding, roots = bytes.fromhex(case["report_data"]), set(standalone.AMD_ROOTS)
    trust = {"now": start + timedelta(days=2), "room": {}}
    if "neg" in case["id"]:
        with pytest.raises(standalone.InvalidSignature):
            standalone.authentic(evidence, binding, roots, trust)
        return
    said = standalone.authentic(evidence, binding, roots, trust)
    assert said["product"].lower() == case["product"]
    assert said["kind"].lower() == case["signing_key"]
    with pytest.raises(standalone.NotProvenError, match="report data"):
        standalone.authentic(evidence, b"\x5a" * 64, roots, trust)


def test_the_signer_of_an_approval_is_its_party():
    """A bank's key under the shop's name approves nothing."""
    manifest = receipt_manifest()
    own, other = approvals(manifest)
    swapped = other.model_copy(
        update={"signatures": [other.signatures[0].model_copy(update={"keyid": "bank-approve"})]}
    )
    assert signer("bank").public_key != signer("shop").public_key
    draft = Draft(approvals=[own, swapped])
    assert_both_refuse(draft.receipt().to_bytes(), manifest)
