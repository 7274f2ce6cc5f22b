"""What a simulated launch measures: the code that is installed here, and the role it starts in.

Real hardware measures an image; on a developer's machine the nearest thing is the source of both
packages. Other code gives another measurement, so development rooms feel a changed worker too.
"""

import hashlib
from collections.abc import Iterable
from importlib.util import find_spec
from pathlib import Path

from cleanroom.encoding import frame

MEASURED = ("cleanroom", "enclave")
"""The packages whose source stands for an image."""


def measurement_of(role: str, code_digest: bytes) -> bytes:
    """The simulated launch digest of one role; 48 bytes, as SHA-384.

    Args:
        role: `coordinator`, or a worker role of the manifest.
        code_digest: from `installed_code_digest`.
    """
    measured = frame("cleanroom/simulated-measurement/v1", role.encode(), code_digest)
    return hashlib.sha384(measured).digest()


def installed_code_digest() -> bytes:
    """SHA-384 over the source files of both installed packages; 48 bytes."""
    return code_digest(_folder(name) for name in MEASURED)


def _folder(package: str) -> Path:
    found = find_spec(package)
    (place,) = list(found.submodule_search_locations or []) if found is not None else []
    return Path(place)


def code_digest(packages: Iterable[Path]) -> bytes:
    """SHA-384 over every Python file below these folders, by relative name and content.

    Args:
        packages: folders of source; their own names count, the places where they stand do not.
    """
    files = sorted(
        (f"{package.name}/{file.relative_to(package).as_posix()}", file)
        for package in packages
        for file in package.rglob("*.py")
    )
    parts = [part for name, file in files for part in (name.encode(), file.read_bytes())]
    return hashlib.sha384(frame("cleanroom/code/v1", *parts)).digest()
