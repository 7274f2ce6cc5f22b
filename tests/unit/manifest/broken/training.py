"""Cases of rules about what a training learns from, and what it tells."""

from tests.support.manifests import ABSENT
from tests.support.rule_changes import CUSTOMERS, EVALUATION, MATCHES, TRAINS

# rule, change, where, words of the message
BROKEN = [
    (
        "one_label",
        {**TRAINS, f"{CUSTOMERS}__columns__2__role": "feature"},
        "computations.matches.inputs",
        "0 columns of role label are read, expected exactly one",
    ),
    (
        "one_label",
        {**TRAINS, f"{CUSTOMERS}__columns__2__nullable": True},
        "computations.matches.inputs.left.columns.repaid",
        "label 'repaid' may be missing",
    ),
    (
        "one_label",
        {**TRAINS, f"{CUSTOMERS}__columns__2__type": "string"},
        "computations.matches.inputs.left.columns.repaid",
        "label 'repaid' is string, expected bool or string with values",
    ),
    (
        "one_label",
        {**TRAINS, f"{MATCHES}__task": "regression"},
        "computations.matches.inputs.left.columns.repaid",
        "label 'repaid' is bool, expected a number for a regression",
    ),
    (
        "features_fit",
        {**TRAINS, f"{MATCHES}__inputs__left__columns": ["email", "income", "repaid", "since"]},
        "computations.matches.inputs.left.columns.since",
        "column 'since' has role 'payload', expected feature, label or weight",
    ),
    (
        "features_fit",
        {**TRAINS, "datasets__baskets__columns__1__bounds": ABSENT},
        "computations.matches.inputs.right.columns.spend",
        "it is float64, expected bounds within 1e30",
    ),
    (
        "features_fit",
        {**TRAINS, "datasets__baskets__columns__2__values": ABSENT},
        "computations.matches.inputs.right.columns.payment",
        "it is string, expected a number, or a string with values",
    ),
    (
        "features_fit",
        {**TRAINS, "datasets__baskets__columns__2__nullable": True},
        "computations.matches.inputs.right.columns.payment",
        "feature 'payment' may be missing, while the computation says missing: refuse",
    ),
    (
        "settings_fit",
        {**TRAINS, f"{MATCHES}__l2": "0"},
        "computations.matches.l2",
        "l2 is 0, expected 0.000000001 to 1000000000",
    ),
    (
        "settings_fit",
        {
            **TRAINS,
            f"{MATCHES}__op": "train.gbdt",
            f"{MATCHES}__parameters": {
                "rounds": {"min": 1, "max": 9},
                "max_depth": {"min": 1, "max": 9},
            },
            f"{MATCHES}__learning_rate": "2",
        },
        "computations.matches.learning_rate",
        "learning_rate is 2, expected 0.0001 to 1",
    ),
    (
        "comparisons_compare",
        {
            **TRAINS,
            "datasets__customers__columns__1__role": "label",
            f"{MATCHES}__inputs__left__columns": ["email", "income"],
            f"{MATCHES}__task": "regression",
            f"{MATCHES}__outputs__model": {**EVALUATION, "compare": "alone"},
        },
        "computations.matches.outputs.model.compare",
        "compare is alone, expected none: features of one owner are read",
    ),
    (
        "evaluations_are_short",
        {
            **TRAINS,
            f"{CUSTOMERS}__columns__2__type": "string",
            f"{CUSTOMERS}__columns__2__values": [f"class-{n:03}" for n in range(100)],
            f"{MATCHES}__outputs__model": {**EVALUATION, "compare": "alone", "points": 50},
        },
        "computations.matches.outputs.model.points",
        "the evaluation may have 15000 points, about 1245000 bytes, expected at most 400000",
    ),
    (
        "one_label",
        {**TRAINS, f"{MATCHES}__join": "concat"},
        "computations.matches.inputs",
        "1 columns of role label are read, expected one of each input",
    ),
    (
        "weights_fit",
        {
            **TRAINS,
            "datasets__baskets__columns__1__role": "weight",
            "datasets__baskets__columns__1__bounds": ["-1", "10"],
        },
        "computations.matches.inputs.right.columns.spend",
        "weight 'spend': expected bounds within 0 and 1000000",
    ),
    (
        "settings_fit",
        {
            **TRAINS,
            f"{MATCHES}__l2": "2",
            f"{MATCHES}__parameters": {"l2": {"min": "1", "max": "3"}},
        },
        "computations.matches.l2",
        "l2 has a value and a range, expected one of them",
    ),
    (
        "settings_fit",
        {**TRAINS, f"{MATCHES}__parameters": {"l2": {"min": "0", "max": "3"}}},
        "computations.matches.l2",
        "l2 is 0 to 3, expected 0.000000001 to 1000000000",
    ),
    (
        "weights_fit",
        {**TRAINS, "datasets__baskets__columns__2__role": "weight"},
        "computations.matches.inputs.right.columns.payment",
        "weight 'payment': it is string, expected a number",
    ),
    (
        "weights_fit",
        {
            **TRAINS,
            "datasets__baskets__columns__1__role": "weight",
            f"{CUSTOMERS}__columns__1__role": "weight",
        },
        "computations.matches.inputs",
        "2 columns of role weight are read, expected at most one",
    ),
]
