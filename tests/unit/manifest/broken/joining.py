"""Cases of rules about left joins and trainings over rows of several owners."""

from tests.support.rule_changes import MATCHES, TRAINS

# rule, change, where, words of the message
BROKEN = [
    (
        "left_is_whole",
        {**TRAINS, f"{MATCHES}__left": "left"},
        "computations.matches.left",
        "left is given while join is inner, expected none",
    ),
    (
        "left_is_whole",
        {**TRAINS, f"{MATCHES}__join": "left"},
        "computations.matches.left",
        "left is None, expected one of left, right",
    ),
    (
        "left_is_whole",
        {
            **TRAINS,
            f"{MATCHES}__join": "left",
            f"{MATCHES}__left": "right",
            f"{MATCHES}__missing": "mean",
        },
        "computations.matches.inputs.left.columns.repaid",
        "label 'repaid' is brought by 'left', expected by 'right'",
    ),
    (
        "gaps_are_filled",
        {**TRAINS, f"{MATCHES}__join": "left", f"{MATCHES}__left": "left"},
        "computations.matches.missing",
        "missing is refuse while join is left, expected mean",
    ),
    (
        "inputs_are_alike",
        {**TRAINS, f"{MATCHES}__join": "concat"},
        "computations.matches.inputs.right.columns",
        "column 'spend' is feature float64 here and not read in 'left', expected the same",
    ),
]
