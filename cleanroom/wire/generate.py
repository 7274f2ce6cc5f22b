"""Generate the checked-in stubs from the `.proto` files: `python -m cleanroom.wire.generate`.

A development tool: it needs `grpcio-tools`, which partners do not install. The stubs are written
beside the `.proto` files, with imports that work inside this package.
"""

import sys
from pathlib import Path

ROOT = Path(__file__).parent / "proto"
SOURCE = "cleanroom/v1/cleanroom.proto"
PACKAGE = "cleanroom.wire.proto.cleanroom.v1"


def generate(target: Path) -> list[Path]:
    """Write the stubs below `target` and return their paths.

    Raises:
        RuntimeError: the compiler refused the source.
    """
    from grpc_tools import protoc  # noqa: PLC0415 - a development dependency

    well_known = Path(protoc.__file__).parent / "_proto"
    outcome = protoc.main(
        [
            "protoc",
            f"-I{ROOT}",
            f"-I{well_known}",
            f"--python_out={target}",
            f"--pyi_out={target}",
            f"--grpc_python_out={target}",
            SOURCE,
        ]
    )
    if outcome != 0:
        raise RuntimeError(f"protoc ended with status {outcome}")
    written = sorted((target / "cleanroom" / "v1").glob("cleanroom_pb2*"))
    for path in written:
        text = path.read_text().replace("from cleanroom.v1 import", f"from {PACKAGE} import")
        path.write_text(text)
    return written


if __name__ == "__main__":
    sys.stdout.writelines(f"{path.name}\n" for path in generate(ROOT))
