"""Each rule is broken by one change to a good manifest, and says what, where and what it expects."""

import pytest

from cleanroom.errors import ManifestRule
from cleanroom.manifest.checks import check
from cleanroom.manifest.rules import RULES, WARNINGS
from tests.support.budgets import budgeted
from tests.support.manifests import (
    ABSENT,
    good_manifest,
    good_plain,
    party_block,
    simulated_policy,
)
from tests.support.private_trainings import private_plain
from tests.support.signed_values import naming


def private(column=None, label=None, **how):
    """Changes that make of the good manifest a training with noise, then bent."""
    plain = private_plain(**how)
    columns = plain["datasets"]["customers"]["columns"]
    columns[1], columns[-1] = column or columns[1], label or columns[-1]
    return {"datasets": plain["datasets"], "computations": plain["computations"]}


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
    (
        "times_are_ordered",
        {"metadata__not_after": "2027-01-10T00:00:00Z"},
        "metadata.not_after",
        "expected a time after not_before (2027-01-10T00:00:00Z)",
    ),
    (
        "version_follows_previous",
        {"metadata__version": 2},
        "metadata.previous",
        "version 2 names no previous version",
    ),
    (
        "version_follows_previous",
        {"metadata__previous": "sha256:" + "0" * 64},
        "metadata.previous",
        "version 1 names a previous version, expected null",
    ),
    (
        "keys_are_named",
        {"parties__bank__keys__0__kid": "bank-sign"},
        "parties.bank.keys.0.kid",
        "kid is 'bank-sign', expected 'bank-approve'",
    ),
    (
        "keys_are_named",
        {"parties__bank__keys__0__kid": "shop-approve"},
        "parties.bank.keys.0.kid",
        "kid is 'shop-approve', expected 'bank-approve'",
    ),
    (
        "keys_are_named",
        {"parties__bank__keys": [*BANK_KEYS, {**BANK_KEYS[0], "public": "A" * 43 + "="}]},
        "parties.bank.keys",
        "party 'bank' has 2 keys for use 'approve', expected one",
    ),
    (
        "keys_fit_their_use",
        {"parties__bank__keys__0__alg": "mlkem768-x25519"},
        "parties.bank.keys.0.alg",
        "alg is 'mlkem768-x25519' for use 'approve', expected 'ed25519'",
    ),
    (
        "keys_fit_their_use",
        {"parties__bank__keys__3__alg": "ed25519"},
        "parties.bank.keys.3.alg",
        "alg is 'ed25519' for use 'receive', expected 'mlkem768-x25519'",
    ),
    (
        "keys_fit_their_use",
        {"parties__bank__keys__0__public": "AAAA"},
        "parties.bank.keys.0.public",
        "the public key is 3 bytes, expected 32 bytes for ed25519",
    ),
    (
        "keys_fit_their_use",
        {"parties__bank__keys__3__public": BANK_KEYS[0]["public"][:42] + "A="},
        "parties.bank.keys.3.public",
        "is 32 bytes, expected 1216 bytes",
    ),
    (
        "keys_are_used_once",
        {"parties__shop__keys__0__public": BANK_KEYS[0]["public"]},
        "parties.shop.keys.0.public",
        "'shop-approve' is the same public key as 'bank-approve' of 'bank'",
    ),
    (
        "keys_are_used_once",
        {"parties__bank__keys__1__public": BANK_KEYS[0]["public"]},
        "parties.bank.keys.1.public",
        "'bank-submit' is the same public key as 'bank-approve' of 'bank'",
    ),
    (
        "everybody_approves",
        {"parties__bank__keys__0": ABSENT},
        "parties.bank.keys",
        "party 'bank' has no key for use 'approve'",
    ),
    (
        "roles_have_keys",
        {"parties__bank__keys__1": ABSENT},
        "computations.overlap.submitters.bank",
        "party 'bank' has no key for use 'submit'",
    ),
    (
        "roles_have_keys",
        {"parties__bank__keys__2": ABSENT},
        "datasets.customers.owner",
        "party 'bank' has no key for use 'provide'",
    ),
    (
        "roles_have_keys",
        {"parties__bank__keys__3": ABSENT},
        "computations.overlap.outputs.size.recipients.bank",
        "party 'bank' has no key for use 'receive'",
    ),
    (
        "simulation_is_development",
        {"metadata__mode": "production"},
        "attestation.worker-snp.development_roots",
        "trusts simulated roots in production mode",
    ),
    (
        "simulation_is_not_mixed",
        {"attestation__worker-snp": REAL},
        "attestation.coordinator-snp.development_roots",
        "is for simulated machines while others are for real ones",
    ),
    (
        "policies_are_used",
        {"attestation__spare": simulated_policy()},
        "attestation.spare",
        "policy 'spare' is used by neither",
    ),
    (
        "workers_are_used",
        {"workers__gpu": {"policies": ["worker-snp"], "max_live": 1}},
        "workers.gpu",
        "worker role 'gpu' is used by no computation",
    ),
    (
        "evidence_is_renewed_in_time",
        {"workers__cpu__reattest_s": 600, "workers__cpu__max_evidence_age_s": 600},
        "workers.cpu.reattest_s",
        "reattest_s is 600, expected less than max_evidence_age_s, 600",
    ),
    (
        "gangs_fit",
        {"computations__overlap__workers__count": 5},
        "computations.overlap.workers.count",
        "count is 5, expected at most max_live of 'cpu', which is 4",
    ),
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
        "weighs_on_one_worker",
        {
            **TRAINS,
            f"{MATCHES}__workers__count": 2,
            "datasets__baskets__columns__1__role": "weight",
        },
        "computations.matches.workers.count",
        "count is 2, expected 1: rows with weights are learned from in one process",
    ),
    (
        "curves_have_rounds",
        {**TRAINS, f"{MATCHES}__outputs__model": {"kind": "curve", "recipients": ["bank"]}},
        "computations.matches.outputs.model.kind",
        "kind is curve, expected another: a line has no rounds",
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
        "ranges_are_ordered",
        {**TRAINS, f"{MATCHES}__parameters": {"l2": {"min": "0.3", "max": "0.25"}}},
        "computations.matches.parameters.l2",
        "min is 0.3, expected at most max, which is 0.25",
    ),
    (
        "folds_are_told",
        {**TRAINS, f"{MATCHES}__folds": 5},
        "computations.matches.folds",
        "folds is 5, expected none: no output tells metrics",
    ),
    (
        "folds_on_one_worker",
        {
            **TRAINS,
            f"{MATCHES}__folds": 5,
            f"{MATCHES}__outputs__model": {"kind": "metrics", "recipients": ["bank"]},
            f"{MATCHES}__workers__count": 2,
        },
        "computations.matches.workers.count",
        "count is 2, expected 1: folds are cut in one process",
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
        "units_count_once",
        private(join="left", left="left", missing="mean"),
        "computations.model.join",
        "join is left, expected inner with dp",
    ),
    (
        "units_count_once",
        private(duplicates="all"),
        "computations.model.duplicates",
        "duplicates is all, expected first with dp",
    ),
    (
        "units_count_once",
        private(max_rows=999_999),
        "computations.model.max_rows",
        "max_rows is 999999, expected at least 1000000 with dp",
    ),
    (
        "units_count_once",
        private(split={"test_percent": 25, "seed": 1}),
        "computations.model.split.seed",
        "seed is given, expected none with dp",
    ),
    (
        "units_count_once",
        private(workers={"role": "cpu", "count": 2}),
        "computations.model.workers.count",
        "count is 2, expected 1 with dp",
    ),
    (
        "sizes_are_signed",
        private(column={"name": "age", "type": "int64", "role": "feature"}),
        "computations.model.inputs.left.columns.age",
        "column 'age': it has no bounds, expected some with dp",
    ),
    (
        "sizes_are_signed",
        private(column={"name": "age", "type": "int64", "role": "weight", "bounds": ["0", "9"]}),
        "computations.model.inputs.left.columns.age",
        "column 'age': role is weight, expected none with dp",
    ),
    (
        "sizes_are_signed",
        private(
            label={
                "name": "bought",
                "type": "string",
                "role": "label",
                "values": ["no", "often", "once"],
            }
        ),
        "computations.model.inputs.left.columns.bought",
        "column 'bought': it has 3 values, expected two with dp",
    ),
    (
        "sizes_are_signed",
        private(
            column={
                "name": "age",
                "type": "string",
                "role": "feature",
                "values": [f"{number:03}" for number in range(250)],
            }
        ),
        "computations.model.inputs",
        "features make 256 columns, expected at most 255 with dp",
    ),
    (
        "sizes_are_signed",
        private(dp={"mechanism": "gaussian", "epsilon": "1", "delta": "0"}),
        "computations.model.dp.delta",
        "delta is 0, expected more: Gaussian noise never costs ε alone",
    ),
    (
        "outputs_have_noise",
        private(folds=5, outputs={"quality": {"kind": "metrics", "recipients": ["bank"]}}),
        "computations.model.folds",
        "folds is 5, expected none with dp",
    ),
    (
        "outputs_have_noise",
        private(outputs={"curves": {"kind": "evaluation", "recipients": ["bank"]}}),
        "computations.model.outputs.curves",
        "kind is evaluation, expected metrics, importance or model with dp",
    ),
    (
        "outputs_have_noise",
        private(
            outputs={"quality": {"kind": "metrics", "recipients": ["bank"], "compare": "alone"}}
        ),
        "computations.model.outputs.quality.compare",
        "compare is alone, expected none with dp",
    ),
    (
        "runs_are_affordable",
        budgeted(epsilon="0.2", cost="0.3"),
        "computations.overlap.limits.max_runs",
        "one run costs ε = 0.3, more than the whole budget of 'customers', which is ε = 0.2",
    ),
]

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


