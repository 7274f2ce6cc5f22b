"""Each check around data, grants and results is taken away once: rows or keys then leave."""

from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from cleanroom.crypto.certificates import (
    certificate_request,
    issue,
    new_authority,
    new_private_key,
)
from cleanroom.crypto.sealing import SealKey, Unsealer, seal
from cleanroom.encoding import instant_text
from cleanroom.errors import SealBroken, SignatureInvalid, TransferBroken
from cleanroom.protocol.grant import GrantTerms, grant, open_grant
from cleanroom.protocol.work import token_context
from cleanroom.wire.channels import attested
from enclave.computations.release import release
from enclave.worker.blobs import Blobs
from enclave.worker.tls import NodeFiles, write_credentials
from tests.attacks import test_dataset_substitution as substitution
from tests.attacks import test_output_padding as padding
from tests.attacks import test_output_pseudonyms as pseudonyms
from tests.attacks import test_worker_refuses_orders as orders
from tests.support.breaches import Mutant, assert_gets_through, shown
from tests.support.intersections import count_plan, emails, run
from tests.support.manifests import LINEAGE, NOW
from tests.support.mutants import hands_back, passes, returns
from tests.support.tables import CUSTOMERS, customers, sealed
from tests.support.workers import ScriptedRoom, live_manifest, running_worker

UNSEAL = "cleanroom.dataset.unseal"
ORDERS = "enclave.worker.orders"


# --- sealed keys: each opens in one place ---------------------------------------------------------


def terms(**changes):
    plain = {
        "lineage": LINEAGE,
        "manifest": "sha256:" + "1" * 64,
        "run": "r-0000000000000001",
        "input": "left",
        "dataset": "customers",
        "version": "sha256:" + "2" * 64,
        "columns": ["email"],
        "worker": "w-0000000000000001",
        "expires_at": instant_text(NOW),
    }
    return GrantTerms.from_plain(plain | changes)


def a_grant_whose_terms_are_rewritten():
    unsealer = Unsealer.generate()
    granted = grant(terms(), bytes(32), SealKey(unsealer.public_key))
    wider = granted.model_copy(update={"terms": terms(columns=["email", "income"])})
    with pytest.raises(SealBroken):
        open_grant(wider, unsealer)


def a_cluster_token_of_another_run():
    unsealer = Unsealer.generate()
    there = token_context("r-0000000000000001", "w-0000000000000001")
    here = token_context("r-0000000000000002", "w-0000000000000001")
    sealed_token = seal(bytes(32), SealKey(unsealer.public_key), context=there)
    with pytest.raises(SealBroken):
        unsealer.open(sealed_token, context=here)


def a_cluster_certificate_of_another_authority(tmp_path):
    """Whoever replaces the run's authority on the way becomes the master of the cluster."""
    key, lifetime, keys = new_private_key(), timedelta(hours=1), [new_private_key() for _ in "ab"]
    true, false = (new_authority("run", each, NOW, lifetime) for each in keys)
    request = certificate_request(key)
    leaf = issue(true, keys[0], request, ["127.0.0.2"], now=NOW, lifetime=lifetime)
    with pytest.raises(SignatureInvalid, match="expected authority"):
        write_credentials(NodeFiles(tmp_path), key, leaf, false, b"token")


def a_count_shows_its_last_digit():
    tables = [pa.table({"id": emails(np.arange(104))})] * 2
    (released,) = run(count_plan(["id"], min_group=100, round_to=10), tables)
    assert released.table["overlap"].to_pylist() == [100]


def gate_without_a_threshold(outcome, rule):
    return release(outcome, replace(rule, min_group=0))


MUTANTS = [
    Mutant(
        "cleanroom.protocol.grant:frame",
        returns(b"any grant"),
        a_grant_whose_terms_are_rewritten,
    ),
    Mutant("cleanroom.protocol.work:frame", returns(b"any run"), a_cluster_token_of_another_run),
    Mutant(
        "enclave.computations.process:release",
        gate_without_a_threshold,
        padding.padding_does_not_help,
    ),
    Mutant("enclave.computations.release:_rounded", hands_back(), a_count_shows_its_last_digit),
    Mutant(
        "enclave.computations.pseudonyms:Pseudonyms.shuffle",
        passes,
        pseudonyms.test_the_order_of_rows_does_not_link_recipients_or_name_places_in_a_file,
    ),
]


@pytest.mark.parametrize("mutant", MUTANTS, ids=shown)
def test_a_key_or_a_row_leaves_without_its_check(monkeypatch, mutant):
    assert_gets_through(monkeypatch, mutant)


def test_a_false_authority_is_taken_without_its_check(monkeypatch, tmp_path_factory):
    mutant = Mutant(
        "enclave.worker.tls:verify_issued", hands_back(), a_cluster_certificate_of_another_authority
    )
    assert_gets_through(monkeypatch, mutant, lambda: mutant.story(tmp_path_factory.mktemp("node")))


