"""Cases of rules about computations, their inputs and their gates."""

from tests.support.manifests import ABSENT
from tests.support.rule_changes import CUSTOMERS, EMAIL, MATCHES, TRAINS

# rule, change, where, words of the message
BROKEN = [
    (
        "inputs_are_distinct",
        {"computations__overlap__inputs__right__dataset": "customers"},
        "computations.overlap.inputs.right.dataset",
        "inputs 'left' and 'right' both read 'customers'",
    ),
    (
        "columns_exist",
        {f"{EMAIL}__columns": ["email", "phone"]},
        "computations.overlap.inputs.left.columns.phone",
        "dataset 'customers' has no column 'phone', expected one of email, income, segment, since",
    ),
    (
        "units_are_comparable",
        {f"{EMAIL}__columns": ["segment"]},
        "computations.overlap.inputs.left.columns",
        "input 'left' does not read 'email'",
    ),
    (
        "units_are_comparable",
        {
            f"{CUSTOMERS}__columns__0__role": "payload",
            f"{CUSTOMERS}__columns__0__normalise": ABSENT,
        },
        "computations.overlap.inputs.left.columns.email",
        "has role 'payload', expected 'identity'",
    ),
    (
        "units_are_comparable",
        {f"{CUSTOMERS}__columns__0__normalise": "sha256-hex"},
        "computations.overlap.on.email",
        "column 'email' is string/email and string/sha256-hex in the inputs",
    ),
    (
        "units_are_comparable",
        {f"{CUSTOMERS}__columns__0__type": "int64", f"{CUSTOMERS}__columns__0__normalise": ABSENT},
        "computations.overlap.on.email",
        "int64/exact and string/email",
    ),
    (
        "columns_are_needed",
        {f"{EMAIL}__columns": ["email", "income"]},
        "computations.overlap.inputs.left.columns.income",
        "column 'income' is read but neither compared nor output",
    ),
    (
        "columns_are_needed",
        {f"{MATCHES}__inputs__left__columns": ["email", "income", "segment", "since"]},
        "computations.matches.inputs.left.columns.since",
        "column 'since' is read but neither compared nor output",
    ),
    (
        "ranges_are_ordered",
        {f"{MATCHES}__parameters__limit": {"min": 3, "max": 2}},
        "computations.matches.parameters.limit",
        "min is 3, expected at most max, which is 2",
    ),
    (
        "ranges_are_ordered",
        {f"{MATCHES}__parameters__limit": {"min": 1, "max": 2, "default": 3}},
        "computations.matches.parameters.limit.default",
        "default is 3, expected 1 to 2",
    ),
    (
        "ranges_are_ordered",
        {f"{MATCHES}__parameters__limit__min": 0},
        "computations.matches.parameters.limit.min",
        "min is 0, expected at least 1",
    ),
    (
        "gates_can_open",
        {"computations__overlap__outputs__size__gate__min_group": 1_000_001},
        "computations.overlap.outputs.size.gate.min_group",
        "min_group is 1000001, more than rows.max of",
    ),
    (
        "rows_say_so",
        {f"{MATCHES}__outputs__for_bank__reveals_membership": ABSENT},
        "computations.matches.outputs.for-bank.reveals_membership",
        "the output has rows while reveals_membership is false",
    ),
    (
        "counts_are_rounded",
        {f"{MATCHES}__outputs__for_bank__gate__round_to": 10},
        "computations.matches.outputs.for-bank.gate.round_to",
        "round_to is 10, expected none: rows are not rounded",
    ),
    (
        "outputs_are_granted",
        {f"{MATCHES}__outputs__for_shop__columns": ["right.email", "right.visits"]},
        "computations.matches.outputs.for-shop.columns.right.visits",
        "input 'right' does not read 'visits'",
    ),
    (
        "outputs_are_granted",
        {f"{MATCHES}__outputs__for_shop__columns": ["middle.email"]},
        "computations.matches.outputs.for-shop.columns.middle.email",
        "'middle.email' names no input",
    ),
    (
        "outputs_are_granted",
        {f"{MATCHES}__outputs__for_shop__columns": ["spend"]},
        "computations.matches.outputs.for-shop.columns.spend",
        "'spend' names no input",
    ),
    (
        "outputs_are_granted",
        {f"{CUSTOMERS}__columns__1__role": "dimension"},
        "computations.matches.outputs.for-bank.columns.left.segment",
        "'left.segment' has role 'dimension', expected payload or identity",
    ),
    (
        "ranges_are_ordered",
        {**TRAINS, f"{MATCHES}__parameters": {"l2": {"min": "0.3", "max": "0.25"}}},
        "computations.matches.parameters.l2",
        "min is 0.3, expected at most max, which is 0.25",
    ),
]