def _identifiers(cases):
    return [f"{rule}-{number}" for number, (rule, *_) in enumerate(cases)]


def test_good_manifest_breaks_no_rule():
    assert check(good_manifest()).manifest == good_manifest()


def test_good_training_with_noise_breaks_no_rule():
    checked = check(good_manifest(**private()))
    assert not any("without noise" in warning.message for warning in checked.warnings)


def test_good_training_breaks_no_rule():
    assert check(good_manifest(**TRAINS)).manifest == good_manifest(**TRAINS)


def test_an_evaluation_of_two_owners_features_may_compare_them():
    change = {**TRAINS, f"{MATCHES}__outputs__model": {**EVALUATION, "compare": "alone"}}
    assert check(good_manifest(**change)).manifest == good_manifest(**change)


@pytest.mark.parametrize(("rule", "change", "where", "words"), BROKEN, ids=_identifiers(BROKEN))
def test_manifest_that_breaks_a_rule_is_refused_at_its_place(rule, change, where, words):
    manifest = good_manifest(**change)
    with pytest.raises(ManifestRule) as refused:
        check(manifest)
    assert refused.value.code == "CR-1003"
    (function,) = [each for each in RULES if each.__name__ == rule]
    told = {problem.where: problem.message for problem in function(manifest)}
    assert words in told[where]
    assert where in {problem.where for problem in refused.value.problems}


