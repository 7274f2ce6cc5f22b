"""Rules about differential privacy: what a unit is, what noise costs, what a budget can bear.

A guarantee for a unit holds only if one unit cannot change a result by more than its mechanism
assumes. What the mechanisms assume of a manifest is demanded here.
"""

from collections.abc import Iterator
from decimal import Decimal

from cleanroom.errors import Problem
from cleanroom.ledger.loss import Loss
from cleanroom.manifest.budgets import budgets, largest_loss, losses_of
from cleanroom.manifest.model import AnyComputation, CountOutput, Manifest, PrivateTraining

EPSILONS = (Decimal("0.000001"), Decimal(1000))
"""Least and most ε of a run or a budget: below nothing is left but noise, above no protection."""
WEAK = Decimal(10)
"""With a larger ε a result may become e^10 times likelier by one unit: little is promised."""


def budgets_name_units(manifest: Manifest) -> Iterator[Problem]:
    """A privacy unit is named by identity columns of its dataset."""
    for name, privacy in budgets(manifest):
        columns = {column.name: column for column in manifest.datasets[name].columns}
        for unit in privacy.unit:
            path = f"datasets.{name}.privacy.unit.{unit}"
            if unit not in columns:
                yield Problem(f"dataset {name!r} has no column {unit!r}", where=path)
            elif columns[unit].role != "identity":
                yield Problem(
                    f"column {unit!r} has role {columns[unit].role!r}, expected 'identity': "
                    "it names a privacy unit",
                    where=path,
                )


def losses_are_bounded(manifest: Manifest) -> Iterator[Problem]:
    """Every ε is 0.000001 to 1000, every δ below 1."""
    least, most = EPSILONS
    for path, loss in _stated(manifest):
        if not least <= Decimal(loss.epsilon) <= most:
            yield Problem(
                f"epsilon is {loss.epsilon}, expected {least} to {most}", where=f"{path}.epsilon"
            )
        if Decimal(loss.delta) >= 1:
            yield Problem(f"delta is {loss.delta}, expected less than 1", where=f"{path}.delta")


def noise_protects_the_unit(manifest: Manifest) -> Iterator[Problem]:
    """Noise is for the units that are compared: a budget's `unit` is what its readers join on."""
    for name, computation in _noisy(manifest):
        for input_id, read in computation.inputs.items():
            dataset = manifest.datasets.get(read.dataset)
            privacy = None if dataset is None else dataset.privacy
            if privacy is not None and privacy.unit != computation.on:
                yield Problem(
                    f"the privacy unit of {read.dataset!r} is {privacy.unit}, expected "
                    f"{computation.on}, which units are compared on: a person with several of "
                    "them would count several times",
                    where=f"computations.{name}.inputs.{input_id}.dataset",
                )


def runs_are_affordable(manifest: Manifest) -> Iterator[Problem]:
    """One run costs no more than the whole budget of a dataset that it reads."""
    for name, computation in _noisy(manifest):
        for dataset, loss in losses_of(manifest, computation).items():
            privacy = manifest.datasets[dataset].privacy
            if privacy is not None and not privacy.limit.covers(loss):
                yield Problem(
                    f"one run costs {loss}, more than the whole budget of {dataset!r}, which is "
                    f"{privacy.limit}: none would ever be allowed",
                    where=f"computations.{name}.limits.max_runs",
                )


def budgets_run_out(manifest: Manifest) -> Iterator[Problem]:
    """A budget ends before the runs that computations may have."""
    for name, privacy in budgets(manifest):
        total = largest_loss(manifest, name)
        if not privacy.limit.covers(total):
            yield Problem(
                f"all runs that are allowed would cost {total}, the budget of {name!r} is "
                f"{privacy.limit}: whoever runs first uses it up",
                where=f"datasets.{name}.privacy.epsilon",
            )


def budgets_are_passed_by(manifest: Manifest) -> Iterator[Problem]:
    """A result without noise is released from a dataset that has a privacy unit."""
    for dataset, _ in budgets(manifest):
        for name, computation in manifest.computations.items():
            read = {each.dataset for each in computation.inputs.values()}
            if dataset in read and computation.loss is None:
                yield Problem(
                    f"{name!r} reads {dataset!r} and releases without noise: min_group is all "
                    "that protects a unit there, and the budget knows nothing of it",
                    where=f"computations.{name}.outputs",
                    hint="give it `dp`, or do without a budget that does not bound what is told",
                )


def noise_without_budget(manifest: Manifest) -> Iterator[Problem]:
    """Noise is drawn for units of a dataset whose budget nobody named."""
    for name, computation in _noisy(manifest):
        for input_id, read in computation.inputs.items():
            if manifest.datasets[read.dataset].privacy is None:
                yield Problem(
                    f"{read.dataset!r} has no budget: nothing but max_runs bounds what all runs "
                    f"together tell about its units, {computation.loss} each",
                    where=f"computations.{name}.inputs.{input_id}.dataset",
                    hint=f"its owner may add datasets.{read.dataset}.privacy",
                )


def epsilon_is_weak(manifest: Manifest) -> Iterator[Problem]:
    """An ε above 10 promises little."""
    for path, loss in _stated(manifest):
        if Decimal(loss.epsilon) > WEAK:
            yield Problem(
                f"epsilon is {loss.epsilon}: such noise hides hardly anybody",
                where=f"{path}.epsilon",
            )


def delta_is_weak(manifest: Manifest) -> Iterator[Problem]:
    """A δ of one in the number of units, or more, lets a unit be told outright."""
    for path, loss in _stated(manifest):
        section, name, *_ = path.split(".")
        read = manifest.computations[name].inputs.values() if section == "computations" else ()
        names = [each.dataset for each in read] or [name]
        most = max(manifest.datasets[each].rows.max for each in names)
        if Decimal(loss.delta) * most >= 1:
            yield Problem(
                f"delta is {loss.delta}, while there may be {most} units: it allows that one of "
                "them is told outright",
                where=f"{path}.delta",
                hint="well below one in the number of units",
            )


def _noisy(manifest: Manifest) -> Iterator[tuple[str, AnyComputation]]:
    for name, computation in manifest.computations.items():
        if computation.loss is not None:
            yield name, computation


def _stated(manifest: Manifest) -> Iterator[tuple[str, Loss]]:
    """Every ε and δ that is written down, with its path."""
    for name, privacy in budgets(manifest):
        yield f"datasets.{name}.privacy", privacy.limit
    for name, computation in manifest.computations.items():
        if isinstance(computation, PrivateTraining) and computation.dp is not None:
            yield f"computations.{name}.dp", computation.dp.loss
        for output_id, output in computation.outputs.items():
            if isinstance(output, CountOutput) and output.dp is not None:
                yield f"computations.{name}.outputs.{output_id}.dp", output.dp.loss
