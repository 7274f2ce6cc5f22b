"""`cleanroom measure`: from files to measurements to a statement that several builders signed."""

import hashlib
import json
from datetime import UTC, datetime
from pathlib import Path

import pytest
from ruamel.yaml import YAML

from cleanroom.attestation.policy import SevSnpPolicy
from cleanroom.attestation.resolving import resolve
from cleanroom.cli.main import run
from cleanroom.crypto.envelope import Envelope
from tests.support.platform import good_policy
from tests.support.vectors import VECTORS, case_named, needs_vectors

pytest.importorskip("sevsnpmeasure", reason="the extra [measure] is not installed")
GOLDEN = (
    "803f691094946e42068aaa3a8f9e26a5c89f36f7b73ecfb28c653360fe4b3aba"
    "7e534442e7e1e17895dfe778d0228977"
)
FIRMWARE = VECTORS / "measurement/sev__ovmf_AmdSev_suffix.bin"
FILES = ["--firmware", str(FIRMWARE), "--kernel", "/dev/null", "--initrd", "/dev/null"]
SNP = ["measure", "snp", *FILES, "--cmdline", "console=ttyS0 loglevel=7"]
SHAPE = ["--vcpu-type", "EPYC-v4", "--guest-features", "0x21"]


@pytest.fixture
def desk(tmp_path, monkeypatch):
    """Where two builders, Ann and Bob, have their keys."""
    monkeypatch.chdir(tmp_path)
    for party in ("ann", "bob"):
        run(["key", "new", "--party", party])
    return tmp_path


@needs_vectors
def test_the_golden_digest_is_printed_for_a_manifest(capsys):
    assert run([*SNP, *SHAPE, "--vcpus", "1"]) == 0
    assert YAML(typ="safe").load(capsys.readouterr().out) == {"measurements": [GOLDEN]}


