"""Each rule of the room's decisions is taken away once: more is granted than anybody signed."""

import pytest

from cleanroom.protocol.run import RunRequest
from tests.attacks.test_mutants_agreement import whatever_it_says
from tests.support.breaches import Mutant, assert_gets_through, shown
from tests.support.histories import History
from tests.support.mutants import hands_back, passes, returns
from tests.unit.coordinator import test_step_agreement as agreement
from tests.unit.coordinator import test_step_runs as runs

ROOM = "enclave.coordinator.room"
GOVERNING = "enclave.coordinator.governing"


def as_it_came(envelope, _manifest, _now):
    """A request that nobody looked at."""
    return RunRequest.from_bytes(envelope.payload)


MUTANTS = [
    # requests
    Mutant(f"{ROOM}:open_request", as_it_came, runs.test_a_request_of_another_key_is_refused),
    Mutant(f"{ROOM}:open_request", as_it_came, runs.test_a_request_for_another_manifest_is_refused),
    Mutant(f"{ROOM}:open_request", as_it_came, runs.test_an_expired_request_is_refused),
    Mutant(
        "enclave.coordinator.limits:allowed_computation",
        lambda manifest, request: manifest.computations[request.computation],
        runs.test_only_a_submitter_may_submit,
    ),
    Mutant(
        "enclave.coordinator.limits:complete_parameters",
        hands_back(1),
        runs.test_a_parameter_that_nobody_signed_is_unknown,
    ),
    Mutant(
        "enclave.coordinator.limits:_version",
        lambda room, _name, _dataset, wanted: wanted or list(room.versions)[-1],
        runs.test_a_version_of_another_dataset_is_refused,
        {"name": "left"},
    ),
    # limits
    Mutant(
        "enclave.coordinator.state:Room.uses_of",
        returns(0),
        runs.test_max_runs_counts_runs_that_wait,
    ),
    Mutant(
        "enclave.coordinator.state:Room.uses_of",
        returns(0),
        runs.test_a_granted_run_is_spent_whatever_becomes_of_it,
    ),
    Mutant(
        "enclave.coordinator.state:Room.releases_of",
        returns(0),
        runs.test_max_releases_counts_over_all_computations,
    ),
    # workers
    Mutant(
        "enclave.coordinator.state:Run.member",
        lambda run, _instance: run.gang[0],
        runs.test_a_worker_of_no_gang_reports_nothing,
    ),
    Mutant(f"{GOVERNING}:_own_keys", passes, agreement.test_a_key_of_another_worker_is_refused),
    # datasets
    Mutant(
        "cleanroom.protocol.dataset:open_envelope",
        whatever_it_says,
        agreement.test_a_version_signed_by_another_party_is_refused,
    ),
    Mutant(
        f"{GOVERNING}:_fresh_context",
        hands_back(1),
        agreement.test_a_version_name_used_twice_is_refused,
    ),
    # gate two
    *(
        Mutant(
            f"{ROOM}:expected_outputs",
            hands_back(1),
            runs.test_outputs_that_nobody_signed_are_withheld,
            {"bend": bend},
        )
        for bend in ("missing", "twice", "another-recipient", "another-name")
    ),
    Mutant(
        f"{ROOM}:expected_outputs", hands_back(1), runs.test_an_output_above_its_size_is_withheld
    ),
    Mutant(
        f"{ROOM}:stored_outputs",
        hands_back(),
        runs.test_an_output_that_is_not_stored_at_its_size_is_withheld,
    ),
    Mutant(
        f"{ROOM}:deliverable",
        hands_back(2),
        runs.test_an_output_whose_key_does_not_open_is_withheld,
    ),
]


@pytest.mark.parametrize("mutant", MUTANTS, ids=shown)
def test_more_is_granted_without_the_rule(monkeypatch, mutant):
    def story():
        code = mutant.story.__code__
        given = dict(mutant.given)
        if "history" in code.co_varnames[: code.co_argcount]:
            given["history"] = History.active()
            given["history"].join(1)
        mutant.story(**given)

    assert_gets_through(monkeypatch, mutant, story)
