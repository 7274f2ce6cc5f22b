"""A party at its command line, in front of a room whose manifest names its image."""

import json
from datetime import timedelta

import pytest

from cleanroom.cli.main import run
from cleanroom.encoding import instant_text
from cleanroom.errors import ReferenceValuesRefused
from cleanroom.manifest.author import manifest_text
from tests.support.hostile_room import identity_of
from tests.support.platform import good_policy
from tests.support.rooms import clock, coordinator, good_policy_fields, room_manifest, room_platform
from tests.support.signed_values import image_statement, naming, signed_values

ENTRY = "worker-snp"


def named_by(what):
    """The manifest of a room whose machines, all alike, are of the image that a statement is of."""
    policy = good_policy(room_platform()).to_plain()
    listed = {name: value for name, value in policy.items() if name in good_policy_fields()}
    plain = naming(listed, what=what)
    return room_manifest(
        **{"attestation__worker-snp": plain, "attestation__coordinator-snp": plain}
    )


@pytest.fixture
def what():
    """What the builders of this day signed."""
    return image_statement(now=clock())


@pytest.fixture
def room(what, tmp_path):
    """A room that waits for its first proposal."""
    with coordinator(tmp_path / "room", named_by(what), propose=False) as waiting:
        yield waiting


@pytest.fixture
def desk(room, tmp_path, monkeypatch):
    """Where both parties work, with nothing of the builders yet."""
    here = tmp_path / "desk"
    (here / "reference-values").mkdir(parents=True)
    monkeypatch.chdir(here)
    (here / "cleanroom.yaml").write_text(manifest_text(room.manifest))
    for party in ("bank", "shop"):
        identity_of(party).save(here / f"{party}.key")
    return here


def bring(desk, *builders, what):
    for envelope in signed_values(*builders, what=what):
        name = envelope.signatures[0].keyid
        (desk / "reference-values" / f"{name}.json").write_bytes(envelope.to_bytes())


def visit(room, *words):
    away = ["--coordinator", room.address, "--allow-simulated", "--identity", "bank.key"]
    return run([*words, *away])


def approved(desk, what):
    bring(desk, "ann-provide", "bob-provide", what=what)
    for party in ("bank", "shop"):
        assert run(["approve", "--yes", "--identity", f"{party}.key"]) == 0


def test_from_the_builders_files_to_a_room_in_force(room, desk, what, capsys):
    approved(desk, what)
    assert run(["plan"]) == 0
    assert (
        "which is image worker 1.4.0, signed by ann-provide, bob-provide" in capsys.readouterr().out
    )
    assert visit(room, "propose") == 0
    assert visit(room, "attest", "--json") == 0
    (said,) = [json.loads(line) for line in capsys.readouterr().out.splitlines() if line[:1] == "{"]
    end = instant_text(what.predicate.valid_until)
    words = f"worker 1.4.0, signed by ann-provide, bob-provide (2 had to), until {end}"
    assert said["images"] == {ENTRY: words, "coordinator-snp": words}
    assert visit(room, "attest") == 0
    assert f"image of {ENTRY}" in capsys.readouterr().out


@pytest.mark.usefixtures("desk")
def test_a_room_is_not_even_met_without_what_builders_signed(room, capsys):
    assert visit(room, "status") == 4
    said = capsys.readouterr().err
    assert "CR-3012" in said
    assert "are missing" in said


def test_a_builder_withdraws_its_file_before_the_proposal(room, desk, what, capsys):
    approved(desk, what)
    (desk / "reference-values" / "bob-provide.json").unlink()
    assert visit(room, "propose") == 4
    assert "1 builders signed the reference values, expected 2" in capsys.readouterr().err


def test_a_proposal_by_somebody_else_that_withholds_them_is_refused(room):
    """`RunningRoom.propose` sends approvals and no envelope, as a client of another make might."""
    with pytest.raises(ReferenceValuesRefused, match=r"the reference values of '.*' are missing"):
        room.propose()
    assert room.statement(b"n" * 32).phase == "waiting"


def test_a_party_that_came_later_needs_no_files_of_its_own(room, desk, what):
    approved(desk, what)
    assert visit(room, "propose") == 0
    for file in (desk / "reference-values").iterdir():
        file.unlink()
    assert visit(room, "status") == 0


def test_values_that_ended_before_the_first_proposal(tmp_path, monkeypatch, capsys):
    old = image_statement(now=clock() - timedelta(days=40))
    with coordinator(tmp_path / "room", named_by(old), propose=False) as waiting:
        desk = tmp_path / "desk"
        (desk / "reference-values").mkdir(parents=True)
        monkeypatch.chdir(desk)
        (desk / "cleanroom.yaml").write_text(manifest_text(waiting.manifest))
        identity_of("bank").save(desk / "bank.key")
        bring(desk, "ann-provide", "bob-provide", what=old)
        assert run(["approve", "--yes"]) == 4
        assert visit(waiting, "status") == 4
    assert capsys.readouterr().err.count("worker are not valid on") == 2
