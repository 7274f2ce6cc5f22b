"""What runs cost of the budgets that datasets have: questions to a manifest whose rules hold.

A run is charged to every dataset that it reads and that has a budget, each with the whole loss: a
unit may be in all of them. A computation without noise is charged to none, for no ε bounds it.
"""

from collections.abc import Iterator

from cleanroom.ledger.loss import NOTHING, Loss
from cleanroom.manifest.model import AnyComputation, Manifest, Privacy


def losses_of(manifest: Manifest, computation: AnyComputation) -> dict[str, Loss]:
    """What one run of a computation costs, by dataset."""
    loss = computation.loss
    if loss is None:
        return {}
    limits = limits_of(manifest)
    return {read.dataset: loss for read in computation.inputs.values() if read.dataset in limits}


def limits_of(manifest: Manifest) -> dict[str, Loss]:
    """The whole budget of each dataset that has one."""
    return {name: privacy.limit for name, privacy in budgets(manifest)}


def budgets(manifest: Manifest) -> Iterator[tuple[str, Privacy]]:
    """Every dataset with a budget."""
    for name, dataset in manifest.datasets.items():
        if dataset.privacy is not None:
            yield name, dataset.privacy


def costs_of(manifest: Manifest, dataset: str) -> dict[str, Loss]:
    """What one run of each computation that is charged to a dataset costs."""
    charged = {name: losses_of(manifest, each) for name, each in manifest.computations.items()}
    return {name: losses[dataset] for name, losses in charged.items() if dataset in losses}


def largest_loss(manifest: Manifest, dataset: str) -> Loss:
    """What all runs that the manifest allows would cost a dataset, were there no budget."""
    total = NOTHING
    for name, loss in costs_of(manifest, dataset).items():
        total = total.plus(loss.times(manifest.computations[name].limits.max_runs))
    return total
