"""Pictures and live displays on top of the SDK, for notebooks.

    from cleanroom import notebook

    notebook.watch(run)                 # one line per stage; one line is what stays
    notebook.overlap_bars(result)       # a count with the interval that rounding leaves
    notebook.matching_rows(result)      # what released rows look like, column by column
    notebook.evaluation(result, "roc")  # joint against each party alone, where both were told
    notebook.proof(result.receipt.verify(manifest))
    notebook.save(figure, "overlap.svg")

Nothing here is needed to use a room, and nothing here verifies, decrypts or sends: it shows what
the SDK has verified already. Plots need matplotlib, live displays need IPython; each is loaded
when it is first used (PEP 562).
"""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from cleanroom.notebook.curves import evaluation
    from cleanroom.notebook.live import watch
    from cleanroom.notebook.picture import Picture, save
    from cleanroom.notebook.plots import matching_rows, overlap_bars, plot_result
    from cleanroom.notebook.proof import Proof, proof

__all__ = [
    "Picture",
    "Proof",
    "evaluation",
    "matching_rows",
    "overlap_bars",
    "plot_result",
    "proof",
    "save",
    "watch",
]

_HOMES = {
    "Picture": "picture",
    "Proof": "proof",
    "evaluation": "curves",
    "matching_rows": "plots",
    "overlap_bars": "plots",
    "plot_result": "plots",
    "proof": "proof",
    "save": "picture",
    "watch": "live",
}
"""Where each name lives."""


def __getattr__(name: str) -> object:
    """Load a name when it is first asked for."""
    if name not in _HOMES:
        raise AttributeError(f"module 'cleanroom.notebook' has no attribute {name!r}")
    value: object = getattr(import_module(f"cleanroom.notebook.{_HOMES[name]}"), name)
    globals()[name] = value
    return value
