"""Simulated machines are known by their file; real ones are found in `test_hardware_found`."""

import pytest

from cleanroom.attestation.anchors import Anchors
from cleanroom.attestation.appraisal import appraise
from cleanroom.attestation.collateral import Collateral
from cleanroom.attestation.verifier import verify
from cleanroom.errors import FileMissing, Usage
from enclave.attester.simulated import SimulatedPlatform
from enclave.attester.simulated_machines import MACHINES, start_guest
from enclave.attester.simulated_tdx import SimulatedTdxPlatform
from tests.support.platform import BINDING, GENESIS, MEASUREMENT, NOW, good_policy


def test_room_mixes_a_coordinator_on_snp_with_workers_on_tdx(tmp_path):
    snp = SimulatedPlatform.create(tmp_path / "snp", NOW)
    tdx = SimulatedTdxPlatform.create(tmp_path / "tdx", NOW)
    policies = {"coordinator": good_policy(snp), "worker": tdx.policy(MEASUREMENT)}
    accepted = {}
    for directory in ("snp", "tdx"):
        evidence = start_guest(tmp_path / directory, MEASUREMENT, GENESIS).collect(BINDING)
        claims = verify(
            evidence,
            binding=BINDING,
            anchors=Anchors.of(policies.values()),
            collateral=Collateral(),
            now=NOW,
        )
        accepted[directory] = appraise(claims, policies, genesis=GENESIS, now=NOW).policy
    assert accepted == {"snp": "coordinator", "tdx": "worker"}


def test_directory_without_a_machine(tmp_path):
    with pytest.raises(FileMissing, match="no simulated machine is kept there"):
        start_guest(tmp_path, MEASUREMENT, GENESIS)


def test_directory_with_several_machines(tmp_path):
    for name in MACHINES:
        (tmp_path / name).write_bytes(b"{}")
    with pytest.raises(Usage, match="several simulated machines are kept there"):
        start_guest(tmp_path, MEASUREMENT, GENESIS)


def test_each_kind_of_machine_has_its_own_file(tmp_path):
    assert len(MACHINES) == 4
    for name, start in MACHINES.items():
        with pytest.raises(FileMissing, match=name):
            start(tmp_path, MEASUREMENT, GENESIS)