@pytest.mark.parametrize(("rule", "change", "where", "words"), WARNED, ids=_identifiers(WARNED))
def test_manifest_that_deserves_a_warning_is_accepted_with_it(rule, change, where, words):
    told = {warning.where: warning.message for warning in check(good_manifest(**change)).warnings}
    assert words in told[where], rule


def test_every_rule_is_broken_by_some_case():
    own = {
        rule.__name__
        for rule in RULES
        if not rule.__module__.endswith((".keeping", ".networks", ".prediction"))
    }
    assert own == {rule for rule, *_ in BROKEN}
    told = {rule.__name__ for rule in WARNINGS} - {"models_can_be_copied"}
    assert told == {rule for rule, *_ in WARNED}


def test_every_rule_says_in_one_sentence_what_it_demands():
    for rule in (*RULES, *WARNINGS):
        assert rule.__doc__ is not None
        assert rule.__doc__.strip().endswith("."), rule


def test_all_broken_rules_are_reported_at_once():
    change = {
        "metadata__version": 2,
        "computations__overlap__workers__count": 9,
        f"{CUSTOMERS}__owner": "x",
    }
    with pytest.raises(ManifestRule, match=r"\(and \d+ more\)") as refused:
        check(good_manifest(**change))
    where = {problem.where for problem in refused.value.problems}
    assert {
        "metadata.previous",
        "computations.overlap.workers.count",
        "datasets.customers.owner",
    } <= where


def test_real_platforms_without_witnesses_still_warn_about_rollback():
    manifest = good_manifest(REAL, metadata__mode="production")
    places = {warning.where for warning in check(manifest).warnings}
    assert "computations.matches.limits.max_runs" in places
    assert not any("development_roots" in place for place in places)


def test_noisy_threshold_warning_is_for_repeated_counts_only():
    once = good_manifest(computations__overlap__limits__max_runs=1)
    assert all("differencing" not in warning.message for warning in check(once).warnings)


def test_unknown_names_never_crash_another_rule():
    manifest = good_manifest(
        computations__overlap__inputs__left__dataset="nothing",
        computations__overlap__workers__role="nothing",
        computations__matches__submitters=["nobody"],
        datasets__customers__owner="nobody",
    )
    with pytest.raises(ManifestRule, match="is not defined"):
        check(manifest)


def test_wrong_name_suggests_the_right_one():
    with pytest.raises(ManifestRule) as refused:
        check(good_manifest(datasets__customers__owner="bnak"))
    assert "did you mean 'bank'?" in {problem.hint for problem in refused.value.problems}


def test_third_party_that_only_approves_is_accepted():
    manifest = good_manifest(
        parties__regulator={"name": "Regulator", "keys": party_block("regulator", "x")["keys"][:1]}
    )
    assert "regulator" in check(manifest).manifest.parties