@needs_vectors
def test_each_number_of_processors_is_a_launch_of_its_own(capsys):
    assert run([*SNP, *SHAPE, "--vcpus", "1", "--vcpus", "2", "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert [one["vcpus"] for one in told["launches"]] == [1, 2]
    assert told["launches"][0]["measurement"] == GOLDEN
    assert told["launches"][1]["measurement"] != GOLDEN
    assert told["inputs"]["firmware"] == hashlib.sha256(FIRMWARE.read_bytes()).hexdigest()
    assert set(told["inputs"]) == {"firmware", "kernel", "initrd", "cmdline"}


@needs_vectors
def test_firmware_alone_is_said_to_leave_the_kernel_open(capsys):
    assert run(["measure", "snp", "--firmware", str(FIRMWARE), "--vcpus", "1"]) == 0
    assert "the host chooses what boots" in capsys.readouterr().err


@needs_vectors
@pytest.mark.parametrize(
    ("option", "status"),
    [
        (("--vcpu-type", "EPYC-Vapour"), 2),
        (("--guest-features", "many"), 2),
        (("--firmware-digest", "zz"), 2),
        (("--kernel", "none"), 2),
    ],
)
def test_a_wrong_option_is_a_usage_error(option, status, capsys):
    assert run([*SNP, "--vcpus", "1", *option]) == status
    assert "error[CR-80" in capsys.readouterr().err


@needs_vectors
def test_registers_of_a_real_boot_are_printed_beside_mrtd(capsys):
    case = case_named("ccel-gcp-cos113")
    asked = ["measure", "tdx", "--mrtd", "ab" * 48, "--event-log", str(VECTORS / case["log"])]
    assert run([*asked, "--json"]) == 0
    (launch,) = json.loads(capsys.readouterr().out)["launches"]
    assert launch["image"]["mrtd"] == "ab" * 48
    assert len(launch["image"]["rtmr1"]) == 96
    assert run(asked) == 0
    (image,) = YAML(typ="safe").load(capsys.readouterr().out)["measurements"]
    assert image["rtmr2"] == launch["image"]["rtmr2"]


def measured(capsys, *vcpus):
    asked = [*SNP, *SHAPE, "--json"]
    for count in vcpus:
        asked += ["--vcpus", count]
    capsys.readouterr()
    run(asked)
    Path("measured.json").write_text(capsys.readouterr().out)


def sign(builder, version="1.0.0", *more):
    asked = ["measure", "sign", "measured.json", "--image", "worker", "--image-version", version]
    asked += ["--from", "2026-11-01T00:00:00Z", "--identity", f"{builder}.key"]
    return run([*asked, "--out", f"{builder}.dsse.json", *more])


def verify(*envelopes, threshold="2", at="2026-11-20T00:00:00Z"):
    asked = ["measure", "verify", *envelopes, "--threshold", threshold, "--at", at]
    return run([*asked, "--builder", "ann.party.yaml", "--builder", "bob.party.yaml", "--json"])


BOTH = ("ann.dsse.json", "bob.dsse.json")


@needs_vectors
@pytest.mark.usefixtures("desk")
def test_two_builders_sign_and_a_party_verifies(capsys):
    measured(capsys, "1", "2")
    assert sign("ann") == sign("bob") == 0
    capsys.readouterr()
    assert verify(*BOTH) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["builders"] == ["ann-provide", "bob-provide"]
    assert told["statement"]["predicate"]["launches"][0]["measurement"] == GOLDEN
    assert told["statement"]["_type"] == "https://in-toto.io/Statement/v1"


@needs_vectors
@pytest.mark.usefixtures("desk")
def test_what_is_verified_is_printed_for_a_manifest(capsys):
    measured(capsys, "1")
    sign("ann")
    capsys.readouterr()
    asked = ["measure", "verify", BOTH[0], "--threshold", "1", "--builder", "ann.party.yaml"]
    assert run([*asked, "--at", "2026-11-20T00:00:00Z"]) == 0
    said = capsys.readouterr()
    assert YAML(typ="safe").load(said.out) == {"sev-snp": {"measurements": [GOLDEN]}}
    assert "signed by ann-provide" in said.err


@needs_vectors
@pytest.mark.usefixtures("desk")
def test_builders_who_built_the_same_sign_the_same_digest(capsys):
    measured(capsys, "1")
    capsys.readouterr()
    told = []
    for builder in ("ann", "bob"):
        assert sign(builder, "1.0.0", "--json") == 0
        told.append(json.loads(capsys.readouterr().out))
    assert told[0]["digest"] == told[1]["digest"]
    assert [one["signed_by"] for one in told] == ["ann-provide", "bob-provide"]


@needs_vectors
@pytest.mark.usefixtures("desk")
def test_one_builder_is_not_enough_where_two_are_asked(capsys):
    measured(capsys, "1")
    sign("ann")
    assert verify(BOTH[0]) == 4
    assert verify(BOTH[0], BOTH[0]) == 4


@needs_vectors
@pytest.mark.usefixtures("desk")
def test_builders_that_built_differently_are_refused(capsys):
    measured(capsys, "1")
    sign("ann")
    measured(capsys, "2")
    sign("bob")
    assert verify(*BOTH) == 4
    assert "2 different statements" in capsys.readouterr().err


@needs_vectors
def test_a_changed_envelope_is_refused(desk, capsys):
    measured(capsys, "1")
    sign("ann")
    sign("bob")
    envelope = Envelope.from_bytes((desk / BOTH[0]).read_bytes())
    forged = envelope.payload.replace(GOLDEN.encode(), b"ab" * 48)
    (desk / BOTH[0]).write_bytes(Envelope(**(dict(envelope) | {"payload": forged})).to_bytes())
    assert verify(*BOTH) == 4


@needs_vectors
@pytest.mark.usefixtures("desk")
def test_old_values_are_refused(capsys):
    measured(capsys, "1")
    sign("ann")
    sign("bob")
    assert verify(*BOTH, at="2029-01-01T00:00:00Z") == 4


def test_what_was_not_measured_is_not_signed(desk):
    (desk / "measured.json").write_text('{"launches": [{"platform": "sev-snp"}], "inputs": {}}')
    assert sign("ann") == 3
    (desk / "measured.json").write_text("{}")
    assert sign("ann") == 3
    assert not (desk / BOTH[0]).exists()


# --- from a measurement to an entry that names it ---------------------------------------------------

LAUNCH = {
    "platform": "sev-snp",
    "measurement": "ab" * 48,
    "vcpus": 2,
    "vcpu_type": "EPYC-v4",
    "guest_features": "0x1",
    "hypervisor": "qemu",
}


def written(*vcpus, kernel="00" * 32):
    launches = [LAUNCH | {"vcpus": count, "measurement": f"{count:02x}" * 48} for count in vcpus]
    inputs = {"kernel": kernel, "firmware": "11" * 32}
    Path("measured.json").write_text(json.dumps({"launches": launches, "inputs": inputs}))


def sign_along(builder, first="ann.dsse.json"):
    asked = ["measure", "sign", "measured.json", "--identity", f"{builder}.key"]
    return run([*asked, "--agree-with", first, "--out", f"values/{builder}.dsse.json"])


@pytest.mark.usefixtures("desk")
def test_the_second_builder_signs_what_the_first_did_if_it_measured_the_same(capsys):
    written(2, 4)
    assert sign("ann") == 0
    written(4, 2)  # the order in which it measured does not matter
    assert sign_along("bob") == 0
    capsys.readouterr()
    assert verify("ann.dsse.json", "values/bob.dsse.json") == 0
    told = json.loads(capsys.readouterr().out)
    assert told["statement"]["predicate"]["version"] == "1.0.0"
    assert told["statement"]["predicate"]["issued_at"] == "2026-11-01T00:00:00Z"


@pytest.mark.usefixtures("desk")
@pytest.mark.parametrize(
    ("measured", "match"),
    [
        ({"vcpus": (2, 8)}, "2 launches differ"),
        ({"vcpus": (2,)}, "1 launches differ"),
        ({"vcpus": (2, 4), "kernel": "22" * 32}, "2 inputs differ"),
    ],
)
def test_the_second_builder_does_not_sign_what_it_did_not_measure(measured, match, capsys):
    written(2, 4)
    sign("ann")
    written(*measured["vcpus"], kernel=measured.get("kernel", "00" * 32))
    assert sign_along("bob") == 4
    assert match in capsys.readouterr().err
    assert not Path("values/bob.dsse.json").exists()


@pytest.mark.usefixtures("desk")
def test_a_builder_names_the_image_or_agrees_but_not_both():
    written(2)
    assert run(["measure", "sign", "measured.json", "--identity", "ann.key", "--out", "x"]) == 2
    assert sign("ann") == 0
    assert sign("bob", "1.0.0", "--agree-with", "ann.dsse.json") == 2


@pytest.mark.usefixtures("desk")
def test_verified_values_are_printed_as_the_name_that_an_entry_takes(capsys):
    written(2, 4)
    sign("ann")
    sign_along("bob")
    capsys.readouterr()
    builders = ["--builder", "ann.party.yaml", "--builder", "bob.party.yaml"]
    asked = ["measure", "verify", "ann.dsse.json", "values/bob.dsse.json", "--threshold", "2"]
    assert run([*asked, *builders, "--at", "2026-11-20T00:00:00Z", "--as-policy"]) == 0
    said = capsys.readouterr()
    named = YAML(typ="safe").load(said.out)["reference_values"]
    listed = good_policy().to_plain()
    del listed["measurements"]
    entry = SevSnpPolicy.from_plain(listed | {"reference_values": named})
    envelopes = [
        Envelope.from_bytes(Path(name).read_bytes())
        for name in ("ann.dsse.json", "values/bob.dsse.json")
    ]
    now = datetime(2026, 11, 20, tzinfo=UTC)
    assert resolve({"worker": entry}, envelopes, now=now)["worker"].measurements == [
        "02" * 48,
        "04" * 48,
    ]
    assert entry.reference_values.threshold == 2
    assert "image worker 1.0.0, signed by ann-provide, bob-provide (2 had to), until" in said.err
