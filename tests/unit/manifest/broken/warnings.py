"""Cases of what is accepted, but only with a warning."""

from tests.support.joined_trainings import below
from tests.support.manifests import simulated_policy
from tests.support.rule_changes import CUSTOMERS, MATCHES, TRAINS
from tests.support.signed_values import naming
from tests.support.trainings import LINE

# rule, change, where, words of the message
WARNED = [
    ("simulated", {}, "attestation.coordinator-snp.development_roots", "machines are simulated"),
    (
        "any_host",
        {"attestation__worker-snp__host_data": "any"},
        "attestation.worker-snp.host_data",
        "does not tie a machine to this room",
    ),
    (
        "lone_builders",
        {"attestation__worker-snp": naming(simulated_policy(), threshold=1)},
        "attestation.worker-snp.reference_values.threshold",
        "the image of policy 'worker-snp' is one builder's word",
    ),
    ("no_witnesses", {}, "computations.matches.limits.max_runs", "no witnesses are named"),
    (
        "threshold_without_noise",
        {},
        "computations.overlap.outputs.size",
        "min_group alone is no protection against differencing",
    ),
    (
        "lone_units",
        {f"{MATCHES}__outputs__for_bank__gate__min_group": 1},
        "computations.matches.outputs.for-bank.gate.min_group",
        "a single person's match is released",
    ),
    (
        "models_remember",
        TRAINS,
        "computations.matches.outputs.model",
        "the model leaves without noise",
    ),
    (
        "known_rows_are_left_out",
        {each: below(LINE)[each] for each in ("datasets", "computations")},
        "computations.model.outputs.quality",
        "'bank' gets the model, too",
    ),
    (
        "models_stay_unused",
        {**TRAINS, f"{MATCHES}__outputs__model": {"kind": "model"}},
        "computations.matches.outputs.model",
        "no computation uses it: it ends with the room",
    ),
    (
        "told_early",
        {
            **TRAINS,
            f"{MATCHES}__op": "train.gbdt",
            f"{MATCHES}__parameters": {
                "rounds": {"min": 1, "max": 9},
                "max_depth": {"min": 1, "max": 9},
            },
            f"{MATCHES}__outputs": {
                "course": {"kind": "curve", "recipients": ["bank"], "live": True}
            },
        },
        "computations.matches.outputs.course.live",
        "values are told live: also of a run that is cancelled or fails",
    ),
    (
        "consent_runs_out",
        {f"{CUSTOMERS}__allow__max_releases": 3},
        "datasets.customers.allow.max_releases",
        "max_releases is 3, fewer than the 15 runs",
    ),
]
