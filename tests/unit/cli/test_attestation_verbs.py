"""`cleanroom attestation`: evidence by itself, from files to exit statuses."""

import json
from datetime import timedelta

import pytest
from ruamel.yaml import YAML

from cleanroom.attestation.profiles import PROFILES, UNFILLED
from cleanroom.cli import collateral as collateral_verbs
from cleanroom.cli.main import run
from cleanroom.collateral.bundle import Bundle, assemble
from cleanroom.collateral.cache import Cache, Online
from cleanroom.collateral.needs import machines_of
from cleanroom.encoding import instant_text
from cleanroom.manifest.author import block_text, manifest_text
from cleanroom.manifest.genesis import Genesis
from tests.support.hostile_room import HostileRoom, simulated_manifest
from tests.support.manifests import good_manifest
from tests.support.nitro_cca import nitro_enclave, nitro_policy
from tests.support.platform import (
    BINDING,
    NOW,
    good_attester,
    good_evidence,
    good_policy,
    good_tdx_evidence,
    good_tdx_policy,
)
from tests.support.signed_values import image_statement, naming, signed_values, snp_launch
from tests.support.vectors import VECTORS, case_named, needs_vectors
from tests.support.vectors_snp import days_of
from tests.support.vendors import amd_pages, intel_pages, vendor

AT = ("--at", instant_text(NOW))
BOUND = ("--binding", BINDING.hex())
SIMULATED = ("--allow-simulated",)
FIELDS = ("platform", "products", "measurements", "host_data", "min_tcb", "development_roots")
"""What the good entry writes down; the rest has its default."""


