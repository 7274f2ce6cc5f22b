"""What is measured into a guest: units, launcher, firewall, what is left out, and placement."""

import ast
import configparser
import importlib.util
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from ruamel.yaml import YAML

from enclave.attester.nsm import NSM
from enclave.attester.sev_guest import SEV_GUEST
from enclave.attester.tdx_guest import TDX_GUEST
from enclave.attester.tpm_commands import TPM_DEVICE
from enclave.worker import ports
from enclave.worker.seclusion import TUN
from tests.support.source_tree import ROOT, dotted, modules, parsed, relative

IMAGE = ROOT / "enclave/image"
EXTRA = IMAGE / "mkosi.extra"
UNITS = sorted((EXTRA / "usr/lib/systemd/system").iterdir())
PROGRAMS = ("coordinator", "worker")
LAUNCHER = EXTRA / "usr/lib/cleanroom/launch.py"
HARDENING = {
    "NoNewPrivileges": "yes",
    "CapabilityBoundingSet": "",
    "ProtectSystem": "strict",
    "ProtectHome": "yes",
    "PrivateTmp": "yes",
    "ProtectKernelModules": "yes",
    "ProtectKernelTunables": "yes",
    "ProtectControlGroups": "yes",
    "RestrictSUIDSGID": "yes",
    "DevicePolicy": "closed",
    "LimitCORE": "0",
    "MemorySwapMax": "0",
    "UMask": "0077",
    "IPAddressDeny": "169.254.0.0/16",
}


@pytest.fixture(scope="module")
def launch():
    spec = importlib.util.spec_from_file_location("launch", LAUNCHER)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def said(tmp_path):
    """What a launcher says to a worker and to a coordinator."""
    for name, value in {
        "genesis": "{}",
        "listen": "0.0.0.0:7443",
        "coordinator": "192.0.2.10:7443",
        "role": "cpu",
        "node-ip": "192.0.2.20",
        "peers": "192.0.2.16/28",
        "callers": "198.51.100.0/24\n203.0.113.7/32",
    }.items():
        (tmp_path / name).write_text(value + "\n")
    return tmp_path


def unit(name):
    """A unit's settings, each as the list of its values."""
    found = {}
    for line in (EXTRA / "usr/lib/systemd/system" / name).read_text().splitlines():
        if "=" in line and not line.startswith("#"):
            key, _, value = line.partition("=")
            found.setdefault(key, []).append(value)
    return found


@pytest.mark.skipif(not shutil.which("systemd-analyze"), reason="systemd is not installed here")
def test_systemd_understands_every_unit():
    done = subprocess.run(
        ["systemd-analyze", "verify", "--man=no", *map(str, UNITS)],
        capture_output=True,
        text=True,
        check=False,
    )
    complaints = [line for line in done.stderr.splitlines() if "cleanroom" in line]
    assert complaints == []


