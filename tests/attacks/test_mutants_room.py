"""Each check of the coordinator is taken away once, in a real room: then somebody gets through."""

import base64
from collections.abc import Iterator
from contextlib import ExitStack

import pytest

from cleanroom.crypto.envelope import Envelope
from cleanroom.errors import AdmissionRefused, CallerRefused, EvidenceRejected
from cleanroom.protocol.join import WorkerReport, open_report
from cleanroom.protocol.session import CallerProof
from cleanroom.wire.proto.cleanroom.v1 import cleanroom_pb2 as pb
from cleanroom.wire.proto.cleanroom.v1 import cleanroom_pb2_grpc as rpc
from enclave.coordinator.admission import challenge
from enclave.coordinator.callers import Caller
from tests.attacks import test_coordinator_callers as callers
from tests.attacks import test_coordinator_joins as joins
from tests.attacks import test_coordinator_limits as limits
from tests.support.breaches import Mutant, assert_gets_through, shown
from tests.support.mutants import hands_back, passes, returns
from tests.support.platform import MEASUREMENT
from tests.support.rooms import FakeWorker, call, coordinator, room_manifest
from tests.support.workers import live_platform

MANY = {
    f"{place}": 10_000
    for place in (
        "computations__overlap__limits__max_runs",
        "computations__matches__limits__max_runs",
        "datasets__customers__allow__max_releases",
        "datasets__baskets__allow__max_releases",
    )
}
"""The stories of this file share one room; no limit is to end before they do."""
DOOR = "enclave.coordinator.services.door"
HEAD = {"service": "Log", "name": "GetCheckpoint", "request_": pb.Nothing()}
"""A method that does not ask again who calls."""


# --- what stands in for a check -------------------------------------------------------------------


def unread(envelope: Envelope, _key: bytes, *, instance: str, after: int) -> WorkerReport:
    """A report as it came: no signature, no name, no sequence."""
    del instance, after
    return WorkerReport.from_bytes(envelope.payload)


def signed_only(envelope: Envelope, key: bytes, *, instance: str, after: int) -> WorkerReport:
    """The signature is looked at, but neither the name nor the sequence."""
    del instance, after
    said = WorkerReport.from_bytes(envelope.payload)
    return open_report(envelope, key, instance=said.instance, after=said.counter - 1)


def the_same_nonce(engine, hello):
    """A challenge that a recording fits."""
    return challenge(engine, hello).model_copy(update={"nonce": bytes(32)})


# --- stories that need a line more than their tests -----------------------------------------------


def still_here(room, token):
    asked = pb.BlobRequest(digest="sha256:" + "00" * 32)
    try:
        call(rpc.BlobsStub(room.bank.channel).Stat, asked, metadata=token)
    except CallerRefused:
        return False
    return True


def a_machine_of_today_under_another_root(room):
    """Its certificates are valid now: only the root gives it away."""
    attester = live_platform().attester(MEASUREMENT, room.genesis.digest)
    with FakeWorker(room, attester=attester) as fake:
        challenged = fake.hello()
        with pytest.raises(EvidenceRejected, match="trusted here"):
            fake.present(fake.proof(challenged))


def a_whole_recorded_conversation(room, worker):
    """Everything that the worker chooses is repeated; only the room's nonce is new."""
    first = FakeWorker(room)
    recorded = first.proof(first.hello())
    first.present(recorded)
    token = [("cleanroom-token", base64.b64encode(first.admit.token).decode())]
    first.leave()
    while still_here(room, token):  # until it has left: then its keys are free
        continue
    worker.nonce = first.nonce
    worker.hello()
    with pytest.raises(AdmissionRefused, match="another conversation"):
        worker.present(recorded)


