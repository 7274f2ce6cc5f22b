"""Stories of a party whose coordinator is not the room it agreed to: it notices, and sends nothing."""

import pytest

from cleanroom.client.room import connect
from cleanroom.errors import (
    AppraisalFailed,
    ApprovalInvalid,
    ApprovalMissing,
    BindingMismatch,
    EvidenceRejected,
    LogInconsistent,
    ManifestOutdated,
    NotTrusted,
    SignatureInvalid,
    SimulationRefused,
    StatementRejected,
    Unreachable,
)
from cleanroom.ledger.checkpoint import LogHead, sign_checkpoint
from cleanroom.manifest.genesis import Genesis
from tests.support.hostile_room import HostileRoom, identity_of, simulated_manifest
from tests.support.manifests import NOW, approvals
from tests.support.platform import other_platform

ASKED_ONLY = {"GetStatement"}
"""What may have reached a coordinator that was not trusted: a nonce, and the size of a log."""


@pytest.fixture(scope="module")
def manifest():
    return simulated_manifest()


@pytest.fixture
def room(manifest):
    return HostileRoom(manifest)


def enter(address, manifest, directory, **choices):
    """Connect as the bank, at the time of the tests."""
    moment = choices.pop("now", NOW)
    return connect(
        manifest,
        identity=identity_of("bank"),
        coordinator=address,
        directory=directory,
        clock=lambda: moment,
        patience_s=choices.pop("patience_s", 0.5),
        **{"allow_simulated": True} | choices,
    )


def refuses(room, manifest, directory, kind, match, **choices):
    """Connecting fails in this way, and nothing but the question has reached the room."""
    with room.serving() as address, pytest.raises(kind, match=match):
        enter(address, manifest, directory, **choices)
    assert set(room.received) <= ASKED_ONLY
    return True


def test_the_room_that_was_agreed_to_lets_the_party_in(room, manifest, tmp_path):
    with room.serving() as address, enter(address, manifest, tmp_path) as entered:
        assert entered.verdict.assurance == "simulated"
        assert all(finding.passed for finding in entered.verdict.findings)
    assert room.received == ["GetStatement", "GetChallenge", "OpenSession"]


def test_a_statement_made_for_an_older_nonce(room, manifest, tmp_path):
    room.nonce = b"\x07" * 32
    assert refuses(room, manifest, tmp_path, StatementRejected, "not made for the nonce")


def test_a_fresh_nonce_written_over_old_evidence(room, manifest, tmp_path):
    room.binding_nonce = b"\x07" * 32
    assert refuses(room, manifest, tmp_path, BindingMismatch, "report data")


def test_another_manifest_of_the_same_room(room, manifest, tmp_path):
    looser = simulated_manifest(computations__overlap__limits__max_runs=9999)
    room.shown, room.envelopes = looser, approvals(looser)
    match = f"the room's manifest is {looser.digest}, expected {manifest.digest}"
    assert refuses(room, manifest, tmp_path, StatementRejected, match)


def test_a_room_born_from_other_approve_keys(room, manifest, tmp_path):
    keys = Genesis.of(manifest).approve | {"shop": b"\x09" * 32}
    room.genesis = Genesis(lineage=manifest.metadata.lineage, approve=keys)
    match = "another lineage or other approve keys"
    assert refuses(room, manifest, tmp_path, StatementRejected, match)


def test_an_active_room_without_an_approval(room, manifest, tmp_path):
    room.envelopes = approvals(manifest, "shop")
    assert refuses(room, manifest, tmp_path, ApprovalMissing, "missing is bank")


def test_an_active_room_with_an_approval_of_other_bytes(room, manifest, tmp_path):
    other = simulated_manifest(metadata__purpose="something else")
    room.envelopes = [*approvals(manifest, "shop"), *approvals(other, "bank")]
    assert refuses(room, manifest, tmp_path, ApprovalInvalid, "1 of 2 approvals")


def test_a_room_that_runs_other_code(room, manifest, tmp_path):
    room.measurement = b"\xee" * 48
    assert refuses(room, manifest, tmp_path, AppraisalFailed, "measurement")


def test_a_room_that_its_host_may_debug(room, manifest, tmp_path):
    room.scenario = "debug"
    assert refuses(room, manifest, tmp_path, AppraisalFailed, "debug")


def test_a_simulated_room_that_nobody_allowed(room, manifest, tmp_path):
    match = "simulated platform"
    assert refuses(room, manifest, tmp_path, SimulationRefused, match, allow_simulated=False)


def test_simulation_is_not_allowed_unless_it_is_said(room, manifest, tmp_path):
    match = "simulated platform"
    assert refuses(room, manifest, tmp_path, SimulationRefused, match, allow_simulated=None)


def test_a_room_simulated_under_a_root_that_the_manifest_does_not_pin(room, tmp_path):
    root = other_platform().root_fingerprint
    pinned = simulated_manifest(
        **{
            f"attestation__{name}__development_roots": [root]
            for name in ("coordinator-snp", "worker-snp")
        }
    )
    room = HostileRoom(pinned)
    assert refuses(room, pinned, tmp_path, EvidenceRejected, "root")


