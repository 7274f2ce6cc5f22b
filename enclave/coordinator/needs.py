"""How much memory a run would have needed, told once a worker had too little: no worker says it.

Workers report a code. The room works the figure out for itself, from what was signed and from the
sizes of the inputs, rounded so that nobody learns another party's number of rows from it.
"""

from cleanroom.errors import MemoryShort
from cleanroom.manifest.needs import Sizes, free_megabytes, needed, rounded
from enclave.coordinator.state import Room, Run


def needs_mb(room: Room, run: Run) -> int | None:
    """The free memory that each worker of the run should have, in MB; None for any other end."""
    manifest = room.manifest
    if run.code != MemoryShort.code or manifest is None:
        return None
    if manifest.digest != run.request.manifest:  # what it read may have changed since
        return None
    inputs, model = room.inputs_of(run), 0
    for name in run.computation.reads.keys() - run.computation.inputs.keys():
        model = inputs.pop(name).parts[0].size
    sizes = Sizes({name: version.rows for name, version in inputs.items()}, model)
    told = rounded(sizes, manifest, run.computation)
    return free_megabytes(needed(manifest, run.computation, told))
