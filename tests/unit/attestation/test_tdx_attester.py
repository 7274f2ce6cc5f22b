"""The simulated TDX machine, and the collector over a fake configfs."""

import pytest

from cleanroom.attestation.formats.quote import read_quote
from cleanroom.attestation.policy import TdxPolicy
from cleanroom.errors import BindingMismatch, FileMissing, MachineUnfit, Usage
from enclave.attester import Attester
from enclave.attester.scenarios_tdx import SCENARIOS
from enclave.attester.simulated_tdx import PLATFORM_FILE, SimulatedTdxPlatform
from enclave.attester.tdx import TdxAttester
from enclave.attester.tsm import reports_of
from tests.support.kernels import FakeTsm
from tests.support.platform import (
    BINDING,
    GENESIS,
    MEASUREMENT,
    NOW,
    good_tdx_policy,
    other_tdx,
    simulated_tdx,
    verified_tdx,
)


def good_attester(scenario="good"):
    return simulated_tdx().attester(MEASUREMENT, GENESIS, scenario)


def test_simulated_machine_is_kept_in_one_private_file(tmp_path):
    made = SimulatedTdxPlatform.create(tmp_path, NOW)
    assert [file.name for file in tmp_path.iterdir()] == [PLATFORM_FILE]
    assert (tmp_path / PLATFORM_FILE).stat().st_mode & 0o777 == 0o600
    loaded = SimulatedTdxPlatform.load(tmp_path)
    assert (loaded.root_fingerprint, loaded.ppid) == (made.root_fingerprint, made.ppid)
    assert loaded.root_certificate == made.root_certificate
    guest = (MEASUREMENT, GENESIS)
    assert loaded.attester(*guest).derive_key(b"x") == made.attester(*guest).derive_key(b"x")
    with pytest.raises(Usage, match="exists already"):
        SimulatedTdxPlatform.create(tmp_path, NOW)


def test_simulated_machine_that_is_not_there(tmp_path):
    with pytest.raises(FileMissing, match=PLATFORM_FILE):
        SimulatedTdxPlatform.load(tmp_path)


def test_secrets_of_the_simulated_machine_are_in_no_repr():
    shown = repr(simulated_tdx()) + repr(good_attester())
    assert simulated_tdx()._kept.seed.hex() not in shown
    assert repr(simulated_tdx()._kept.seed)[2:12] not in shown


def test_simulated_attester_plays_the_role():
    attester: Attester = good_attester()
    assert (attester.measurement, attester.host_data) == (MEASUREMENT, GENESIS)
    claims = verified_tdx(attester.collect(BINDING))
    assert (claims.measurement, claims.assurance) == (MEASUREMENT.hex(), "simulated")
    assert claims.host_data == GENESIS.hex() + "00" * 16
    assert claims.anchor == simulated_tdx().root_fingerprint
    assert len(claims.events) == 3


def test_attester_takes_no_short_binding():
    with pytest.raises(BindingMismatch, match="is 32 bytes"):
        good_attester().collect(bytes(32))


def test_derived_key_depends_on_machine_measurement_attributes_and_context():
    keys = {
        good_attester().derive_key(b"state"),
        good_attester().derive_key(b"other"),
        good_attester("debug").derive_key(b"state"),
        simulated_tdx().attester(bytes(48), GENESIS).derive_key(b"state"),
        other_tdx().attester(MEASUREMENT, GENESIS).derive_key(b"state"),
    }
    assert len(keys) == 5
    assert {len(key) for key in keys} == {32}


def test_machine_writes_the_entry_that_accepts_it():
    policy = simulated_tdx().policy(MEASUREMENT)
    assert policy == good_tdx_policy()
    assert TdxPolicy.from_bytes(policy.to_bytes()) == policy


@pytest.mark.parametrize("scenario", SCENARIOS)
def test_every_scenario_makes_a_readable_quote(scenario):
    quote = read_quote(good_attester(scenario).collect(BINDING).report)
    assert quote.kind == ("td15" if SCENARIOS[scenario].td15 else "td10")


# --- configfs-tsm ---------------------------------------------------------------------------------


def reports(provider="tdx_guest"):
    return reports_of(FakeTsm(provider, good_attester()), "tdx_guest")


def test_collected_evidence_verifies(tmp_path):
    whole = good_attester().collect(BINDING)
    log = tmp_path / "CCEL"
    log.write_bytes(whole.event_log)
    attester: Attester = TdxAttester(reports(), log, tuple(whole.endorsements))
    assert (attester.measurement, attester.host_data) == (MEASUREMENT, GENESIS)
    claims = verified_tdx(attester.collect(BINDING))
    assert (claims.measurement, len(claims.events)) == (MEASUREMENT.hex(), 3)


def test_guest_without_an_event_log(tmp_path):
    evidence = TdxAttester(reports(), tmp_path / "CCEL").collect(BINDING)
    assert (evidence.event_log, evidence.endorsements) == (None, [])


def test_other_provider_answers(tmp_path):
    with pytest.raises(MachineUnfit, match="provider is 'sev_guest', expected 'tdx_guest'"):
        TdxAttester(reports("sev_guest"), tmp_path / "CCEL").collect(BINDING)


def test_guest_has_no_key_of_its_own(tmp_path):
    with pytest.raises(MachineUnfit, match="cannot keep its state on tdx"):
        TdxAttester(reports(), tmp_path / "CCEL").derive_key(b"state")