@pytest.fixture
def desk(tmp_path, monkeypatch):
    """A directory with evidence of a machine, bound to `BINDING`, and an entry that accepts it."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "evidence.json").write_bytes(good_evidence().to_bytes())
    (tmp_path / "policy.yaml").write_text(block_text({"good": good_policy(host_data="any")}))
    return tmp_path


def verify(*more, file="evidence.json", policy="policy.yaml"):
    return run(["attestation", "verify", file, "--policy", policy, *AT, *more])


def findings(capsys):
    return json.loads(capsys.readouterr().out)


@pytest.mark.usefixtures("desk")
def test_good_evidence_is_accepted_with_every_finding(capsys):
    assert verify(*BOUND, *SIMULATED) == 0
    said = capsys.readouterr()
    assert "found" in said.out
    assert "measurement" in said.out
    assert "NO" not in said.out.split()
    assert "NOT COMPARED" not in said.out
    assert "SIMULATED" in said.err


@pytest.mark.usefixtures("desk")
def test_the_same_as_json(capsys):
    assert verify(*BOUND, *SIMULATED, "--json") == 0
    told = findings(capsys)
    assert told["schema"] == "cleanroom.dev/cli/attestation-verify/v1"
    assert (told["accepted_by"], told["assurance"]) == (["good"], "simulated")
    assert told["binding_compared"] is True
    assert all(one["passed"] for one in told["findings"]["good"])
    assert told["claims"]["platform"] == "sev-snp"


@pytest.mark.usefixtures("desk")
def test_simulated_evidence_must_be_asked_for(capsys):
    assert verify(*BOUND) == 4
    assert "error[CR-3004]" in capsys.readouterr().err


@pytest.mark.usefixtures("desk")
def test_a_binding_must_be_named_or_waived(capsys):
    assert verify(*SIMULATED) == 2
    assert "--any-binding" in capsys.readouterr().err
    assert verify(*BOUND, "--any-binding", *SIMULATED) == 2


@pytest.mark.usefixtures("desk")
def test_a_waived_binding_is_said_loudly(capsys):
    assert verify("--any-binding", *SIMULATED) == 0
    assert "NOT COMPARED: this may be old" in capsys.readouterr().out
    assert verify("--any-binding", *SIMULATED, "--json") == 0
    assert findings(capsys)["binding_compared"] is False


@pytest.mark.usefixtures("desk")
def test_evidence_for_another_conversation_is_refused(capsys):
    assert verify("--binding", "00" * 64, *SIMULATED) == 4
    assert "error[CR-3002]" in capsys.readouterr().err
    assert verify("--binding", "00" * 63, *SIMULATED) == 4
    assert verify("--binding", "binding", *SIMULATED) == 2


def test_a_machine_that_is_not_wanted_shows_what_was_found_and_expected(desk, capsys):
    (desk / "policy.yaml").write_text(
        block_text({"other": good_policy(host_data="any", measurements=["0f" * 48])})
    )
    assert verify(*BOUND, *SIMULATED) == 4
    said = capsys.readouterr()
    (row,) = [line for line in said.out.splitlines() if line.startswith("NO")]
    assert "0f" * 48 in row
    assert "error[CR-3003]" in said.err
    assert verify(*BOUND, *SIMULATED, "--json") == 4
    told = capsys.readouterr()
    assert json.loads(told.out)["accepted_by"] == []
    assert json.loads(told.err)["code"] == "CR-3003"


def test_forged_evidence_is_refused_before_anything_is_compared(desk, capsys):
    raw = bytearray(good_evidence().report)
    raw[0x90] ^= 1
    (desk / "report.bin").write_bytes(raw)
    names = []
    for index, one in enumerate(good_evidence().endorsements):
        (desk / f"{index}.der").write_bytes(one)
        names += ["--endorsement", f"{index}.der"]
    assert verify(*BOUND, *SIMULATED, *names, file="report.bin") == 4
    said = capsys.readouterr()
    assert said.out == ""
    assert "error[CR-3001]: report signature" in said.err


def test_a_raw_report_with_certificates_beside_it_is_as_good(desk):
    (desk / "report.bin").write_bytes(good_evidence().report)
    names = []
    for index, one in enumerate(good_evidence().endorsements):
        (desk / f"{index}.der").write_bytes(one)
        names += ["--endorsement", f"{index}.der"]
    assert verify(*BOUND, *SIMULATED, *names, file="report.bin") == 0


@pytest.mark.usefixtures("desk")
def test_the_genesis_must_be_known_where_an_entry_asks_for_it(desk, capsys):
    manifest = good_manifest()
    genesis = Genesis.of(manifest)
    evidence = good_attester(host_data=genesis.digest).collect(BINDING)
    (desk / "evidence.json").write_bytes(evidence.to_bytes())
    (desk / "policy.yaml").write_text(block_text({"good": good_policy()}))
    assert verify(*BOUND, *SIMULATED) == 2
    assert "no room is named" in capsys.readouterr().err
    (desk / "genesis.json").write_bytes(genesis.to_bytes())
    assert verify(*BOUND, *SIMULATED, "--genesis", "genesis.json") == 0


def test_a_manifest_says_which_entries_and_which_room(desk):
    manifest = good_manifest(good_policy().to_plain())
    evidence = good_attester(host_data=Genesis.of(manifest).digest).collect(BINDING)
    (desk / "evidence.json").write_bytes(evidence.to_bytes())
    (desk / "cleanroom.yaml").write_text(manifest_text(manifest))
    asked = ["attestation", "verify", "evidence.json", *BOUND, *AT]
    assert run([*asked, *SIMULATED]) == 0
    (desk / "evidence.json").write_bytes(good_evidence().to_bytes())
    assert run([*asked, *SIMULATED]) == 4


@pytest.fixture
def named(desk):
    """An entry that names an image, beside what two builders signed about it."""
    listed = good_policy(host_data="any").to_plain()
    plain = {field: value for field, value in listed.items() if field in FIELDS}
    (desk / "policy.yaml").write_text(block_text({"named": naming(plain)}))
    for number, envelope in enumerate(signed_values()):
        (desk / f"builder-{number}.json").write_bytes(envelope.to_bytes())
    return desk


def signed_by(*numbers):
    return [word for each in numbers for word in ("--reference-values", f"builder-{each}.json")]


@pytest.mark.usefixtures("named")
def test_an_entry_that_names_an_image_is_met_with_what_its_builders_signed(capsys):
    assert verify(*BOUND, *SIMULATED, *signed_by(0, 1), "--json") == 0
    told = findings(capsys)
    assert told["accepted_by"] == ["named"]
    (measured,) = [one for one in told["findings"]["named"] if one["check"] == "measurement"]
    assert measured["passed"] is True


@pytest.mark.usefixtures("named")
@pytest.mark.parametrize(
    ("numbers", "words"),
    [
        ((), "reference values of 'named' are missing"),
        ((0,), "1 builders signed the reference values, expected 2"),
        ((0, 0), "1 builders signed the reference values, expected 2"),
    ],
)
def test_an_entry_that_names_an_image_accepts_nothing_without_enough_builders(
    numbers, words, capsys
):
    assert verify(*BOUND, *SIMULATED, *signed_by(*numbers)) == 4
    said = capsys.readouterr()
    assert "CR-3012" in said.err
    assert words in said.err
    assert said.out == ""


def test_what_builders_signed_has_ended(named, capsys):
    assert named.exists()
    late = ("--at", instant_text(NOW + timedelta(days=21)))
    words = ["attestation", "verify", "evidence.json", "--policy", "policy.yaml", *late]
    assert run([*words, *BOUND, *SIMULATED, *signed_by(0, 1)]) == 4
    assert "the reference values of 'named' do not hold" in capsys.readouterr().err


def test_another_image_than_the_one_that_is_named_is_not_met(named, capsys):
    launch = snp_launch(b"\x0f" * 48)
    other = image_statement(launches=[launch])
    for number, envelope in enumerate(signed_values(what=other)):
        (named / f"builder-{number}.json").write_bytes(envelope.to_bytes())
    assert verify(*BOUND, *SIMULATED, *signed_by(0, 1)) == 4
    assert "reference values of 'named' are missing" in capsys.readouterr().err


def test_a_file_of_no_builder_is_named_and_not_its_directory(named, capsys):
    (named / "builder-0.json").write_text("{}")
    assert verify(*BOUND, *SIMULATED, *signed_by(0, 1)) == 2
    said = capsys.readouterr().err
    assert "builder-0.json is not what a builder signed" in said
    assert str(named) not in said


@pytest.mark.usefixtures("named")
def test_values_of_builders_beside_a_manifest_or_a_statement_are_a_mistake(desk, capsys):
    (desk / "cleanroom.yaml").write_text(manifest_text(good_manifest(good_policy().to_plain())))
    words = ["attestation", "verify", "evidence.json", *BOUND, *AT, *signed_by(0)]
    assert run(words) == 2
    assert "--reference-values is given without --policy" in capsys.readouterr().err
    assert run(["attestation", "explain", *signed_by(0)]) == 2
    assert "reference-values/ beside it" in capsys.readouterr().err


@pytest.mark.usefixtures("named")
def test_an_explanation_says_which_image_an_entry_names(capsys, monkeypatch):
    monkeypatch.setattr("cleanroom.cli.attestation_policies.given_time", lambda _: NOW)
    explained = ["attestation", "explain", "--policy", "policy.yaml"]
    assert run([*explained, *signed_by(0, 1)]) == 0
    assert "which is image worker 1.4.0, signed by ann-provide, bob-provide" in (
        capsys.readouterr().out
    )
    assert run(explained) == 0
    assert "NOT KNOWN HERE" in capsys.readouterr().out


@pytest.mark.usefixtures("desk")
def test_a_policy_beside_a_manifest_is_ambiguous(capsys):
    assert verify(*BOUND, "--manifest", "cleanroom.yaml") == 2
    assert "expected one of them" in capsys.readouterr().err


def test_other_platforms_are_verified_in_the_same_way(desk):
    kinds = {
        "tdx": (good_tdx_evidence(), good_tdx_policy(host_data="any")),
        "nitro": (nitro_enclave().collect(BINDING), nitro_policy()),
    }
    for name, (evidence, policy) in kinds.items():
        (desk / name).write_bytes(evidence.to_bytes())
        (desk / f"{name}.yaml").write_text(block_text({"attestation": {name: policy}}))
        assert verify(*BOUND, *SIMULATED, file=name, policy=f"{name}.yaml") == 0


@pytest.mark.parametrize(
    "text", ["", "good: {platform: sev-snp}", "[1, 2]", "platform: quantum", "a: b: c"]
)
def test_a_file_that_holds_no_policies_is_an_invalid_manifest(desk, text):
    (desk / "policy.yaml").write_text(text)
    assert verify(*BOUND, *SIMULATED) == 3


@pytest.mark.usefixtures("desk")
def test_a_missing_file_is_named_and_not_its_directory(desk, capsys):
    assert verify(*BOUND, file="none.json") == 2
    said = capsys.readouterr().err
    assert "none.json cannot be read" in said
    assert str(desk) not in said


@pytest.mark.usefixtures("desk")
def test_showing_is_not_verifying(capsys):
    assert run(["attestation", "show", "evidence.json"]) == 0
    said = capsys.readouterr()
    assert said.out.startswith("UNVERIFIED")
    assert "nobody vouches for any of this" in said.err
    assert BINDING.hex() in said.out
    assert run(["attestation", "show", "evidence.json", "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["verified"] is False
    assert told["says"]["product"] == "Genoa"


def test_nothing_can_be_shown_of_what_is_no_evidence(desk, capsys):
    (desk / "letter.txt").write_text("dear reader")
    assert run(["attestation", "show", "letter.txt"]) == 4
    assert "of no form that is known here" in capsys.readouterr().err


@pytest.mark.usefixtures("desk")
def test_explaining_says_what_would_close_each_gap(capsys):
    assert run(["attestation", "explain", "--policy", "policy.yaml"]) == 0
    said = capsys.readouterr().out
    assert "close with: guest_policy.ciphertext_hiding: require" in said
    assert "close with: host_data: genesis" in said
    assert run(["attestation", "explain", "--policy", "policy.yaml", "--json"]) == 0
    told = json.loads(capsys.readouterr().out)["policies"]["good"]
    assert told["accepts"]
    assert {"what", "closed_by"} == set(told["open"][0])


def test_explaining_takes_the_manifest_that_is_here(desk, capsys):
    (desk / "cleanroom.yaml").write_text(manifest_text(good_manifest(good_policy().to_plain())))
    assert run(["attestation", "explain"]) == 0
    assert "simulated" in capsys.readouterr().out


@pytest.mark.parametrize("name", PROFILES)
def test_a_profile_can_be_pasted(name, capsys):
    assert run(["attestation", "profile", name]) == 0
    said = capsys.readouterr()
    pasted = YAML(typ="safe").load(said.out)["attestation"]
    assert pasted["snp"]["measurements"] == [UNFILLED]
    assert run(["attestation", "profile", name, "--json", "--measurement", "ab" * 48]) == 0
    told = json.loads(capsys.readouterr().out)["attestation"]
    assert told["snp"]["measurements"] == ["ab" * 48]


def test_a_profile_that_was_saved_can_be_explained(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    run(["attestation", "profile", "cloud-2026"])
    (tmp_path / "profile.yaml").write_text(capsys.readouterr().out)
    assert run(["attestation", "explain", "--policy", "profile.yaml"]) == 0
    assert capsys.readouterr().out.count("open:") > 10


def test_a_malformed_measurement_is_refused(capsys):
    assert run(["attestation", "profile", "cloud-2026", "--measurement", "ABC"]) == 3
    assert "error[CR-1006]" in capsys.readouterr().err


# --- a room's statement ---------------------------------------------------------------------------


@pytest.fixture
def kept(tmp_path, monkeypatch):
    """What `cleanroom attest --save` keeps, beside the manifest."""
    monkeypatch.chdir(tmp_path)
    manifest = simulated_manifest()
    statement = HostileRoom(manifest).statement(b"n" * 32)
    (tmp_path / "cleanroom.yaml").write_text(manifest_text(manifest))
    (tmp_path / "statement.json").write_bytes(statement.to_bytes())
    return tmp_path


STATEMENT = ["attestation", "verify", "statement.json", *AT]


@pytest.mark.usefixtures("kept")
def test_a_kept_statement_is_verified_with_the_manifest_offline(capsys):
    assert run([*STATEMENT, *SIMULATED]) == 0
    said = capsys.readouterr().out
    assert "??  nonce" in said
    assert said.count("NOT COMPARED") == 3
    assert run([*STATEMENT, *SIMULATED, "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert (told["nonce_compared"], told["log_compared"]) == (False, False)


@pytest.mark.usefixtures("kept")
def test_a_statement_of_a_simulated_room_must_be_asked_for():
    assert run(STATEMENT) == 4


def test_a_statement_of_another_room_is_refused(kept, capsys):
    (kept / "cleanroom.yaml").write_text(manifest_text(good_manifest()))
    assert run([*STATEMENT, *SIMULATED]) == 4
    assert "error[CR-3005]" in capsys.readouterr().err


def test_an_altered_statement_is_refused(kept):
    raw = (kept / "statement.json").read_bytes()
    (kept / "statement.json").write_bytes(raw.replace(b'"phase":"active"', b'"phase":"waiting"'))
    assert run([*STATEMENT, *SIMULATED]) != 0


@pytest.mark.usefixtures("kept")
@pytest.mark.parametrize("option", [("--any-binding",), BOUND, ("--policy", "cleanroom.yaml")])
def test_what_a_statement_brings_itself_is_not_taken_from_options(option, capsys):
    assert run([*STATEMENT, *SIMULATED, *option]) == 2
    assert "a statement brings its binding" in capsys.readouterr().err


@pytest.mark.usefixtures("kept")
def test_a_statement_can_be_shown(capsys):
    assert run(["attestation", "show", "statement.json"]) == 0
    assert capsys.readouterr().out.startswith("UNVERIFIED")


# --- collateral -----------------------------------------------------------------------------------

COLLATERAL = ["attestation", "collateral"]


@pytest.fixture
def bare(desk, monkeypatch):
    """Evidence without certificates, and vendors on this machine who have them."""
    evidence = good_evidence()
    (desk / "report.bin").write_bytes(evidence.report)
    quoted = good_tdx_evidence()
    (desk / "quote.bin").write_bytes(quoted.report)
    with vendor(amd_pages() | intel_pages()) as service:
        monkeypatch.setattr(collateral_verbs, "HttpsFetch", lambda **_options: service.fetch())
        monkeypatch.setattr(collateral_verbs, "given_time", lambda _at: NOW)
        yield service


@pytest.mark.usefixtures("bare")
def test_what_was_pulled_is_packed_without_asking_and_verifies(bare, capsys):
    cache = ("--cache", "kept")
    assert run([*COLLATERAL, "bundle", "report.bin", *cache, "--out", "b.json"]) == 4
    assert "error[CR-3011]" in capsys.readouterr().err
    assert run([*COLLATERAL, "pull", "report.bin", *cache]) == 0
    asked = len(bare.asked)
    assert run([*COLLATERAL, "bundle", "report.bin", *cache, "--out", "b.json"]) == 0
    assert len(bare.asked) == asked == 3
    assert "SEV-VCEK" in capsys.readouterr().out
    assert verify(*BOUND, *SIMULATED, file="report.bin") == 4
    assert verify(*BOUND, *SIMULATED, "--collateral", "b.json", file="report.bin") == 0


@pytest.mark.usefixtures("bare")
def test_one_bundle_for_several_machines(desk, capsys):
    both = ("report.bin", "quote.bin")
    assert run([*COLLATERAL, "pull", *both, "--cache", "kept", "--json"]) == 0
    parts = json.loads(capsys.readouterr().out)["parts"]
    assert {part["kind"] for part in parts} == {"certificate", "list", "document"}
    assert run([*COLLATERAL, "bundle", *both, "--cache", "kept", "--out", "b.json"]) == 0
    assert Bundle.from_bytes((desk / "b.json").read_bytes()).collateral.intel is not None


def test_evidence_that_needs_nobody_is_said(desk, capsys):
    (desk / "nitro.cbor").write_bytes(nitro_enclave().collect(BINDING).report)
    assert run([*COLLATERAL, "pull", "nitro.cbor", "--cache", "kept"]) == 2
    assert "carries all that it needs" in capsys.readouterr().err


@pytest.fixture
def bundled(desk):
    """A bundle for the machine, which is in force for a month."""
    with vendor(amd_pages()) as service:
        online = Online(service.fetch(), Cache(desk / "kept"), lambda: NOW)
        packed = assemble(machines_of(good_evidence()), online, NOW)
    (desk / "bundle.json").write_bytes(packed.to_bytes())
    return desk


def as_of(**days):
    return ("--at", instant_text(NOW + timedelta(**days)))


@pytest.mark.usefixtures("bundled")
def test_a_bundle_is_shown_and_its_end_is_an_exit_status(capsys):
    show = [*COLLATERAL, "show", "bundle.json"]
    assert run([*show, *as_of(days=1)]) == 0
    assert "list of" in capsys.readouterr().out
    assert run([*show, *as_of(days=31)]) == 4
    assert "error[CR-3011]" in capsys.readouterr().err
    assert run([*show, *as_of(days=31), "--grace-s", str(3 * 24 * 3600)]) == 0


@pytest.mark.usefixtures("bundled")
def test_evidence_is_judged_by_a_bundle_in_force_or_within_a_grace(capsys):
    asked = [
        "attestation",
        "verify",
        "evidence.json",
        "--policy",
        "policy.yaml",
        *BOUND,
        *SIMULATED,
    ]
    asked += ["--collateral", "bundle.json"]
    assert run([*asked, *as_of(days=31)]) == 4
    assert run([*asked, *as_of(days=31), "--grace-s", str(3 * 24 * 3600), "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["judged_at"] < as_of(days=31)[1]


def test_an_altered_bundle_is_refused(bundled):
    raw = (bundled / "bundle.json").read_bytes()
    (bundled / "bundle.json").write_bytes(raw[:-20] + raw[-19:])
    assert run([*COLLATERAL, "show", "bundle.json"]) == 3


# --- real evidence --------------------------------------------------------------------------------


@needs_vectors
def test_a_real_report_is_verified_by_itself(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    case = case_named("snp-genoa-v5")
    policy = {
        "platform": "sev-snp",
        "products": ["Genoa"],
        "measurements": [case["measurement"]],
        "host_data": "any",
        "min_tcb": {"Genoa": case["reported_tcb"]},
    }
    (tmp_path / "policy.json").write_text(json.dumps(policy))
    asked = ["attestation", "verify", str(VECTORS / case["report"]), "--policy", "policy.json"]
    asked += ["--endorsement", str(VECTORS / case["endorsement"])]
    asked += ["--endorsement", str(VECTORS / "snp/trustee__genoa_ask_ark_asvk.pem")]
    asked += ["--at", instant_text(days_of(case)[0] + timedelta(days=2))]
    assert run([*asked, "--binding", case["report_data"], "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert (told["assurance"], told["accepted_by"]) == ("hardware", ["policy"])
    assert run([*asked, "--binding", "00" * 64]) == 4
