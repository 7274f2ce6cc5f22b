"""Cases of rules about names of policies, roles, parties, datasets and computations."""

from tests.support.rule_changes import CUSTOMERS, EMAIL, MATCHES

# rule, change, where, words of the message
BROKEN = [
    (
        "known",
        {"coordinator__policies": ["coordinator-snq"]},
        "coordinator.policies.coordinator-snq",
        "policy 'coordinator-snq' is not defined",
    ),
    (
        "known",
        {"workers__cpu__policies": ["nobody"]},
        "workers.cpu.policies.nobody",
        "policy 'nobody' is not defined",
    ),
    (
        "known",
        {f"{CUSTOMERS}__owner": "bnak"},
        "datasets.customers.owner",
        "party 'bnak' is not defined, expected one of bank, shop",
    ),
    (
        "known",
        {f"{CUSTOMERS}__allow__computations": ["matches", "overlaps"]},
        "datasets.customers.allow.computations.overlaps",
        "computation 'overlaps' is not defined",
    ),
    (
        "known",
        {f"{MATCHES}__workers__role": "gpu"},
        "computations.matches.workers.role",
        "worker role 'gpu' is not defined",
    ),
    (
        "known",
        {f"{MATCHES}__submitters": ["mallory"]},
        "computations.matches.submitters.mallory",
        "party 'mallory' is not defined",
    ),
    (
        "known",
        {f"{EMAIL}__dataset": "clients"},
        "computations.overlap.inputs.left.dataset",
        "dataset 'clients' is not defined",
    ),
    (
        "known",
        {"computations__overlap__outputs__size__recipients": ["mallory"]},
        "computations.overlap.outputs.size.recipients.mallory",
        "party 'mallory' is not defined",
    ),
    (
        "distinct",
        {
            "workers__cpu-1": {"policies": ["worker-snp"], "max_live": 1},
            "workers__cpu_l": {"policies": ["worker-snp"], "max_live": 1},
        },
        "workers.cpu_l",
        "'cpu_l' is easily mistaken for 'cpu-1'",
    ),
    (
        "distinct",
        {
            "computations__overlap__inputs": {
                "lo": {"dataset": "customers", "columns": ["email"]},
                "l0": {"dataset": "baskets", "columns": ["email"]},
            }
        },
        "computations.overlap.inputs.lo",
        "is easily mistaken for",
    ),
]
