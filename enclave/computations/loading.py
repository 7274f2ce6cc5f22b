"""What takes seconds to import, and which runs want it: a waiting process loads it ahead of them.

A closed table: a name that is not in it loads nothing. Torch, OpenDP and dp-accounting are left to
the runs that use them.
"""

from collections.abc import Iterable, Iterator, Mapping
from importlib import import_module
from types import MappingProxyType

from cleanroom.manifest.model import Evaluate, Manifest, ModelDataset, Predict

_TRAINING = "enclave.computations.training"
_FITS = (f"{_TRAINING}.fitting", f"{_TRAINING}.scores")
LATE: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "train.linear": _FITS,
        "train.gbdt": _FITS,
        "train.torch": _FITS,
        "evaluate": (f"{_TRAINING}.scores",),
        "xgboost-ubj": ("xgboost",),
        "onnx": ("enclave.computations.prediction.graphs",),
        "cleanroom": ("enclave.computations.prediction.kept",),
        "safetensors": ("enclave.computations.prediction.networks",),
    }
)
"""Modules that are met only in a run, by operation, and by the format of a model it uses."""


def expected(manifest: Manifest, role: str) -> tuple[str, ...]:
    """What runs in one process on a worker of this role may want, as names of `LATE`."""
    return tuple(sorted(set(_wanted(manifest, role)) & set(LATE)))


def load(names: Iterable[str]) -> None:
    """Import what these names of `LATE` stand for.

    Raises:
        KeyError: a name is not in the table.
    """
    for module in [module for name in names for module in LATE[name]]:
        import_module(module)


def _wanted(manifest: Manifest, role: str) -> Iterator[str]:
    for computation in manifest.computations.values():
        if computation.workers.role != role or computation.workers.count != 1:
            continue
        yield computation.op
        if isinstance(computation, Predict | Evaluate):
            model = manifest.datasets[computation.model.dataset]
            yield model.format if isinstance(model, ModelDataset) else ""
