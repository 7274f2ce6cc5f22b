"""What must hold between the fields of a manifest: one small function for each rule.

A rule takes a well-formed manifest and yields a `Problem` for each place that breaks it; its
docstring says in one sentence what it demands. Rules do not rely on each other: each of them may
meet names that another one reports as unknown. Nothing is repaired here.

A path names the entries of a map by their key, those of a list by their index, and the members of
a set of names by the name itself (`datasets.baskets.allow.computations.overlap`).
"""

from collections.abc import Callable, Iterator

from cleanroom.errors import Problem
from cleanroom.manifest.model import Manifest
from cleanroom.manifest.rules import (
    attestation,
    computations,
    datasets,
    growing,
    joining,
    keeping,
    names,
    networks,
    parties,
    prediction,
    privacy,
    private_training,
    training,
    warnings,
)

Rule = Callable[[Manifest], Iterator[Problem]]
"""Yields what breaks it."""

RULES: tuple[Rule, ...] = (
    names.known,
    names.distinct,
    parties.times_are_ordered,
    parties.version_follows_previous,
    parties.keys_are_named,
    parties.keys_fit_their_use,
    parties.keys_are_used_once,
    parties.everybody_approves,
    parties.roles_have_keys,
    attestation.simulation_is_development,
    attestation.simulation_is_not_mixed,
    attestation.policies_are_used,
    attestation.workers_are_used,
    attestation.evidence_is_renewed_in_time,
    attestation.gangs_fit,
    datasets.columns_are_distinct,
    datasets.rows_are_ordered,
    datasets.bounds_fit,
    datasets.values_fit,
    datasets.identities_fit,
    datasets.consent_is_mutual,
    datasets.datasets_are_read,
    computations.inputs_are_distinct,
    computations.columns_exist,
    computations.units_are_comparable,
    computations.columns_are_needed,
    computations.ranges_are_ordered,
    computations.gates_can_open,
    computations.rows_say_so,
    computations.counts_are_rounded,
    computations.outputs_are_granted,
    joining.left_is_whole,
    joining.gaps_are_filled,
    joining.inputs_are_alike,
    training.one_label,
    training.features_fit,
    training.weights_fit,
    training.settings_fit,
    training.comparisons_compare,
    training.evaluations_are_short,
    privacy.budgets_name_units,
    privacy.losses_are_bounded,
    privacy.noise_protects_the_unit,
    privacy.runs_are_affordable,
    growing.curves_have_rounds,
    growing.folds_are_told,
    networks.networks_are_small,
    networks.networks_on_one_worker,
    keeping.models_are_kept_once,
    keeping.kept_models_fit,
    keeping.features_are_told_apart,
    keeping.nobody_is_the_room,
    prediction.models_are_described,
    prediction.models_are_models,
    prediction.features_are_brought,
    prediction.predictions_read_what_they_need,
    prediction.scores_go_to_the_rows_owner,
    prediction.scores_are_scores,
    prediction.scores_say_so,
    prediction.evaluations_compare_nothing,
    prediction.predicts_on_one_worker,
    private_training.units_count_once,
    private_training.sizes_are_signed,
    private_training.outputs_have_noise,
    private_training.noisy_networks_step_whole,
)
"""Every rule; a manifest that breaks one of them is refused."""

WARNINGS: tuple[Rule, ...] = (
    warnings.simulated,
    warnings.any_host,
    warnings.lone_builders,
    warnings.no_witnesses,
    warnings.threshold_without_noise,
    warnings.lone_units,
    warnings.models_remember,
    warnings.known_rows_are_left_out,
    warnings.models_stay_unused,
    warnings.models_can_be_copied,
    warnings.told_early,
    warnings.consent_runs_out,
    privacy.budgets_run_out,
    privacy.budgets_are_passed_by,
    privacy.noise_without_budget,
    privacy.epsilon_is_weak,
    privacy.delta_is_weak,
)
"""What is allowed, but is told to whoever is about to sign."""
