"""Cases of rules about datasets, their columns and their owners' consent."""

from tests.support.manifests import ABSENT
from tests.support.rule_changes import CUSTOMERS, PLAIN

# rule, change, where, words of the message
BROKEN = [
    (
        "columns_are_distinct",
        {f"{CUSTOMERS}__columns__3__name": "income"},
        "datasets.customers.columns.3.name",
        "column 'income' repeats or looks like 'income'",
    ),
    (
        "columns_are_distinct",
        {f"{CUSTOMERS}__columns__3__name": "Income"},
        "datasets.customers.columns.3.name",
        "column 'Income' repeats or looks like 'income'",
    ),
    (
        "rows_are_ordered",
        {f"{CUSTOMERS}__rows__min": 2_000_000},
        "datasets.customers.rows.min",
        "rows.min is 2000000, expected at most rows.max",
    ),
    (
        "bounds_fit",
        {f"{CUSTOMERS}__columns__2__bounds": ["5", "4"]},
        "datasets.customers.columns.2.bounds",
        "bounds are 5 to 4, expected the lowest first",
    ),
    (
        "bounds_fit",
        {f"{CUSTOMERS}__columns__2__bounds": ["0", "0.5"]},
        "datasets.customers.columns.2.bounds",
        "are not whole numbers",
    ),
    (
        "bounds_fit",
        {
            f"{CUSTOMERS}__columns__2__type": "int32",
            f"{CUSTOMERS}__columns__2__bounds": ["0", "2147483648"],
        },
        "datasets.customers.columns.2.bounds",
        "are outside of int32",
    ),
    (
        "bounds_fit",
        {f"{CUSTOMERS}__columns__3__bounds": ["0", "1"]},
        "datasets.customers.columns.3.bounds",
        "column 'since' is date32, expected a number",
    ),
    (
        "values_fit",
        {f"{CUSTOMERS}__columns__3__values": ["monday"]},
        "datasets.customers.columns.3.values",
        "column 'since' is date32, expected string",
    ),
    (
        "identities_fit",
        {
            f"{CUSTOMERS}__columns__0__type": "float64",
            f"{CUSTOMERS}__columns__0__normalise": ABSENT,
        },
        "datasets.customers.columns.0.type",
        "identity column 'email' is float64, which names no unit",
    ),
    (
        "identities_fit",
        {f"{CUSTOMERS}__columns__1__normalise": "email"},
        "datasets.customers.columns.1.normalise",
        "normalise is 'email' on column 'segment' (payload, string)",
    ),
    (
        "identities_fit",
        {f"{CUSTOMERS}__columns__0__type": "int64"},
        "datasets.customers.columns.0.normalise",
        "normalise is 'email' on column 'email' (identity, int64)",
    ),
    (
        "consent_is_mutual",
        {f"{CUSTOMERS}__allow__computations": ["overlap"]},
        "computations.matches.inputs.left.dataset",
        "'bank' does not allow 'matches' to read 'customers'",
    ),
    (
        "consent_is_mutual",
        {"computations__overlap__inputs__left__dataset": "baskets"},
        "datasets.customers.allow.computations.overlap",
        "computation 'overlap' is allowed but does not read 'customers'",
    ),
    (
        "datasets_are_read",
        {"datasets__spare": PLAIN["datasets"]["customers"]},
        "datasets.spare",
        "dataset 'spare' is read by no computation",
    ),
]
