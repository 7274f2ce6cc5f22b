"""What every picture of a result is made with: a figure, its title, its file.

A title says first that machines were simulated, where they were. Texts that come from outside of
this program are drawn as they stand and never read as mathematics.
"""

import io
import os
from pathlib import Path
from typing import Any, Literal

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from cleanroom.client.results import Result
from cleanroom.errors import Usage
from cleanroom.manifest.model import AnyComputation, Manifest

HASH_SALT = "cleanroom"
"""Names inside an SVG are made from this, so that the same picture is the same bytes."""
FORMATS: dict[str, Literal["svg", "png", "pdf"]] = {".svg": "svg", ".png": "png", ".pdf": "pdf"}
PANEL = (4.0, 2.6)
"""Width and height of one panel, in inches."""


class Picture(Figure):
    """A figure that notebooks show as SVG by itself."""

    def _repr_svg_(self) -> str:
        return _rendered(self, "svg").decode()


def save(picture: Figure, path: str | os.PathLike[str]) -> Path:
    """Write a picture to a file; the same picture gives the same bytes.

    Args:
        picture: any figure.
        path: ends in `.svg`, `.png` or `.pdf`.

    Raises:
        Usage: the suffix is another one.
    """
    target = Path(path)
    if target.suffix not in FORMATS:
        raise Usage(f"the file is {target.name!r}, expected a name in {', '.join(FORMATS)}")
    target.write_bytes(_rendered(picture, FORMATS[target.suffix]))
    return target


def _rendered(picture: Figure, kind: Literal["svg", "png", "pdf"]) -> bytes:
    undated: dict[str, Any] = {"CreationDate": None} if kind == "pdf" else {"Date": None}
    written = io.BytesIO()
    with mpl.rc_context({"svg.hashsalt": HASH_SALT}):
        picture.savefig(written, format=kind, metadata={} if kind == "png" else undated)
    return written.getvalue()


def withheld(axes: Axes) -> Axes:
    """Say that there is nothing to draw."""
    axes.text(0.5, 0.5, "withheld by the gate", ha="center", transform=axes.transAxes)
    return axes


def titled(result: Result, words: str) -> str:
    """What stands above a picture."""
    simulated = result.receipt.claimed.assurance == "simulated"
    return verbatim(f"{'[simulated]' if simulated else ''} {words}")


def verbatim(text: str) -> str:
    """The text for matplotlib, which would read what is between two dollars as mathematics."""
    return text.replace("$", r"\$")


def manifest_of(result: Result) -> Manifest:
    """The party's own manifest: the receipt was verified against it when the result was fetched."""
    return Manifest.from_bytes(result.receipt.record.statement.manifest or b"")


def computation_of(result: Result) -> AnyComputation:
    """What the run ran."""
    return manifest_of(result).computations[result.receipt.claimed.computation]


def rule_of(result: Result) -> object:
    """What the manifest says of this output."""
    return computation_of(result).outputs[result.output]
