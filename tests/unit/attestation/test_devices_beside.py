"""GPUs prove themselves where the manifest asks for them, and nowhere else."""

import pytest

from cleanroom.attestation.appraisal import appraise
from cleanroom.attestation.collateral import Collateral
from cleanroom.errors import AppraisalFailed, MachineUnfit
from cleanroom.protocol.join import appraise_join
from enclave.attester.beside import gpus_beside, nothing_beside, with_devices
from enclave.attester.composite import CompositeAttester
from enclave.attester.simulated_nvidia import SimulatedNvidiaBoard
from tests.support.nvidia import policy_with, verified_whole
from tests.support.nvml import FakeNvml
from tests.support.platform import (
    BINDING,
    GENESIS,
    NOW,
    good_attester,
    good_policy,
    good_tdx_policy,
)
from tests.support.workers import (
    MEASUREMENT,
    ScriptedRoom,
    live_manifest,
    live_platform,
    now,
    running_worker,
)

PLAIN, ASKING = good_policy(), policy_with(gpus=2)


def missing():
    raise MachineUnfit("there is no NVML, expected NVIDIA's driver in this guest")


def test_gpus_that_are_asked_for_are_proven_with_the_machine():
    devices = gpus_beside("sev-snp", FakeNvml)([ASKING])
    attester = with_devices(good_attester(), devices)
    assert isinstance(attester, CompositeAttester)
    claims = verified_whole(attester.collect(BINDING))
    result = appraise(claims, {"entry": ASKING}, genesis=GENESIS, now=NOW)
    assert (result.policy, len(claims.attached)) == ("entry", 2)


def test_gpus_that_nobody_asks_for_are_not_asked_either():
    """An entry without devices accepts none, so evidence of them would get the worker refused."""
    library = FakeNvml()
    assert gpus_beside("sev-snp", lambda: library)([PLAIN]) == ()
    assert library.called == []
    machine = good_attester()
    assert with_devices(machine, ()) is machine
    whole = with_devices(machine, gpus_beside("sev-snp", FakeNvml)([ASKING])).collect(BINDING)
    with pytest.raises(AppraisalFailed, match="devices"):
        appraise(verified_whole(whole), {"entry": PLAIN}, genesis=GENESIS, now=NOW)


def test_entries_for_other_platforms_do_not_count():
    assert gpus_beside("tdx", missing)([ASKING, good_tdx_policy()]) == ()


def test_machine_without_a_driver_where_gpus_are_asked_for():
    with pytest.raises(MachineUnfit, match="no NVML"):
        gpus_beside("sev-snp", missing)([ASKING])


def test_machine_without_gpus_under_an_entry_that_wants_none():
    assert gpus_beside("sev-snp", missing)([ASKING, PLAIN]) == ()


def test_machine_without_devices():
    assert nothing_beside([ASKING]) == ()


def gpu_manifest(machines):
    devices = machines.policy(2, 0).to_plain()
    entry = good_policy(live_platform(), measurements=[MEASUREMENT.hex()], devices=devices)
    return live_manifest(**{"attestation__worker-snp": entry.to_plain()})


def test_worker_joins_with_the_gpus_that_its_role_asks_for(tmp_path):
    board = SimulatedNvidiaBoard.create(tmp_path, now())
    room = ScriptedRoom(gpu_manifest(board))
    beside = gpus_beside("sev-snp", lambda: FakeNvml(source=board))
    with room.serving() as address, running_worker(room, address, tmp_path / "w", beside=beside):
        room.worker()
    join, manifest = room.joins[0], room.manifest
    assert len(join.evidence.attached) == 2
    result = appraise_join(
        join,
        manifest.workers["cpu"],
        manifest,
        reference_values=[],
        genesis=room.genesis.digest,
        collateral=Collateral(),
        now=now(),
    )
    assert result.policy == "worker-snp"