def test_simulated_evidence_for_a_production_manifest(tmp_path):
    """Even a party that allows simulation gets none where the manifest says production."""
    real = simulated_manifest(metadata__mode="production")
    plain = real.to_plain()
    for entry in plain["attestation"].values():
        del entry["development_roots"]
    real = type(real).from_plain(plain)
    assert refuses(HostileRoom(real), real, tmp_path, EvidenceRejected, "root")


def test_a_manifest_whose_time_is_over(room, manifest, tmp_path):
    late = NOW.replace(year=2028)
    assert refuses(room, manifest, tmp_path, ManifestOutdated, "held until", now=late)


def test_a_log_head_that_another_key_signed(room, manifest, tmp_path):
    honest = room.statement
    other = HostileRoom(manifest)

    def forged(nonce):
        told = honest(nonce)
        return told.model_copy(
            update={"checkpoint": sign_checkpoint(room.head(), other.keys.signer)}
        )

    room.statement = forged
    assert refuses(room, manifest, tmp_path, SignatureInvalid, "checkpoint")


def test_a_log_that_was_rolled_back(room, manifest, tmp_path):
    with room.serving() as address:
        enter(address, manifest, tmp_path).close()
    room.entries.pop()
    room.received.clear()
    match = "the log has 2 entries, expected at least 3"
    assert refuses(room, manifest, tmp_path, LogInconsistent, match)


def test_a_log_that_was_forked(room, manifest, tmp_path):
    with room.serving() as address:
        enter(address, manifest, tmp_path).close()
    room.entries = [b"booted", b"activated", b"something else", b"later"]
    room.received.clear()
    assert refuses(room, manifest, tmp_path, LogInconsistent, "does not extend")


def test_a_log_of_the_same_length_with_another_entry(room, manifest, tmp_path):
    with room.serving() as address:
        enter(address, manifest, tmp_path).close()
    room.entries[-1] = b"something else"
    room.received.clear()
    assert refuses(room, manifest, tmp_path, LogInconsistent, "not the one seen before")


def test_a_rejected_log_does_not_replace_the_remembered_head(room, manifest, tmp_path):
    with room.serving() as address:
        enter(address, manifest, tmp_path).close()
    kept = tmp_path / ".cleanroom" / "heads" / f"{manifest.metadata.lineage}.json"
    before = LogHead.from_bytes(kept.read_bytes())
    room.entries = [b"x"] * 9
    with room.serving() as address, pytest.raises(LogInconsistent):
        enter(address, manifest, tmp_path)
    assert LogHead.from_bytes(kept.read_bytes()) == before


def test_a_grown_log_is_accepted_and_remembered(room, manifest, tmp_path):
    with room.serving() as address:
        enter(address, manifest, tmp_path).close()
    room.entries += [b"a", b"b"]
    with room.serving() as address:
        enter(address, manifest, tmp_path).close()
    kept = tmp_path / ".cleanroom" / "heads" / f"{manifest.metadata.lineage}.json"
    assert LogHead.from_bytes(kept.read_bytes()) == room.head()


class Relay(HostileRoom):
    """Passes the question on to the true room, and shows its answer as its own."""

    true: HostileRoom

    def statement(self, nonce):
        return self.true.statement(nonce)


def test_the_statement_of_the_true_room_relayed_by_somebody_in_between(manifest, tmp_path):
    between = Relay(manifest)
    between.true = HostileRoom(manifest)
    match = "relays the statement of another coordinator"
    assert refuses(between, manifest, tmp_path, StatementRejected, match)


def test_nobody_at_the_address_is_unreachable_and_not_untrusted(manifest, tmp_path):
    room = HostileRoom(manifest)
    with room.serving() as address:
        pass
    with pytest.raises(Unreachable, match=f"nobody answers at {address}") as failed:
        enter(address, manifest, tmp_path)
    assert failed.value.exit_status == 7
    assert not isinstance(failed.value, NotTrusted)


def test_a_room_that_turns_bad_behind_a_broken_line_gets_no_session(room, manifest, tmp_path):
    with room.serving() as address:
        entered = enter(address, manifest, tmp_path, patience_s=20)
        port = int(address.rpartition(":")[2])
    room.measurement = b"\xee" * 48
    room.received.clear()
    with room.serving(port), pytest.raises(AppraisalFailed):
        entered.runs()
    assert "OpenSession" not in room.received
    assert room.tokens == set()


def test_what_failed_once_is_verified_again_before_the_next_call(room, manifest, tmp_path):
    with room.serving() as address:
        entered = enter(address, manifest, tmp_path, patience_s=20)
        port = int(address.rpartition(":")[2])
    room.measurement = b"\xee" * 48
    with room.serving(port):
        for _ in range(2):
            room.received.clear()
            with pytest.raises(AppraisalFailed):
                entered.runs()
        assert set(room.received) <= ASKED_ONLY
