"""GPUs prove themselves where the manifest asks for them, and nowhere else."""

import pytest

from cleanroom.attestation.appraisal import appraise
from cleanroom.attestation.collateral import Collateral
from cleanroom.errors import AppraisalFailed, MachineUnfit
from cleanroom.protocol.join import appraise_join
from enclave.attester.beside import devices_beside, nothing_beside, with_devices
from enclave.attester.composite import CompositeAttester
from enclave.attester.simulated_nvidia import SimulatedNvidiaBoard
from tests.support.nscq import FakeSwitches
from tests.support.nvidia import board, policy_with, verified_whole
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
    devices = devices_beside("sev-snp", FakeNvml)([ASKING])
    attester = with_devices(good_attester(), devices)
    assert isinstance(attester, CompositeAttester)
    claims = verified_whole(attester.collect(BINDING))
    result = appraise(claims, {"entry": ASKING}, genesis=GENESIS, now=NOW)
    assert (result.policy, len(claims.attached)) == ("entry", 2)


def test_gpus_that_nobody_asks_for_are_not_asked_either():
    """An entry without devices accepts none, so evidence of them would get the worker refused."""
    library = FakeNvml()
    assert devices_beside("sev-snp", lambda: library)([PLAIN]) == ()
    assert library.called == []
    machine = good_attester()
    assert with_devices(machine, ()) is machine
    whole = with_devices(machine, devices_beside("sev-snp", FakeNvml)([ASKING])).collect(BINDING)
    with pytest.raises(AppraisalFailed, match="devices"):
        appraise(verified_whole(whole), {"entry": PLAIN}, genesis=GENESIS, now=NOW)


def test_entries_for_other_platforms_do_not_count():
    assert devices_beside("tdx", missing)([ASKING, good_tdx_policy()]) == ()


def test_machine_without_a_driver_where_gpus_are_asked_for():
    with pytest.raises(MachineUnfit, match="no NVML"):
        devices_beside("sev-snp", missing)([ASKING])


def test_machine_without_gpus_under_an_entry_that_wants_none():
    assert devices_beside("sev-snp", missing)([ASKING, PLAIN]) == ()


def test_machine_without_devices():
    assert nothing_beside([ASKING]) == ()


def gpu_manifest(machines):
    devices = machines.policy(2, 0).to_plain()
    entry = good_policy(live_platform(), measurements=[MEASUREMENT.hex()], devices=devices)
    return live_manifest(**{"attestation__worker-snp": entry.to_plain()})


def test_worker_joins_with_the_gpus_that_its_role_asks_for(tmp_path):
    made = SimulatedNvidiaBoard.create(tmp_path, now())
    room = ScriptedRoom(gpu_manifest(made))
    beside = devices_beside("sev-snp", lambda: FakeNvml(source=made))
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


LINKED = policy_with(gpus=2, switches=2)


def linked_gpus():
    library = FakeNvml()
    library.gpus = board().devices(2, 2)[:2]
    return library


def test_switches_that_are_asked_for_are_proven_after_the_gpus():
    devices = devices_beside("sev-snp", linked_gpus, FakeSwitches)([LINKED])
    assert [device.kind for device in devices] == ["nvidia-gpu"] * 2 + ["nvidia-switch"] * 2
    claims = verified_whole(with_devices(good_attester(), devices).collect(BINDING))
    result = appraise(claims, {"entry": LINKED}, genesis=GENESIS, now=NOW)
    assert (result.policy, len(claims.attached)) == ("entry", 4)


def test_switches_that_nobody_asks_for_are_not_asked():
    devices = devices_beside("sev-snp", FakeNvml, missing)([ASKING])
    assert [device.kind for device in devices] == ["nvidia-gpu"] * 2


def test_a_machine_without_its_switches_is_unfit_where_every_entry_wants_them():
    with pytest.raises(MachineUnfit):
        devices_beside("sev-snp", linked_gpus, missing)([LINKED])


def test_a_machine_without_switches_under_an_entry_with_gpus_alone():
    devices = devices_beside("sev-snp", FakeNvml, missing)([LINKED, ASKING])
    assert [device.kind for device in devices] == ["nvidia-gpu"] * 2
    assert devices_beside("sev-snp", missing, FakeSwitches)([LINKED, PLAIN]) == ()
