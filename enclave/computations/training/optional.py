"""What a worker may lack: torch, which only `train.torch` without `dp` needs; it is in no lock."""

from importlib.util import find_spec

from cleanroom.errors import WorkerUnfit


def require_torch() -> None:
    """Refuse where torch is not installed: asked before anything is decrypted, and not loaded.

    Raises:
        WorkerUnfit: it is not.
    """
    if find_spec("torch") is None:
        raise WorkerUnfit("this worker has no torch, which train.torch needs")