@pytest.mark.skipif(not shutil.which("systemd-analyze"), reason="systemd is not installed here")
@pytest.mark.parametrize("program", PROGRAMS)
def test_systemd_rates_the_exposure_as_low(program):
    path = EXTRA / f"usr/lib/systemd/system/cleanroom-{program}.service"
    done = subprocess.run(
        ["systemd-analyze", "security", "--offline=yes", "--no-pager", "--threshold=25", str(path)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("program", PROGRAMS)
def test_each_program_is_surrounded_in_full(program):
    settings = unit(f"cleanroom-{program}.service")
    assert {name: settings.get(name, [None])[-1] for name in HARDENING} == HARDENING


@pytest.mark.parametrize("program", PROGRAMS)
def test_each_program_waits_for_the_firewall(program):
    settings = unit(f"cleanroom-{program}.service")
    assert "cleanroom-rules.service" in settings["Requires"]
    assert "cleanroom-rules.service" in settings["After"][0].split()


@pytest.mark.parametrize("program", PROGRAMS)
def test_each_program_gets_the_credentials_that_its_launcher_reads(program, launch, said):
    offered = {
        line.split(":")[0] for line in unit(f"cleanroom-{program}.service")["LoadCredential"]
    }
    for name in {path.name for path in said.iterdir()} - offered:
        (said / name).unlink()
    assert launch.command(program, said)


@pytest.mark.parametrize("program", PROGRAMS)
def test_the_program_that_is_started_is_there_and_takes_these_arguments(program, launch, said):
    started = launch.command(program, said)
    flags = started[: started.index("--genesis")]
    assert flags == ["/usr/bin/python3", "-I", "-P", "-m", f"enclave.{program}.main"]
    module = importlib.import_module(flags[-1])
    parsed = module._parser().parse_args(started[started.index("--genesis") :])
    assert parsed.genesis == said / "genesis"
    assert parsed.platform is None


@pytest.mark.parametrize("program", PROGRAMS)
def test_a_bundle_of_what_vendors_say_is_passed_on(program, launch, said):
    (said / "collateral").write_bytes(b"{}")
    started = launch.command(program, said)
    assert started[started.index("--collateral") + 1] == str(said / "collateral")
    module = importlib.import_module(f"enclave.{program}.main")
    parsed = module._parser().parse_args(started[started.index("--genesis") :])
    assert parsed.collateral == said / "collateral"
    (said / "collateral").write_bytes(bytes(1024 * 1024 + 1))
    with pytest.raises(launch.Misconfigured, match="collateral is too large"):
        launch.command(program, said)


def test_only_a_worker_may_make_networks_of_its_own_and_nothing_else_of_the_kind():
    assert unit("cleanroom-coordinator.service")["RestrictNamespaces"] == ["yes"]
    worker = unit("cleanroom-worker.service")
    assert worker["RestrictNamespaces"] == ["user net"]
    assert f"{TUN} rw" in worker["DeviceAllow"]
    modules = (EXTRA / "usr/lib/modules-load.d/cleanroom.conf").read_text().splitlines()
    assert Path(TUN).name in modules


@pytest.mark.parametrize("program", PROGRAMS)
def test_every_device_that_signs_evidence_may_be_asked(program):
    settings = unit(f"cleanroom-{program}.service")
    for device in (SEV_GUEST, TDX_GUEST, NSM, TPM_DEVICE):
        assert f"{device} rw" in settings["DeviceAllow"]
        assert f"|{device}" in settings["ConditionPathExists"]
    assert ("char-nvidia* rw" in settings["DeviceAllow"]) == (program == "worker")


@pytest.mark.parametrize("program", PROGRAMS)
def test_what_a_platform_needs_is_said_by_the_launcher(program, launch, said):
    (said / "evidence").write_text("gcp-vtpm\n")
    for number in (1, 3):
        (said / f"endorsement.{number}").write_bytes(b"\x30\x80")
    started = launch.command(program, said)
    module = importlib.import_module(f"enclave.{program}.main")
    parsed = module._parser().parse_args(started[started.index("--genesis") :])
    assert parsed.evidence == "gcp-vtpm"
    assert parsed.endorsements == [said / "endorsement.1", said / "endorsement.3"]
    offered = unit(f"cleanroom-{program}.service")["LoadCredential"]
    assert {"evidence", *launch.ENDORSEMENTS} <= {line.split(":")[0] for line in offered}


def test_nothing_of_the_launchers_words_reaches_the_environment(launch):
    assert set(launch.KEPT) == {"PATH", "HOME", "LANG"}


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("evidence", "tdx --platform=/tmp/x"),
        ("evidence", "TDX"),
        ("endorsement.2", ""),
        ("endorsement.2", "x" * (512 * 1024 + 1)),
        ("coordinator", "evil.example:7443"),
        ("coordinator", "192.0.2.10:7443 --platform=/tmp/x"),
        ("coordinator", "192.0.2.10:99999"),
        ("coordinator", "192.0.2.300:7443"),
        ("role", "--help"),
        ("role", "cpu\n--platform"),
        ("node-ip", "localhost"),
        ("node-ip", "192.0.2.1 " * 400),
        ("node-ip", "\uff11\uff19\uff12.0.2.1"),
    ],
)
def test_a_value_of_another_form_starts_nothing(name, value, launch, said):
    (said / name).write_text(value)
    with pytest.raises(launch.Misconfigured, match=f"cleanroom.{name}"):
        launch.command("worker", said)


@pytest.mark.parametrize("name", ["genesis", "coordinator", "role", "node-ip"])
def test_a_value_that_is_missing_starts_nothing(name, launch, said):
    (said / name).unlink()
    with pytest.raises(launch.Misconfigured, match=f"cleanroom.{name}"):
        launch.command("worker", said)


