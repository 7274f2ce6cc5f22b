"""What the worker's processes load, and what none of them ever does."""

import subprocess
import sys

import pytest

COUNT = (
    "import sys, importlib; [importlib.import_module(name) for name in sys.argv[2].split()]; "
    "print(sorted({n for n in sys.modules if n.startswith(tuple(sys.argv[1].split()))}))"
)


def loaded(modules, prefixes):
    """Loaded modules with these beginnings, after a fresh process has imported `modules`."""
    done = subprocess.run(
        [sys.executable, "-I", "-c", COUNT, prefixes, modules],
        capture_output=True,
        check=True,
        text=True,
    )
    return done.stdout.strip()


@pytest.mark.parametrize(
    "module", ["enclave.worker.driver", "enclave.worker.tasks", "enclave.worker.raystart"]
)
def test_ray_data_and_ray_train_are_never_imported(module):
    assert loaded(module, "ray.data ray.train") == "[]"


def test_the_driver_is_what_uses_ray():
    assert "'ray'" in loaded("enclave.worker.driver", "ray")


@pytest.mark.parametrize("module", ["enclave.worker.main", "enclave.worker.task"])
def test_a_run_on_one_worker_needs_no_ray(module):
    assert loaded(module, "ray ray.") == "[]"


@pytest.mark.parametrize("module", ["enclave.worker.task", "enclave.worker.tasks"])
def test_what_decrypts_has_no_network_library(module):
    assert loaded(module, "grpc") == "[]"


def test_a_waiting_task_has_not_loaded_what_only_some_runs_need():
    heavy = "sklearn xgboost onnx onnxruntime safetensors"
    assert loaded("enclave.worker.task", heavy) == "[]"
