"""Cases of rules about values after each round, and folds."""

from tests.support.rule_changes import MATCHES, TRAINS

# rule, change, where, words of the message
BROKEN = [
    (
        "curves_have_rounds",
        {**TRAINS, f"{MATCHES}__outputs__model": {"kind": "curve", "recipients": ["bank"]}},
        "computations.matches.outputs.model.kind",
        "kind is curve, expected another: a line has no rounds",
    ),
    (
        "folds_are_told",
        {**TRAINS, f"{MATCHES}__folds": 5},
        "computations.matches.folds",
        "folds is 5, expected none: no output tells metrics",
    ),
    (
        "curves_have_rounds",
        {
            **TRAINS,
            f"{MATCHES}__op": "train.gbdt",
            f"{MATCHES}__parameters": {
                "rounds": {"min": 1, "max": 5000},
                "max_depth": {"min": 1, "max": 9},
            },
            f"{MATCHES}__outputs__model": {"kind": "curve", "recipients": ["bank"]},
        },
        "computations.matches.outputs.model.kind",
        "kind is curve while rounds may be 5000, expected at most 2083 rounds",
    ),
]
