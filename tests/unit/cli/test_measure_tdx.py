"""`cleanroom measure tdx`: from a firmware, a kernel and a log to an image that a manifest pins."""

import hashlib
import json

import pytest
from ruamel.yaml import YAML

from cleanroom.attestation.policy.tdx import TdImage
from cleanroom.cli.main import run
from cleanroom.collateral.boot_events import MIB, extend_all
from cleanroom.collateral.direct_boot import DirectBoot, cmdline_events, kernel_events
from cleanroom.collateral.td_build import measure_build
from cleanroom.collateral.td_configuration import AcpiTables, configuration_events
from cleanroom.collateral.tdvf import read_tdvf
from enclave.attester.quoting import event_log
from tests.support.firmware import BOOT, firmware, kernel, with_row
from tests.support.vectors import VECTORS, needs_vectors

CMDLINE = "console=hvc0 ro"
ACPI = ("--acpi", "tables", "rsdp", "loader", "--memory", "4096")
BOOTED = DirectBoot(kernel(), b"cpio", CMDLINE)
KERNEL = ("--kernel", "vmlinuz", "--initrd", "initrd", "--cmdline", CMDLINE)


@pytest.fixture
def files(tmp_path, monkeypatch):
    """What a builder has at hand."""
    monkeypatch.chdir(tmp_path)
    events = [(1, event) for event in kernel_events(BOOTED)]
    events += [(2, event) for event in cmdline_events(BOOTED)]
    told = [(0, 1, bytes(48)), *((number, 1, event.digest) for number, event in events)]
    written = {
        "OVMF.fd": firmware(),
        "vmlinuz": BOOTED.kernel,
        "initrd": BOOTED.initrd,
        "ccel": event_log(told),
        "tables": b"DSDT",
        "rsdp": b"RSD PTR ",
        "loader": b"allocate",
    }
    for name, content in written.items():
        (tmp_path / name).write_bytes(content)
    return written


def measure(capsys, *options):
    assert run(["measure", "tdx", *options, "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    (launch,) = told["launches"]
    return launch["image"], told["inputs"]


def test_a_firmware_and_a_kernel_give_an_image(files, capsys):
    image, inputs = measure(capsys, "--firmware", "OVMF.fd", *KERNEL)
    assert image["mrtd"] == measure_build(read_tdvf(files["OVMF.fd"]), "page").hex()
    assert image["rtmr1"] == extend_all(kernel_events(BOOTED)).hex()
    assert image["rtmr2"] == extend_all(cmdline_events(BOOTED)).hex()
    assert (image["rtmr0"], image["rtmr3"]) == ("any", "zero")
    expected = {"firmware": "OVMF.fd", "kernel": "vmlinuz", "initrd": "initrd"}
    digests = {name: hashlib.sha256(files[file]).hexdigest() for name, file in expected.items()}
    assert inputs == digests | {"cmdline": hashlib.sha256(CMDLINE.encode()).hexdigest()}


@pytest.mark.usefixtures("files")
def test_what_is_printed_is_what_a_manifest_takes(capsys):
    assert run(["measure", "tdx", "--firmware", "OVMF.fd", *KERNEL]) == 0
    said = capsys.readouterr()
    assert "RTMR0 is left open" in said.err
    (printed,) = YAML(typ="safe").load(said.out)["measurements"]
    image, _ = measure(capsys, "--firmware", "OVMF.fd", *KERNEL)
    assert TdImage.from_plain(printed).to_plain() == image


@pytest.mark.usefixtures("files")
def test_a_log_of_the_same_boot_pins_rtmr0_too(capsys):
    image, _ = measure(capsys, "--firmware", "OVMF.fd", *KERNEL, "--event-log", "ccel")
    assert image == measure(capsys, "--firmware", "OVMF.fd", "--event-log", "ccel")[0]
    assert image["rtmr0"] == hashlib.sha384(bytes(96)).hexdigest()


def test_the_order_of_the_hypervisor_can_be_told(files, capsys):
    image, _ = measure(
        capsys, "--firmware", "OVMF.fd", "--page-order", "section", "--event-log", "ccel"
    )
    assert image["mrtd"] == measure_build(read_tdvf(files["OVMF.fd"]), "section").hex()


@pytest.mark.usefixtures("files")
def test_a_kernel_that_qemu_rewrites_can_be_told(capsys):
    asked = ("--firmware", "OVMF.fd", *KERNEL)
    image, _ = measure(capsys, *asked, "--patched-kernel", "--memory", "4096")
    assert image["rtmr1"] == extend_all(kernel_events(BOOTED, 4096 * MIB)).hex()
    assert image["rtmr1"] != measure(capsys, *asked)[0]["rtmr1"]


def test_tables_of_a_guest_of_this_shape_pin_rtmr0(files, capsys):
    image, inputs = measure(capsys, "--firmware", "OVMF.fd", *KERNEL, *ACPI)
    sections = read_tdvf(files["OVMF.fd"])
    acpi = AcpiTables(files["tables"], files["rsdp"], files["loader"])
    assert image["rtmr0"] == extend_all(configuration_events(sections, 4096 * MIB, acpi)).hex()
    assert inputs["acpi-loader"] == hashlib.sha256(b"allocate").hexdigest()


@pytest.mark.usefixtures("files")
def test_tables_that_are_not_those_of_the_log_are_refused(capsys):
    asked = ("--firmware", "OVMF.fd", *KERNEL, *ACPI, "--event-log", "ccel")
    assert run(["measure", "tdx", *asked]) == 4
    assert "event 1 of RTMR0 in the event log is another" in capsys.readouterr().err


@needs_vectors
@pytest.mark.usefixtures("files")
def test_a_kernel_that_measures_nothing_is_told(capsys):
    log = str(VECTORS / "tdx/dstack__ccel.bin")
    assert run(["measure", "tdx", "--firmware", "OVMF.fd", "--event-log", log]) == 0
    assert "RTMR2 is zero" in capsys.readouterr().err


@pytest.mark.usefixtures("files")
@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--event-log", "ccel"), "expected either --firmware"),
        (("--firmware", "OVMF.fd", "--mrtd", "ab" * 48, "--event-log", "ccel"), "expected either"),
        (("--mrtd", "ab" * 48, "--page-order", "page", "--event-log", "ccel"), "expected either"),
        (("--firmware", "OVMF.fd"), "the host would choose what boots"),
        (("--firmware", "OVMF.fd", "--event-log", "ccel", "--cmdline", "ro"), "expected --kernel"),
        (("--firmware", "none.fd", *KERNEL), "none.fd cannot be read"),
        (("--firmware", "OVMF.fd", *KERNEL, "--patched-kernel"), "expected --memory with --acpi"),
        (("--firmware", "OVMF.fd", *KERNEL, "--memory", "4096"), "and only with them"),
        (("--firmware", "OVMF.fd", *ACPI), "the host would choose what boots"),
        (("--mrtd", "ab" * 48, *KERNEL, *ACPI), "expected either --firmware"),
    ],
)
def test_options_that_do_not_fit_are_a_usage_error(options, message, capsys):
    assert run(["measure", "tdx", *options]) == 2
    assert message in capsys.readouterr().err.replace("\n", " ")


@pytest.mark.usefixtures("files")
def test_a_firmware_that_cannot_be_measured_is_refused(tmp_path, capsys):
    (tmp_path / "OVMF.fd").write_bytes(firmware(with_row(BOOT, attributes=0)))
    assert run(["measure", "tdx", "--firmware", "OVMF.fd", *KERNEL]) == 3
    assert "error[CR-4007]: the boot firmware volume is not measured" in capsys.readouterr().err
