"""What cases about the manifest's rules change in the good manifest, each said once."""

from tests.support.manifests import good_plain, simulated_policy
from tests.support.private_trainings import private_plain

PLAIN = good_plain()
REAL = {key: value for key, value in simulated_policy().items() if key != "development_roots"}
BANK_KEYS = PLAIN["parties"]["bank"]["keys"]
SHOP_KEYS = PLAIN["parties"]["shop"]["keys"]
EMAIL = "computations__overlap__inputs__left"
CUSTOMERS = "datasets__customers"
MATCHES = "computations__matches"

MAIL = {"name": "email", "type": "string", "role": "identity", "normalise": "email"}
TRAINING = {
    "customers": [
        MAIL,
        {"name": "income", "type": "int64", "role": "feature"},
        {"name": "repaid", "type": "bool", "role": "label"},
        {"name": "since", "type": "date32", "role": "payload"},
    ],
    "baskets": [
        MAIL,
        {"name": "spend", "type": "float64", "role": "feature", "bounds": ["0", "1000000"]},
        {"name": "payment", "type": "string", "role": "feature", "values": ["card", "cash"]},
    ],
    "matches": {
        "op": "train.linear",
        "task": "classification",
        "on": ["email"],
        "inputs": {
            "left": {"dataset": "customers", "columns": ["email", "income", "repaid"]},
            "right": {"dataset": "baskets", "columns": ["email", "payment", "spend"]},
        },
        "submitters": ["bank"],
        "workers": {"role": "cpu"},
        "limits": {"max_runs": 5},
        "outputs": {"model": {"kind": "model", "recipients": ["bank"]}},
    },
}
EVALUATION = {"kind": "evaluation", "recipients": ["bank"]}
TRAINS = {
    f"{CUSTOMERS}__columns": TRAINING["customers"],
    "datasets__baskets__columns": TRAINING["baskets"],
    MATCHES: TRAINING["matches"],
}
"""As a change: `matches` is a training that breaks no rule."""


def private(column=None, label=None, **how):
    """Changes that make of the good manifest a training with noise, then bent."""
    plain = private_plain(**how)
    columns = plain["datasets"]["customers"]["columns"]
    columns[1], columns[-1] = column or columns[1], label or columns[-1]
    return {"datasets": plain["datasets"], "computations": plain["computations"]}
