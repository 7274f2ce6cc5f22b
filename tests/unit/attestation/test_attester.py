"""The simulated machine, the collector over a fake configfs, and the derived key's device."""

import ctypes
import errno
import struct

import pytest

from cleanroom.attestation.formats.snp import read_report
from cleanroom.errors import BindingMismatch, FileMissing, MachineUnfit, Usage
from enclave.attester import Attester
from enclave.attester.measure import code_digest, installed_code_digest, measurement_of
from enclave.attester.sev_guest import CALL, REQUEST, RESPONSE, SNP_GET_DERIVED_KEY, derived_key
from enclave.attester.sev_snp import SevSnpAttester, detect
from enclave.attester.simulated import PLATFORM_FILE, SimulatedPlatform
from enclave.attester.tsm import TRIES, ConfigFs, request_report
from tests.support.platform import (
    BINDING,
    GENESIS,
    MEASUREMENT,
    NOW,
    good_attester,
    good_evidence,
    other_platform,
    simulated_platform,
    verified,
)

KEY = bytes(range(1, 33))


# --- simulated ------------------------------------------------------------------------------------


def test_simulated_machine_is_kept_in_one_private_file(tmp_path):
    made = SimulatedPlatform.create(tmp_path, NOW)
    assert [file.name for file in tmp_path.iterdir()] == [PLATFORM_FILE]
    assert (tmp_path / PLATFORM_FILE).stat().st_mode & 0o777 == 0o600
    loaded = SimulatedPlatform.load(tmp_path)
    assert loaded.root_fingerprint == made.root_fingerprint
    assert loaded.root_certificate == made.root_certificate
    guest = (MEASUREMENT, GENESIS)
    assert loaded.attester(*guest).derive_key(b"x") == made.attester(*guest).derive_key(b"x")
    with pytest.raises(Usage, match="exists already"):
        SimulatedPlatform.create(tmp_path, NOW)


def test_simulated_machine_that_is_not_there(tmp_path):
    with pytest.raises(FileMissing, match=PLATFORM_FILE):
        SimulatedPlatform.load(tmp_path)


def test_secrets_of_the_simulated_machine_are_in_no_repr():
    shown = repr(simulated_platform()) + repr(good_attester())
    assert simulated_platform()._kept.seed.hex() not in shown
    assert repr(simulated_platform()._kept.seed)[2:12] not in shown


def test_simulated_attester_plays_the_role():
    attester: Attester = good_attester()
    assert (attester.measurement, attester.host_data) == (MEASUREMENT, GENESIS)
    assert attester.collect(BINDING).platform == "sev-snp"


@pytest.mark.parametrize("product", ["Milan", "Genoa", "Turin"])
def test_simulated_evidence_verifies_for_every_product(product):
    claims = verified(good_evidence(product))
    assert (claims.product, claims.assurance) == (product, "simulated")
    assert claims.measurement == MEASUREMENT.hex()
    assert claims.host_data == GENESIS.hex()
    assert claims.anchor == simulated_platform().root_fingerprint


def test_attester_takes_no_short_binding():
    with pytest.raises(BindingMismatch, match="is 32 bytes"):
        good_attester().collect(bytes(32))


def test_derived_key_depends_on_machine_measurement_policy_and_context():
    keys = {
        good_attester().derive_key(b"state"),
        good_attester().derive_key(b"other"),
        good_attester(scenario="debug").derive_key(b"state"),
        simulated_platform().attester(bytes(48), GENESIS).derive_key(b"state"),
        other_platform().attester(MEASUREMENT, GENESIS).derive_key(b"state"),
    }
    assert len(keys) == 5
    assert {len(key) for key in keys} == {32}
    assert good_attester().derive_key(b"state") in keys


# --- measurement ----------------------------------------------------------------------------------


def test_other_code_or_role_is_another_measurement(tmp_path):
    package = tmp_path / "package"
    package.mkdir()
    (package / "a.py").write_text("one")
    before = code_digest([package])
    (package / "a.py").write_text("two")
    after = code_digest([package])
    (package / "a.py").rename(package / "b.py")
    renamed = code_digest([package])
    assert len({before, after, renamed}) == 3
    assert measurement_of("worker", before) != measurement_of("coordinator", before)
    assert len(measurement_of("worker", before)) == 48


def test_installed_code_has_one_digest():
    assert installed_code_digest() == installed_code_digest()
    assert len(installed_code_digest()) == 48


# --- configfs-tsm ---------------------------------------------------------------------------------


class FakeReports:
    """A kernel that answers in memory; `disturb` and `refusals` make it difficult."""

    def __init__(self, *, provider="sev_guest", disturb=0, refusals=(), table=True):
        self.attester = good_attester()
        self.provider = provider
        self.disturb = disturb
        self.refusals = list(refusals)
        self.table = table
        self.generation = 7
        self.open = set()
        self.inblob = b""

    def create(self, name):
        self.open.add(name)

    def remove(self, name):
        self.open.remove(name)

    def write(self, name, attribute, content):
        assert name in self.open
        assert attribute == "inblob"
        self.inblob = content
        self.generation += 1

    def read(self, name, attribute):
        assert name in self.open
        match attribute:
            case "provider":
                return self.provider.encode() + b"\n"
            case "generation":
                return b"%d\n" % self.generation
            case "auxblob" if not self.table:
                raise FileNotFoundError(attribute)
            case "auxblob":
                return b"".join(self.attester.collect(self.inblob).endorsements[:1])
            case "outblob":
                return self._outblob()

    def _outblob(self):
        if self.refusals:
            raise OSError(self.refusals.pop(0), "refused")
        if self.disturb:
            self.disturb -= 1
            self.generation += 1
        return self.attester.collect(self.inblob).report