MUTANTS = [
    # who calls
    Mutant(
        f"{DOOR}:caller_of",
        returns(Caller("party", "bank")),
        callers.test_a_caller_without_a_valid_token_is_refused_before_parsing,
        {**HEAD, "metadata": []},
    ),
    Mutant(
        f"{DOOR}:Door._check",
        hands_back(1),
        callers.test_a_caller_without_a_valid_token_is_refused_before_parsing,
        {**HEAD, "metadata": [("cleanroom-token", "not base64")]},
    ),
    Mutant(
        f"{DOOR}:Door._check", hands_back(1), callers.test_a_workers_token_opens_blobs_only, HEAD
    ),
    Mutant(
        "enclave.coordinator.callers:open_caller",
        lambda envelope, _manifest, **_: CallerProof.from_bytes(envelope.payload),
        callers.test_a_proof_made_for_another_room_is_refused,
    ),
    Mutant(
        "enclave.coordinator.callers:open_caller",
        lambda envelope, _manifest, **_: CallerProof.from_bytes(envelope.payload),
        callers.test_a_party_cannot_open_anothers_session,
    ),
    Mutant(
        "enclave.coordinator.callers:Callers.dismiss",
        passes,
        callers.test_the_token_of_a_worker_that_left_is_worth_nothing,
    ),
    # who joins
    Mutant(
        "cleanroom.attestation.verifier:check_binding",
        passes,
        joins.test_the_coordinators_own_evidence_is_no_workers,
    ),
    Mutant(
        "cleanroom.attestation.verifier:check_binding",
        passes,
        joins.test_a_recorded_evidence_with_new_nonces_is_not_bound,
    ),
    *(
        Mutant(
            "cleanroom.attestation.verifier:check_binding",
            passes,
            joins.test_what_the_evidence_does_not_name_is_not_admitted,
            {"field": field},
        )
        for field in ("seal_key", "sign_key", "node_ip")
    ),
    Mutant(
        "enclave.coordinator.services.workers:challenge",
        the_same_nonce,
        a_whole_recorded_conversation,
    ),
    Mutant(
        "cleanroom.attestation.rules.snp:check_measurement",
        returns(()),
        joins.test_another_image_is_refused,
    ),
    Mutant(
        "cleanroom.attestation.rules.sev_snp:check_host_data",
        returns(()),
        joins.test_a_worker_launched_for_another_room_is_refused,
    ),
    Mutant(
        "cleanroom.attestation.silicon.sev_snp:is_anchor",
        returns(True),
        a_machine_of_today_under_another_root,
        second="AppraisalFailed",  # the entry pins its root by itself
    ),
    # what a worker says
    Mutant(
        "enclave.coordinator.reports:open_report",
        signed_only,
        joins.test_a_report_out_of_sequence_ends_the_session,
        {"skip": 5},
    ),
    Mutant(
        "enclave.coordinator.reports:open_report",
        signed_only,
        joins.test_a_replayed_report_ends_the_session,
    ),
    Mutant(
        "enclave.coordinator.reports:open_report",
        signed_only,
        joins.test_a_report_in_anothers_name_ends_the_session,
    ),
    Mutant(
        "enclave.coordinator.reports:open_report",
        unread,
        joins.test_a_report_under_another_key_ends_the_session,
    ),
    # gate two
    Mutant(
        "enclave.coordinator.room:stored_outputs",
        hands_back(),
        joins.test_a_result_that_was_never_stored_is_withheld,
    ),
    Mutant(
        "enclave.coordinator.room:stored_outputs",
        hands_back(),
        joins.test_a_result_of_another_size_is_withheld,
    ),
    Mutant(
        "enclave.coordinator.room:deliverable",
        lambda _run, _reported, deliveries: tuple(deliveries),
        joins.test_a_key_of_another_recipients_result_is_withheld,
    ),
    Mutant(
        "cleanroom.protocol.run:frame",
        returns(b"any result of any run"),
        joins.test_a_key_of_another_recipients_result_is_withheld,
    ),
    # what a party may have
    Mutant(
        "enclave.coordinator.limits:allowed_computation",
        lambda manifest, request: manifest.computations[request.computation],
        limits.test_a_party_that_is_no_submitter_gets_no_run,
    ),
    Mutant(
        "cleanroom.manifest.choices:_chosen",
        hands_back(2),
        limits.test_a_parameter_outside_its_range_is_refused,
    ),
    Mutant(
        "enclave.coordinator.services.datasets:openable",
        hands_back(),
        callers.test_a_data_key_sealed_for_another_version_is_refused,
    ),
    Mutant(
        "cleanroom.protocol.dataset:frame",
        returns(b"any version of any dataset"),
        callers.test_a_data_key_sealed_for_another_version_is_refused,
    ),
]

ROOMS_OF_THEIR_OWN = [
    Mutant(
        "enclave.coordinator.state:Room.uses_of",
        returns(0),
        limits.test_max_runs_hold_after_a_restart,
    ),
    Mutant(
        "enclave.coordinator.state:Room.uses_of",
        returns(0),
        limits.test_parallel_requests_do_not_exceed_max_runs,
    ),
    Mutant(
        "enclave.coordinator.state:Room.watchers_of",
        returns(frozenset({"bank", "shop", "third"})),
        callers.test_a_party_outside_of_a_run_learns_nothing,
    ),
]


@pytest.fixture(scope="module")
def room(tmp_path_factory) -> Iterator[object]:
    """An active room with both datasets."""
    directory = tmp_path_factory.mktemp("room")
    with coordinator(directory, room_manifest(**MANY)) as running:
        running.bank, running.shop = running.fill()
        yield running


@pytest.mark.parametrize("mutant", MUTANTS, ids=shown)
def test_somebody_gets_through_without_the_check(monkeypatch, mutant, room):
    code = mutant.story.__code__
    asked = set(code.co_varnames[: code.co_argcount])

    def story():
        with ExitStack() as stack:
            made = {}
            if "room" in asked:
                made["room"] = room
            if "worker" in asked:
                made["worker"] = stack.enter_context(FakeWorker(room))
            mutant.story(**made, **mutant.given)

    assert_gets_through(monkeypatch, mutant, story)


@pytest.mark.parametrize("mutant", ROOMS_OF_THEIR_OWN, ids=shown)
def test_a_limit_is_overrun_without_its_check(monkeypatch, mutant, tmp_path_factory):
    def story():
        mutant.story(tmp_path_factory.mktemp("room"))

    assert_gets_through(monkeypatch, mutant, story)
