"""The simulated machine, the collector over a fake configfs, and the derived key's device."""

import errno
from functools import partial

import pytest

from cleanroom.attestation.formats.snp import read_report
from cleanroom.errors import BindingMismatch, FileMissing, MachineUnfit, Usage
from enclave.attester import Attester
from enclave.attester.device import TRIES
from enclave.attester.measure import code_digest, installed_code_digest, measurement_of
from enclave.attester.sev_snp import SevSnpAttester
from enclave.attester.simulated import PLATFORM_FILE, SimulatedPlatform
from enclave.attester.tsm import ConfigFs, provider_of, request_report
from tests.support.kernels import FakeTsm
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


def collector(**how):
    files = FakeTsm(**how)
    chain = tuple(files.attester.endorsements)
    waited = []
    reports = partial(request_report, files, provider="sev_guest", pause=waited.append)
    return files, SevSnpAttester(reports, lambda: KEY, chain), waited


@pytest.mark.parametrize("table", [True, False])
def test_collected_evidence_verifies(table):
    files, attester, _ = collector(table=table)
    assert verified(attester.collect(BINDING)).measurement == MEASUREMENT.hex()
    assert (attester.measurement, attester.host_data) == (MEASUREMENT, GENESIS)
    assert not files.open


@pytest.mark.parametrize("refusals", [[errno.EBUSY], [errno.EINTR, errno.EBUSY]])
def test_busy_device_is_asked_again(refusals):
    _, attester, waited = collector(refusals=refusals)
    assert read_report(attester.collect(BINDING).report)
    assert waited == [0.05, 0.1][: len(refusals)]


def test_report_that_somebody_else_disturbed_is_asked_for_again():
    _, attester, _ = collector(disturb=2)
    assert verified(attester.collect(BINDING))


@pytest.mark.parametrize(
    ("how", "message"),
    [
        ({"disturb": TRIES}, f"no undisturbed report in {TRIES} tries"),
        ({"refusals": [errno.EBUSY] * TRIES}, f"no undisturbed report in {TRIES} tries"),
        ({"refusals": [errno.EIO]}, "cannot be read: it was refused by the platform"),
        ({"refusals": [errno.ETIMEDOUT]}, "cannot be read: it did not answer in time"),
        ({"provider": "tdx_guest"}, "provider is 'tdx_guest', expected 'sev_guest'"),
    ],
)
def test_platform_that_gives_no_report(how, message):
    files, attester, _ = collector(**how)
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


def test_patience_has_an_end():
    _, attester, waited = collector(refusals=[errno.EBUSY] * TRIES)
    with pytest.raises(MachineUnfit, match="no undisturbed report"):
        attester.collect(BINDING)
    assert len(waited) == TRIES - 1
    assert sum(waited) == pytest.approx(6.35)


def test_kernel_without_a_provider():
    class Closed(FakeTsm):
        def create(self, name):
            raise OSError(errno.ENXIO, name)

    with pytest.raises(MachineUnfit, match="configfs-tsm has no platform behind it"):
        request_report(Closed(), BINDING, "sev_guest")
    with pytest.raises(MachineUnfit, match="configfs-tsm has no platform behind it"):
        provider_of(Closed())


def test_provider_is_asked_without_a_report():
    files = FakeTsm("tdx_guest")
    assert provider_of(files) == "tdx_guest"
    assert (files.written, files.open) == ([], set())


def test_empty_report_is_none():
    class Silent(FakeTsm):
        def _outblob(self):
            return b""

    with pytest.raises(MachineUnfit, match="gave an empty report") as refused:
        request_report(Silent("tdx_guest"), BINDING, "tdx_guest")
    assert "quote generation service" in refused.value.hint


def test_hardware_keys_differ_by_context():
    _, attester, _ = collector()
    assert attester.derive_key(b"a") != attester.derive_key(b"b")
    assert KEY not in (attester.derive_key(b"a"), attester.derive_key(b"b"))