def test_the_launcher_ends_with_a_status_and_without_a_trace(tmp_path):
    done = subprocess.run(
        [sys.executable, "-I", str(LAUNCHER), "worker"],
        env={"CREDENTIALS_DIRECTORY": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == "the credential cleanroom.genesis is missing or too large\n"


def test_the_launcher_knows_three_programs_only():
    done = subprocess.run(
        [sys.executable, "-I", str(LAUNCHER), "shell"], capture_output=True, text=True, check=False
    )
    assert done.returncode == 2


def test_the_firewall_is_filled_from_checked_networks_only(launch, said):
    assert launch.rules(said).splitlines() == [
        'include "/etc/nftables.conf"',
        "add element inet cleanroom peers { 192.0.2.16/28 }",
        "add element inet cleanroom callers { 198.51.100.0/24, 203.0.113.7/32 }",
        "add element inet cleanroom coordinators { 192.0.2.10 . 7443 }",
    ]


def test_who_says_nothing_talks_to_nobody(launch, tmp_path):
    assert launch.rules(tmp_path) == 'include "/etc/nftables.conf"\n'


@pytest.mark.parametrize(
    "value",
    ["0.0.0.0/0", "169.254.169.254/32", "192.0.2.1/24", "any", "192.0.2.0/28 } ; flush ruleset"],
)
def test_a_network_that_is_none_or_holds_the_metadata_service_is_refused(value, launch, said):
    (said / "peers").write_text(value)
    with pytest.raises(launch.Misconfigured, match=r"cleanroom\.peers"):
        launch.rules(said)


def test_the_firewall_drops_by_default_and_the_metadata_service_first():
    text = (EXTRA / "etc/nftables.conf").read_text()
    for chain in ("input", "forward", "output"):
        assert re.search(rf"hook {chain} priority filter; policy drop;", text)
    for chain in ("chain input", "chain output"):
        body = text[text.index(chain) :].partition("policy drop;")[2]
        first = next(line.strip() for line in body.splitlines() if line.strip() and "#" not in line)
        assert "169.254.0.0/16 drop" in first


def test_the_firewall_opens_exactly_the_ports_that_a_gang_uses():
    opened = re.findall(r"@peers tcp dport (\d+)-(\d+)", (EXTRA / "etc/nftables.conf").read_text())
    lowest, highest = ports.LOWEST, ports.HIGHEST - ports.BLOCK + max(ports.allowed(0))
    assert len(opened) == 2
    for first, last in opened:
        assert int(first) == lowest
        assert highest <= int(last) < lowest + (ports.HIGHEST - lowest) + ports.BLOCK


@pytest.mark.skipif(not shutil.which("nft"), reason="nft is not installed here")
def test_nft_understands_the_rules():
    done = subprocess.run(
        ["nft", "-c", "-f", str(EXTRA / "etc/nftables.conf")], capture_output=True, check=False
    )
    assert done.returncode == 0, done.stderr


# --- what is in the image, and what is not ---------------------------------------------------------


def left_out():
    lines = (IMAGE / "left-out.txt").read_text().splitlines()
    return [line for line in lines if line and not line.startswith("#")]


def test_what_is_left_out_is_there_to_be_left_out():
    missing = [name for name in left_out() if not (ROOT / name).exists()]
    assert missing == []


def test_no_simulator_is_in_the_image():
    attester = ROOT / "enclave/attester"
    simulating = {
        f"enclave/attester/{path.name}"
        for pattern in ("simulated*.py", "scenarios*.py", "issuing*.py")
        for path in attester.glob(pattern)
    }
    assert simulating <= set(left_out())


def test_what_only_the_simulator_uses_is_left_out_with_it():
    outside = tuple(left_out())
    inside = {dotted(path): path for path in modules() if not relative(path).startswith(outside)}
    reached = {dotted(path) for path in modules("enclave/coordinator", "enclave/worker")}
    waiting = list(reached)
    while waiting:
        found = imported(inside[waiting.pop()]) & inside.keys() - reached
        reached |= found
        waiting += found
    assert {name for name in inside if name.startswith("enclave.attester.")} <= reached


def imported(path):
    """Every name that a file imports, of which some are modules."""
    named = (node for node in ast.walk(parsed(path)) if isinstance(node, ast.ImportFrom))
    return {
        name
        for node in named
        for name in (node.module, *(f"{node.module}.{each.name}" for each in node.names))
    }


def test_both_programs_start_from_what_is_in_the_image(tmp_path):
    for package in ("cleanroom", "enclave"):
        shutil.copytree(
            ROOT / package, tmp_path / package, ignore=shutil.ignore_patterns("__pycache__")
        )
    for name in left_out():
        path = tmp_path / name
        shutil.rmtree(path) if path.is_dir() else path.unlink()
    script = (
        f"import sys; sys.path.insert(0, {str(tmp_path)!r});"
        "import pkgutil, importlib, enclave.coordinator, enclave.worker, enclave.attester;"
        "found = [m.name for p in (enclave.coordinator, enclave.worker, enclave.attester)"
        " for m in pkgutil.walk_packages(p.__path__, p.__name__ + '.')];"
        "[importlib.import_module(name) for name in found];"
        "print(enclave.coordinator.__file__, len(found))"
    )
    done = subprocess.run(
        [sys.executable, "-I", "-c", script], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    place, count = done.stdout.split()
    assert Path(place).is_relative_to(tmp_path)
    assert int(count) > 50


def test_the_image_is_one_verity_disk_with_pinned_inputs():
    text = (IMAGE / "mkosi.conf").read_text()
    for pinned in (
        r"^Mirror=https://snapshot\.debian\.org/archive/debian/\d{8}T\d{6}Z$",
        r"^SourceDateEpoch=\d+$",
        r"^Seed=[0-9a-f-]{36}$",
        r"^UnifiedKernelImages=yes$",
        r"^    systemd\.verity=yes$",
        r"^    systemd\.swap=no$",
    ):
        assert re.search(pinned, text, flags=re.MULTILINE), pinned
    root, hashes = (
        read_ini(IMAGE / "mkosi.repart" / name) for name in ("10-root.conf", "20-root-verity.conf")
    )
    assert (root["Verity"], hashes["Verity"]) == ("data", "hash")
    assert root["VerityMatchKey"] == hashes["VerityMatchKey"]
    assert root["Format"] == "erofs"


def read_ini(path):
    parser = configparser.ConfigParser()
    parser.optionxform = str
    parser.read(path)
    return parser["Partition"]


def test_wheels_are_installed_by_hash_and_without_a_network():
    script = (IMAGE / "mkosi.prepare").read_text()
    for needed in ("--no-index", "--require-hashes", "--no-deps", "left-out.txt"):
        assert needed in script
    assert (IMAGE / "mkosi.prepare").stat().st_mode & 0o111


# --- placement -------------------------------------------------------------------------------------

CONFIDENTIAL = {"kata-qemu-snp", "kata-qemu-tdx", "kata-qemu-nvidia-gpu-snp", "kata-cc-isolation"}


def documents(name):
    return list(YAML(typ="safe").load_all((IMAGE / "kubernetes" / name).read_text()))


def templates():
    """Every pod template of the manifests."""
    (deployment,) = (one for one in documents("worker.yaml") if one["kind"] == "Deployment")
    (cluster,) = documents("kuberay.yaml")
    groups = [cluster["spec"]["headGroupSpec"], *cluster["spec"]["workerGroupSpecs"]]
    return [deployment["spec"]["template"], *(group["template"] for group in groups)]


@pytest.mark.parametrize("template", templates(), ids=["pod", "ray-head", "ray-worker"])
def test_a_placed_worker_is_confidential_and_gets_no_secret(template):
    spec = template["spec"]
    assert spec["runtimeClassName"] in CONFIDENTIAL
    assert spec["automountServiceAccountToken"] is False
    assert not spec["hostNetwork"]
    (container,) = spec["containers"]
    assert container["securityContext"]["capabilities"]["drop"] == ["ALL"]
    assert container["securityContext"]["readOnlyRootFilesystem"]
    assert "@sha256:" in container["image"]
    assert container["command"][-1] == "enclave.worker.main"
    assert all("secret" not in volume for volume in spec["volumes"])
    assert all(volume["emptyDir"]["medium"] == "Memory" for volume in spec["volumes"])


@pytest.mark.parametrize("template", templates(), ids=["pod", "ray-head", "ray-worker"])
def test_a_placed_workers_arguments_are_those_of_the_program(template):
    (container,) = template["spec"]["containers"]
    module = importlib.import_module(container["command"][-1])
    assert module._parser().parse_args(container["args"]).role == "cpu"


def test_every_confidential_runtime_is_named():
    text = (IMAGE / "kubernetes/worker.yaml").read_text()
    assert all(name in text for name in CONFIDENTIAL)


def test_kuberay_places_and_starts_no_ray():
    (cluster,) = documents("kuberay.yaml")
    assert cluster["metadata"]["annotations"]["ray.io/overwrite-container-cmd"] == "true"
    assert "tlsOptions" not in cluster["spec"]
    assert "authOptions" not in cluster["spec"]


def test_pods_talk_to_peers_and_the_coordinator_only():
    (policy,) = (one for one in documents("worker.yaml") if one["kind"] == "NetworkPolicy")
    assert set(policy["spec"]["policyTypes"]) == {"Ingress", "Egress"}
    blocks = [
        to["ipBlock"]["cidr"]
        for rule in policy["spec"]["egress"]
        for to in rule["to"]
        if "ipBlock" in to
    ]
    assert all(block.endswith("/32") for block in blocks)
