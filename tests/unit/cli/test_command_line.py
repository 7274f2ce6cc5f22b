"""The command line: what it prints where, and with which exit status it ends."""

import json
import socket
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from cleanroom.cli.main import run
from cleanroom.cli.verbs import JOURNEY, registered
from cleanroom.errors import CATALOGUE
from cleanroom.manifest.author import manifest_text
from cleanroom.manifest.genesis import Genesis
from tests.support.manifests import good_manifest, simulated_policy
from tests.support.ports import free_port


@pytest.fixture
def desk(tmp_path, monkeypatch):
    """A directory with a good manifest in it, which is where commands run."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "cleanroom.yaml").write_text(manifest_text(good_manifest()))
    return tmp_path


def test_help_lists_every_verb_and_every_exit_status(capsys):
    assert run(["--help"]) == 0
    shown = capsys.readouterr().out
    for verb in [*JOURNEY, *registered()]:
        assert f"  {verb} " in shown
    for status in sorted({error.exit_status for error in CATALOGUE.values()}):
        assert f"{status} " in shown


@pytest.mark.parametrize("verb", [*JOURNEY, *registered()])
def test_every_verb_can_be_imported_and_explains_itself(verb, capsys):
    assert run([verb, "--help"]) == 0
    assert "Usage: cleanroom" in capsys.readouterr().out


def test_an_unknown_verb_is_a_usage_error_with_a_code(capsys):
    assert run(["chekc"]) == 2
    assert "error[CR-8001]: No such command 'chekc'" in capsys.readouterr().err


def test_help_loads_neither_grpc_nor_pyarrow_nor_ray():
    script = (
        "import sys; from cleanroom.cli.main import run; run(['--help']);"
        "print(sorted({'grpc','pyarrow','ray','pydantic'} & set(sys.modules)), file=sys.stderr)"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    assert done.stderr.strip() == "[]"


@pytest.mark.usefixtures("desk")
def test_check_says_the_digest_and_warns_on_standard_error(capsys):
    assert run(["check"]) == 0
    said = capsys.readouterr()
    assert good_manifest().digest in said.out
    assert "warning: " in said.err


def test_check_finds_the_manifest_from_a_directory_below(desk, monkeypatch):
    below = desk / "a" / "b"
    below.mkdir(parents=True)
    monkeypatch.chdir(below)
    assert run(["check"]) == 0


def test_check_without_a_manifest_names_what_is_missing(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert run(["check"]) == 2
    assert "error[CR-8002]: there is no cleanroom.yaml" in capsys.readouterr().err


def test_a_fault_is_shown_in_its_line_with_a_caret(desk, capsys):
    path = desk / "cleanroom.yaml"
    path.write_text(path.read_text().replace("purpose:", "porpoise:"))
    assert run(["check"]) == 3
    shown = capsys.readouterr().err
    assert "error[CR-1002]" in shown
    assert "^^^" in shown
    assert "purpose" in shown


def test_json_errors_are_one_document_on_standard_error(desk, capsys):
    path = desk / "cleanroom.yaml"
    path.write_text(path.read_text().replace("purpose:", "porpoise:"))
    assert run(["check", "--json"]) == 3
    said = capsys.readouterr()
    document = json.loads(said.err)
    assert said.out == ""
    assert document["code"] == "CR-1002"
    assert document["schema"] == "cleanroom.dev/cli/error/v1"
    assert document["problems"][0]["line"] > 0


@pytest.mark.usefixtures("desk")
def test_plan_names_the_digest_to_approve(capsys):
    assert run(["plan", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["digest"] == good_manifest().digest


def test_format_is_idempotent_and_tells_a_difference_with_status_10(desk):
    assert run(["manifest", "fmt"]) == 0
    assert run(["manifest", "fmt", "--check"]) == 0
    path = desk / "cleanroom.yaml"
    path.write_text(path.read_text().replace("  name: ", "  name:   ", 1))
    assert run(["manifest", "fmt", "--check"]) == 10


@pytest.mark.usefixtures("desk")
def test_canonical_bytes_are_what_is_signed(capfdbinary):
    assert run(["manifest", "show", "--canonical"]) == 0
    assert capfdbinary.readouterr().out == good_manifest().to_bytes()


@pytest.mark.parametrize("code", sorted(CATALOGUE))
def test_every_error_code_can_be_explained(code, capsys):
    assert run(["manifest", "explain", code]) == 0
    assert CATALOGUE[code].slug in capsys.readouterr().out


def test_keys_are_private_and_never_overwritten(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert run(["key", "new", "--party", "bank", "--name", "Bank plc"]) == 0
    first = (tmp_path / "bank.key").read_bytes()
    assert stat.S_IMODE((tmp_path / "bank.key").stat().st_mode) == 0o600
    assert run(["key", "new", "--party", "bank"]) == 2
    assert (tmp_path / "bank.key").read_bytes() == first
    capsys.readouterr()
    assert run(["key", "show", "bank.key"]) == 0
    assert capsys.readouterr().out.strip() == (tmp_path / "bank.party.yaml").read_text().strip()


@pytest.fixture
def agreement(tmp_path, monkeypatch):
    """A draft with fresh keys of both parties, as `init` writes it."""
    monkeypatch.chdir(tmp_path)
    for party in ("bank", "shop"):
        run(["key", "new", "--party", party])
    good = good_manifest()
    policies = {"coordinator": simulated_policy(), "worker": simulated_policy()}
    block = {"lineage": str(good.metadata.lineage), "attestation": policies}
    (tmp_path / "attestation.yaml").write_text(json.dumps(block))
    parties = ["--party", "bank.party.yaml", "--party", "shop.party.yaml"]
    assert run(["init", *parties, "--attestation", "attestation.yaml"]) == 0
    return tmp_path


def test_a_draft_is_complete_and_never_overwritten(agreement, capsys):
    before = (agreement / "cleanroom.yaml").read_bytes()
    assert run(["check"]) == 0
    assert run(["init"]) == 2
    assert "never overwritten" in capsys.readouterr().err
    assert (agreement / "cleanroom.yaml").read_bytes() == before


def test_approving_shows_the_own_exposure_and_signs_what_was_planned(agreement, capsys):
    assert run(["plan", "--json"]) == 0
    digest = json.loads(capsys.readouterr().out)["digest"]
    assert run(["approve", digest[:20], "--identity", "bank.key"]) == 0
    said = capsys.readouterr()
    assert "with this" in said.err
    assert digest in said.err
    assert (agreement / said.out.strip()).is_file()


def test_which_identity_is_meant_must_be_clear(agreement, capsys):
    assert run(["approve", "--yes"]) == 2
    assert "2 identity files" in capsys.readouterr().err
    assert not (agreement / "approvals").exists()


@pytest.mark.usefixtures("agreement")
def test_an_unreachable_coordinator_ends_with_status_7(capsys):
    away = ["--coordinator", f"127.0.0.1:{free_port()}", "--identity", "bank.key"]
    assert run(["status", *away, "--allow-simulated"]) == 7
    assert "error[CR-7001]: nobody answers" in capsys.readouterr().err


@pytest.mark.usefixtures("agreement")
def test_no_address_is_a_usage_error(capsys):
    assert run(["status", "--identity", "bank.key"]) == 2
    assert "no coordinator is given" in capsys.readouterr().err


@pytest.mark.usefixtures("agreement")
def test_the_genesis_is_what_an_operator_launches_for(capsys):
    assert run(["manifest", "genesis"]) == 0
    said = capsys.readouterr()
    genesis = Genesis.from_bytes(Path("genesis.json").read_bytes())
    assert genesis.digest.hex() in said.err


def test_approving_another_digest_than_the_file_has_is_refused(desk, capsys):
    assert run(["key", "new", "--party", "bank"]) == 0
    assert run(["approve", "sha256:" + "0" * 64]) == 2
    assert "read the plan again" in capsys.readouterr().err
    assert not (desk / "approvals").exists()


def test_approving_with_keys_that_the_manifest_does_not_name_is_refused(desk, capsys):
    run(["key", "new", "--party", "bank"])
    assert run(["approve", "--yes"]) == CATALOGUE["CR-8005"].exit_status
    assert "error[CR-8005]" in capsys.readouterr().err
    assert not (desk / "approvals").exists()


def test_doctor_lists_everything_and_fails_when_a_port_is_taken(capsys):
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = str(listener.getsockname()[1])
        assert run(["doctor", "--port", port]) == 2
    said = capsys.readouterr()
    assert f"port {port}" in said.out
    assert "platform sev-snp" in said.out
    assert "configfs-tsm answered by sev_guest" in said.out
    assert "devices nvidia-gpu" in said.out
    assert "devices nvidia-switch" in said.out
    assert "error[CR-8004]" in said.err


@pytest.mark.usefixtures("desk")
def test_an_unexpected_error_says_nothing_about_values(capsys, monkeypatch):
    def broken(*_: object) -> None:
        raise ValueError("alice@example.com")

    monkeypatch.setattr("cleanroom.cli.author.load_manifest", broken)
    assert run(["check"]) == 1
    said = capsys.readouterr()
    assert "error[CR-9001]: unexpected ValueError" in said.err
    assert "alice" not in said.err + said.out


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion_scripts_are_printed(shell, capsys):
    assert run(["completion", shell]) == 0
    assert "_CLEANROOM_COMPLETE" in capsys.readouterr().out
