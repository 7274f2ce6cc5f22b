"""Directories whose entries survive a loss of power: names that were added, changed or removed."""

import os
from pathlib import Path


def durable(directory: Path) -> None:
    """Wait until the disk has what a directory lists (fsync(2), on the directory itself)."""
    descriptor = os.open(directory, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