# --- parts of a dataset ---------------------------------------------------------------------------

PARTS = [
    *(
        Mutant(
            "cleanroom.protocol.dataset:frame",
            returns(b"any part of any dataset"),
            substitution.test_part_replayed_into_another_context,
            {"name": name},
        )
        for name in ("lineage", "dataset", "owner", "version")
    ),
    Mutant(f"{UNSEAL}:_shaped", passes, substitution.test_more_rows_than_signed),
    Mutant(f"{UNSEAL}:_shaped", passes, substitution.test_fewer_rows_than_signed),
    Mutant(
        f"{UNSEAL}:_bounded",
        passes,
        substitution.test_encodings_that_may_expand_without_limit,
        {"options": {"use_dictionary": True}},
    ),
    Mutant(
        f"{UNSEAL}:broken",
        returns((0, 0)),
        substitution.test_values_that_the_owners_program_did_not_check,
    ),
]


@pytest.mark.parametrize("mutant", PARTS, ids=shown)
def test_a_foreign_part_is_read_without_its_check(monkeypatch, mutant, tmp_path_factory):
    monkeypatch.setattr("cleanroom.dataset.seal.PART_BYTES", 1)
    monkeypatch.setattr("cleanroom.dataset.read.MOST_BATCH_ROWS", 100)

    def story():
        version = sealed(customers(300), CUSTOMERS, tmp_path_factory.mktemp("sealed"))
        mutant.story(version, **mutant.given)

    assert_gets_through(monkeypatch, mutant, story)


# --- orders, as a worker takes them ---------------------------------------------------------------

REFUSALS = [
    Mutant(f"{ORDERS}:_same", passes, orders.test_an_order_under_another_manifest),
    Mutant(
        f"{ORDERS}:_check_grant", passes, orders.test_a_grant_for_columns_beyond_the_computation
    ),
    Mutant(f"{ORDERS}:_check_grant", passes, orders.test_a_grant_for_another_run),
    Mutant(f"{ORDERS}:_check_grant", passes, orders.test_a_grant_that_has_expired),
    Mutant(
        f"{ORDERS}:_check_version",
        passes,
        orders.test_a_version_of_another_room,
        second="RunRefused",  # the grant is for the version that was signed
    ),
    Mutant(
        f"{ORDERS}:_check_version",
        passes,
        orders.test_more_rows_than_the_manifest_allows,
        second="RunRefused",
    ),
    Mutant(
        f"{ORDERS}:_check_snapshot",
        passes,
        orders.test_a_snapshot_is_for_the_head_of_a_training_and_of_its_own_run,
    ),
    Mutant(f"{ORDERS}:_place", returns(0), orders.test_a_gang_that_this_worker_is_not_in),
    Mutant(f"{ORDERS}:_place", returns(0), orders.test_a_gang_larger_than_the_parties_signed),
]


@pytest.fixture(scope="module")
def room():
    return ScriptedRoom(live_manifest())


@pytest.fixture(scope="module")
def data(room, tmp_path_factory):
    return room.add_both(tmp_path_factory.mktemp("sealed"))


@pytest.fixture(scope="module")
def served(room):
    with room.serving() as address:
        yield address


@pytest.fixture(scope="module")
def worker(room, served, tmp_path_factory):
    with running_worker(room, served, tmp_path_factory.mktemp("worker")):
        yield room.worker()


@pytest.mark.parametrize("mutant", REFUSALS, ids=shown)
def test_an_order_is_taken_without_its_check(monkeypatch, mutant, room, data, worker):
    code = mutant.story.__code__
    asked = code.co_varnames[: code.co_argcount]
    made = {"room": room, "data": data, "worker": worker}
    made["order"] = room.order("matches", data, worker, limit=100)

    def story():
        mutant.story(**{name: made[name] for name in asked})

    assert_gets_through(monkeypatch, mutant, story)


def other_bytes_under_the_name_of_a_part(room, address, directory: Path):
    """The host's store answers with other bytes than the digest names."""
    content = b"ciphertext of a part"
    digest = room.store.put(content)
    room.store.altered.add(digest)
    channel = attested(address, room.authority)
    try:
        with pytest.raises(TransferBroken, match="a part has"):
            Blobs(channel, address, bytes(32)).fetch(digest, len(content), directory / "part")
    finally:
        channel.close()
        room.store.altered.discard(digest)


def test_other_bytes_are_taken_without_a_look_at_their_digest(
    monkeypatch, room, served, tmp_path_factory
):
    mutant = Mutant(
        "enclave.worker.blobs:_Growing.require", hands_back(1), other_bytes_under_the_name_of_a_part
    )

    def story():
        mutant.story(room, served, tmp_path_factory.mktemp("fetched"))

    assert_gets_through(monkeypatch, mutant, story)
