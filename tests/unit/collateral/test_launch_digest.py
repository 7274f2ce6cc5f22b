"""What an image will measure, compared with what real hardware measured."""

import hashlib
import json

import pytest

from cleanroom.collateral.launch_digest import (
    Firmware,
    KernelHashes,
    Machine,
    Section,
    hash_boot,
    launch_digest,
    read_firmware,
)
from cleanroom.errors import FileMissing, ImageUnreadable, MachineUnfit, Usage
from tests.support.vectors import VECTORS, case_named, content, needs_vectors

pytest.importorskip("sevsnpmeasure", reason="the extra [measure] is not installed")
SUFFIX = "measurement/sev__ovmf_AmdSev_suffix.bin"
GOLDEN = (
    "803f691094946e42068aaa3a8f9e26a5c89f36f7b73ecfb28c653360fe4b3aba"
    "7e534442e7e1e17895dfe778d0228977"
)
NOTHING = hashlib.sha256(b"").digest()
ONE = Machine(vcpus=1, vcpu_type="EPYC-v4", guest_features=0x21)


def booted(cmdline="console=ttyS0 loglevel=7"):
    return KernelHashes(NOTHING, NOTHING, hashlib.sha256(cmdline.encode() + b"\0").digest())


def published():
    """What dstack publishes about an image that ran on a real machine."""
    told = json.loads((VECTORS / case_named("snp-launch-digest")["input"]).read_text())
    sections = tuple(
        Section(one["gpa"], one["size"], one["section_type"]) for one in told["ovmf_sections"]
    )
    firmware = Firmware(
        bytes.fromhex(told["ovmf_hash"]),
        sections,
        told["sev_es_reset_eip"],
        told["sev_hashes_table_gpa"],
    )
    boot = KernelHashes(
        bytes.fromhex(told["kernel_hash"]),
        bytes.fromhex(told["initrd_hash"]),
        hashlib.sha256(told["base_cmdline"].encode() + b"\0").digest(),
    )
    machine = Machine(told["vcpus"], told["vcpu_type"], told["guest_features"])
    return firmware, boot, machine, told["_expected_measurement_sha384"]


@needs_vectors
def test_the_digest_is_the_one_that_real_hardware_signed():
    firmware, boot, machine, expected = published()
    assert launch_digest(firmware, boot, machine).hex() == expected
    signed = content(case_named("snp-milan-v3-dstack")["report"])
    assert signed[0x90:0xC0].hex() == expected


@needs_vectors
def test_a_firmware_image_gives_the_published_digest():
    firmware = read_firmware(VECTORS / SUFFIX)
    assert launch_digest(firmware, booted(), ONE).hex() == GOLDEN


@needs_vectors
@pytest.mark.parametrize(
    "changed",
    [
        {"vcpus": 3},
        {"vcpu_type": "EPYC-Genoa"},
        {"guest_features": 0x21},
    ],
)
def test_everything_that_the_hypervisor_decides_is_in_the_digest(changed):
    firmware, boot, machine, expected = published()
    other = Machine(**({name: getattr(machine, name) for name in Machine.__slots__} | changed))
    assert launch_digest(firmware, boot, other).hex() != expected


@needs_vectors
def test_another_command_line_gives_another_digest():
    firmware = read_firmware(VECTORS / SUFFIX)
    assert launch_digest(firmware, booted("init=/bin/sh"), ONE).hex() != GOLDEN


@needs_vectors
def test_files_are_hashed_as_qemu_does(tmp_path):
    (tmp_path / "kernel").write_bytes(b"")
    found = hash_boot(tmp_path / "kernel", None, "console=ttyS0 loglevel=7")
    assert found == booted()


@needs_vectors
def test_a_published_digest_of_the_pages_stands_for_them():
    known = read_firmware(VECTORS / SUFFIX)
    assert read_firmware(VECTORS / SUFFIX, known.digest) == known
    assert read_firmware(VECTORS / SUFFIX, bytes(48)).digest == bytes(48)


@needs_vectors
def test_firmware_that_does_not_measure_the_kernel_is_refused():
    firmware, boot, machine, _ = published()
    bare = Firmware(firmware.digest, firmware.sections[:-1], firmware.reset_eip, 0)
    with pytest.raises(Usage, match="does not measure what it boots"):
        launch_digest(bare, boot, machine)


@needs_vectors
def test_an_unknown_processor_is_refused():
    firmware, boot, _, _ = published()
    with pytest.raises(Usage, match="'EPYC-Vapour' is not known"):
        launch_digest(firmware, boot, Machine(1, "EPYC-Vapour", 1))


def test_a_file_that_is_no_firmware_is_refused(tmp_path):
    (tmp_path / "ovmf.fd").write_bytes(bytes(8192))
    with pytest.raises(ImageUnreadable, match=r"ovmf\.fd is no OVMF image"):
        read_firmware(tmp_path / "ovmf.fd")
    with pytest.raises(FileMissing, match=r"no firmware 'none\.fd'"):
        read_firmware(tmp_path / "none.fd")


def test_a_missing_kernel_is_told(tmp_path):
    with pytest.raises(FileMissing, match="kernel or the initrd"):
        hash_boot(tmp_path / "none", None, "")


def test_without_the_extra_it_is_said_what_to_install(monkeypatch, tmp_path):
    monkeypatch.setitem(__import__("sys").modules, "sevsnpmeasure.ovmf", None)
    with pytest.raises(MachineUnfit, match=r"expected the extra \[measure\]"):
        read_firmware(tmp_path / "ovmf.fd")
