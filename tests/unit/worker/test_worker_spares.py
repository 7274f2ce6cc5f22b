"""Spare processes: one ahead, for the room's own runs, and no other than that."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from cleanroom.manifest.model import Manifest
from enclave.computations.loading import LATE, expected, load
from enclave.worker.process import Spares
from enclave.worker.processes import parents
from tests.support.manifests import good_plain
from tests.support.trainings import LINE, TREES, feature, training_plain

LABEL = {"name": "bought", "type": "bool", "role": "label"}
LOADED = (
    "import sys; from enclave.computations.loading import load; load(sys.argv[1:]); "
    "print(*sorted({'sklearn', 'xgboost', 'onnxruntime', 'torch', 'grpc'} & set(sys.modules)))"
)


def told():
    """The last arguments of every spare of this process itself; workers beside it have theirs."""
    found = []
    for pid in sorted(pid for pid, parent in parents().items() if parent == os.getpid()):
        words = started_with(pid)
        if "enclave.worker.task" in words:
            found.append((pid, words[words.index("enclave.worker.task") + 2 :]))
    return found


def started_with(pid):
    """The words of a child's command; for a moment within exec the kernel shows none."""
    while not (text := Path(f"/proc/{pid}/cmdline").read_text()) and pid in parents():
        pass
    return text.rstrip("\0").split("\0")


def test_there_is_no_spare_before_a_room_is_known(tmp_path):
    with Spares(tmp_path):
        assert told() == []


def test_a_spare_stays_until_another_is_expected(tmp_path):
    with Spares(tmp_path) as spares:
        spares.expect(("train.gbdt",))
        ((first, words),) = told()
        assert words == ["train.gbdt"]
        spares.expect(("train.gbdt",))
        assert told() == [(first, words)]
        spares.expect(())
        ((second, words),) = told()
        assert second != first
        assert words == []
    assert told() == []


def test_a_run_takes_the_spare_and_the_next_is_told_the_same(tmp_path):
    with Spares(tmp_path) as spares:
        spares.expect(("evaluate",))
        ((first, _),) = told()
        execution = spares.take()
        assert [pid for pid, _ in told()] == [first]
        execution.kill()
        ((second, words),) = told()
        assert second != first
        assert words == ["evaluate"]


@pytest.mark.parametrize("how", [LINE, TREES], ids=["line", "trees"])
def test_only_trainings_of_the_role_are_expected(how):
    manifest = Manifest.from_plain(training_plain([feature("a"), LABEL], [feature("b")], how))
    assert expected(manifest, manifest.computations["model"].workers.role) == (how["op"],)
    assert expected(manifest, "another") == ()


def test_a_room_without_models_expects_nothing():
    manifest = Manifest.from_plain(good_plain())
    assert {expected(manifest, role) for role in manifest.workers} == {()}


def test_what_is_not_in_the_table_loads_nothing():
    with pytest.raises(KeyError):
        load(["os.path"])


@pytest.mark.parametrize(
    ("name", "loaded"),
    [("train.gbdt", "sklearn xgboost"), ("onnx", "onnxruntime")],
)
def test_a_spare_loads_what_its_runs_want_and_no_network(name, loaded):
    assert name in LATE
    done = subprocess.run(
        [sys.executable, "-I", "-c", LOADED, name], capture_output=True, check=True, text=True
    )
    assert done.stdout.strip() == loaded