def collector(**how):
    files = FakeReports(**how)
    chain = tuple(files.attester.endorsements)
    return files, SevSnpAttester(files, lambda: KEY, chain)


@pytest.mark.parametrize("table", [True, False])
def test_collected_evidence_verifies(table):
    files, attester = collector(table=table)
    assert verified(attester.collect(BINDING)).measurement == MEASUREMENT.hex()
    assert (attester.measurement, attester.host_data) == (MEASUREMENT, GENESIS)
    assert not files.open


@pytest.mark.parametrize("refusals", [[errno.EBUSY], [errno.EINTR, errno.EBUSY]])
def test_busy_device_is_asked_again(refusals):
    _, attester = collector(refusals=refusals)
    assert read_report(attester.collect(BINDING).report)


def test_report_that_somebody_else_disturbed_is_asked_for_again():
    _, attester = collector(disturb=2)
    assert verified(attester.collect(BINDING))


@pytest.mark.parametrize(
    ("how", "message"),
    [
        ({"disturb": TRIES}, f"no undisturbed report in {TRIES} tries"),
        ({"refusals": [errno.EBUSY] * TRIES}, f"no undisturbed report in {TRIES} tries"),
        ({"refusals": [errno.EIO]}, "cannot be read"),
        ({"provider": "tdx_guest"}, "provider is 'tdx_guest', expected 'sev_guest'"),
    ],
)
def test_platform_that_gives_no_report(how, message):
    files, attester = collector(**how)
    with pytest.raises(MachineUnfit, match=message):
        attester.collect(BINDING)
    assert not files.open


def test_report_folder_on_disk(tmp_path):
    files = ConfigFs(tmp_path)
    files.create("one")
    (tmp_path / "one" / "inblob").touch()
    files.write("one", "inblob", b"asked")
    assert files.read("one", "inblob") == b"asked"
    (tmp_path / "one" / "inblob").unlink()
    files.remove("one")
    assert not list(tmp_path.iterdir())


def test_plain_folder_is_no_platform(tmp_path):
    with pytest.raises(MachineUnfit, match="expected configfs-tsm"):
        request_report(ConfigFs(tmp_path), BINDING, "sev_guest")
    assert not list(tmp_path.iterdir())


def test_ordinary_machine_is_not_mistaken_for_a_confidential_one(tmp_path):
    with pytest.raises(MachineUnfit, match="no configfs-tsm") as refused:
        detect(tmp_path / "tsm", tmp_path / "sev-guest")
    assert "simulated room" in refused.value.hint
    with pytest.raises(MachineUnfit, match="no SEV guest device"):
        detect(tmp_path, tmp_path / "sev-guest")


def test_confidential_machine_is_detected(tmp_path):
    device = tmp_path / "sev-guest"
    device.touch()
    assert isinstance(detect(tmp_path, device), SevSnpAttester)


# --- /dev/sev-guest -------------------------------------------------------------------------------


def firmware(status=0, key=KEY, seen=None):
    """An `ioctl` that answers like the firmware."""

    def ioctl(_descriptor, request, call):
        assert request == SNP_GET_DERIVED_KEY
        version, asked, answer, _ = CALL.unpack(call)
        if seen is not None:
            seen.append((version, *REQUEST.unpack(ctypes.string_at(asked, REQUEST.size))))
        ctypes.memmove(answer, RESPONSE.pack(status, key), RESPONSE.size)

    return ioctl


def test_derived_key_mixes_in_policy_and_measurement(tmp_path):
    device = tmp_path / "sev-guest"
    device.touch()
    seen = []
    assert derived_key(device, firmware(seen=seen)) == KEY
    assert seen == [(1, 0, 0, 0b1001, 0, 0, 0)]
    assert struct.calcsize("<IIQIIQ") == REQUEST.size == 32
    assert (RESPONSE.size, CALL.size) == (64, 32)


@pytest.mark.parametrize("answer", [{"status": 0x16}, {"key": bytes(32)}])
def test_firmware_that_refuses_the_key(tmp_path, answer):
    device = tmp_path / "sev-guest"
    device.touch()
    with pytest.raises(MachineUnfit, match="key response has status"):
        derived_key(device, firmware(**answer))


def test_machine_without_the_device(tmp_path):
    with pytest.raises(MachineUnfit, match="expected /dev/sev-guest"):
        derived_key(tmp_path / "sev-guest")


def test_plain_file_is_no_device(tmp_path):
    device = tmp_path / "sev-guest"
    device.touch()
    with pytest.raises(MachineUnfit, match="gives no derived key"):
        derived_key(device)


def test_hardware_keys_differ_by_context():
    _, attester = collector()
    assert attester.derive_key(b"a") != attester.derive_key(b"b")
    assert KEY not in (attester.derive_key(b"a"), attester.derive_key(b"b"))
