"""Cases of rules about noise and budgets."""

from tests.support.budgets import budgeted
from tests.support.rule_changes import private

# rule, change, where, words of the message
BROKEN = [
    (
        "budgets_name_units",
        budgeted(datasets__customers__privacy={"unit": ["segment"], "epsilon": "1"}),
        "datasets.customers.privacy.unit.segment",
        "column 'segment' has role 'payload', expected 'identity'",
    ),
    (
        "budgets_name_units",
        budgeted(datasets__customers__privacy={"unit": ["person"], "epsilon": "1"}),
        "datasets.customers.privacy.unit.person",
        "dataset 'customers' has no column 'person'",
    ),
    (
        "losses_are_bounded",
        budgeted(cost="0.0000001"),
        "computations.overlap.outputs.size.dp.epsilon",
        "epsilon is 0.0000001, expected 0.000001 to 1000",
    ),
    (
        "losses_are_bounded",
        budgeted(epsilon="1001"),
        "datasets.customers.privacy.epsilon",
        "epsilon is 1001, expected 0.000001 to 1000",
    ),
    (
        "losses_are_bounded",
        budgeted(datasets__customers__privacy__delta="1"),
        "datasets.customers.privacy.delta",
        "delta is 1, expected less than 1",
    ),
    (
        "noise_protects_the_unit",
        budgeted(
            datasets__customers__columns__3={"name": "id", "type": "int64", "role": "identity"},
            datasets__customers__privacy={"unit": ["id"], "epsilon": "1"},
        ),
        "computations.overlap.inputs.left.dataset",
        "the privacy unit of 'customers' is ['id'], expected ['email']",
    ),
    (
        "runs_are_affordable",
        budgeted(epsilon="0.2", cost="0.3"),
        "computations.overlap.limits.max_runs",
        "one run costs ε = 0.3, more than the whole budget of 'customers', which is ε = 0.2",
    ),
]

WARNED = [
    (
        "budgets_run_out",
        budgeted(epsilon="1", cost="0.3"),
        "datasets.customers.privacy.epsilon",
        "all runs that are allowed would cost ε = 30, the budget of 'customers' is ε = 1",
    ),
    (
        "budgets_are_passed_by",
        budgeted(),
        "computations.matches.outputs",
        "'matches' reads 'customers' and releases without noise: min_group is all that protects",
    ),
    (
        "noise_without_budget",
        budgeted(),
        "computations.overlap.inputs.right.dataset",
        "'baskets' has no budget: nothing but max_runs bounds",
    ),
    (
        "epsilon_is_weak",
        budgeted(epsilon="20"),
        "datasets.customers.privacy.epsilon",
        "epsilon is 20: such noise hides hardly anybody",
    ),
    (
        "delta_is_weak",
        private(dp={"mechanism": "gaussian", "epsilon": "1", "delta": "0.000001"}),
        "computations.model.dp.delta",
        "delta is 0.000001, while there may be 1000000 units: it allows that one of them is told",
    ),
    (
        "delta_is_weak",
        budgeted(datasets__customers__privacy__delta="0.1"),
        "datasets.customers.privacy.delta",
        "delta is 0.1, while there may be 1000000 units",
    ),
]
