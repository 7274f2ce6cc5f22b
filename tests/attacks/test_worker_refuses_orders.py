"""Orders that the manifest does not allow: refused before a key is opened or a byte is fetched."""

from datetime import timedelta

import pytest

from cleanroom.crypto.sealing import SealKey
from cleanroom.encoding import content_digest
from cleanroom.errors import (
    AdmissionRefused,
    DatasetRefused,
    MemoryShort,
    ParameterOutOfRange,
    RunRefused,
    SealBroken,
    SignatureInvalid,
)
from cleanroom.manifest.needs import Sizes, megabytes, needed
from cleanroom.protocol.dataset import sign_version
from cleanroom.protocol.grant import grant
from cleanroom.protocol.snapshot import Snapshot
from cleanroom.protocol.work import Failed, Finished, Peer
from enclave.worker.memory import estimate, require_memory
from enclave.worker.orders import accept
from tests.support.manifests import signer
from tests.support.workers import (
    ScriptedRoom,
    baskets,
    customers,
    diary_in,
    live_manifest,
    now,
    running_worker,
)


@pytest.fixture(scope="module")
def room():
    return ScriptedRoom(live_manifest())


@pytest.fixture(scope="module")
def data(room, tmp_path_factory):
    return room.add_both(tmp_path_factory.mktemp("sealed"))


@pytest.fixture(scope="module")
def worker(room, tmp_path_factory):
    directory = tmp_path_factory.mktemp("worker")
    with room.serving() as address, running_worker(room, address, directory):
        yield room.worker()


@pytest.fixture
def order(room, data, worker):
    return room.order("matches", data, worker, limit=100)


def changed(record, **fields):
    return type(record)(**{**dict(record), **fields})


def with_input(order, name="left", **fields):
    return changed(order, inputs={**order.inputs, name: changed(order.inputs[name], **fields)})


def with_terms(order, worker, key, **terms):
    """The order with a grant that really says this, sealed to the worker."""
    granted = order.inputs["left"].grant
    sealed = grant(changed(granted.terms, **terms), key, SealKey(worker.join.seal_key))
    return with_input(order, grant=sealed)


def resigned(order, party="bank", **fields):
    """The order with an input whose version says this, signed by `party`."""
    version = changed(order.inputs["left"].version, **fields)
    return with_input(order, signed=sign_version(version, signer(party, "provide")))


def refused(room, worker, order, message, kind=RunRefused):
    """Both what `accept` says and that the worker says no more than the code."""
    with pytest.raises(kind, match=message):
        accept(order, room.manifest, role="cpu", instance=worker.admit.instance, now=now())


def test_a_snapshot_is_for_the_head_of_a_training_and_of_its_own_run(room, worker, order):
    """Whatever its key opens: a run that is no training has nothing to go on from."""
    snapshot = Snapshot(
        run=order.run, digest=content_digest(b""), size=1, rounds=0, sealed_key=b"sealed"
    )
    foreign = changed(snapshot, run="r-" + "0" * 16)
    refused(room, worker, changed(order, snapshot=snapshot), "only the head of a training's gang")
    refused(room, worker, changed(order, snapshot=foreign), "run of the snapshot")


def test_a_good_order_is_accepted(room, worker, order):
    accepted = accept(order, room.manifest, role="cpu", instance=worker.admit.instance, now=now())
    assert (accepted.node, accepted.nodes) == (0, 1)
    assert accepted.columns(accepted.plan.inputs[0]) == ("email", "income", "segment")


def test_an_order_under_another_manifest(room, worker, order):
    other = changed(order, manifest="sha256:" + "0" * 64)
    refused(room, worker, other, "the manifest of the order")


def test_a_computation_that_nobody_signed(room, worker, order):
    refused(room, worker, changed(order, computation="exfiltrate"), "not in this manifest")


def test_inputs_that_the_computation_does_not_have(room, worker, order):
    extra = changed(order, inputs={**order.inputs, "third": order.inputs["left"]})
    refused(room, worker, extra, "the inputs of the order")


def test_one_partys_data_in_place_of_the_others(room, worker, order):
    swapped = changed(order, inputs={"left": order.inputs["right"], "right": order.inputs["left"]})
    refused(room, worker, swapped, "the dataset of the order")


def test_a_version_of_another_room(room, worker, order):
    foreign = resigned(order, manifest="sha256:" + "0" * 64)
    refused(room, worker, foreign, "the manifest of the dataset version", DatasetRefused)


def test_a_version_that_its_owner_did_not_sign(room, worker, order):
    """A coordinator that lies about the rows cannot make a worker read them."""
    refused(room, worker, resigned(order, "shop"), "may not sign", SignatureInvalid)


def test_more_rows_than_the_manifest_allows(room, worker, order):
    version = order.inputs["left"].version
    parts = [changed(version.parts[0], rows=2_000_000)]
    large = resigned(order, parts=parts, rows=2_000_000)
    refused(room, worker, large, "2000000 rows", DatasetRefused)


def test_a_grant_for_columns_beyond_the_computation(room, data, worker, order):
    columns = ["email", "income", "segment", "since"]
    wider = with_terms(order, worker, data["customers"][1], columns=columns)
    refused(room, worker, wider, "other columns")


def test_a_grant_for_another_run(room, data, worker, order):
    replayed = with_terms(order, worker, data["customers"][1], run="r-9999999999999999")
    refused(room, worker, replayed, "the grant's run")


def test_a_grant_that_has_expired(room, data, worker, order):
    earlier = now() - timedelta(seconds=1)
    old = with_terms(order, worker, data["customers"][1], expires_at=earlier)
    refused(room, worker, old, "has expired")


def test_a_gang_that_this_worker_is_not_in(room, worker, order):
    stranger = Peer(instance="w-9999999999999999", node=0, node_ip="127.0.0.2", port_base=0)
    refused(room, worker, changed(order, gang=[stranger]), "not in the order's gang")


def test_a_gang_larger_than_the_parties_signed(room, worker, order):
    second = Peer(instance="w-9999999999999999", node=1, node_ip="127.0.0.2", port_base=0)
    refused(room, worker, changed(order, gang=[*order.gang, second]), "size of the gang")


def test_a_parameter_outside_its_signed_range(room, worker, order):
    with pytest.raises(ParameterOutOfRange, match="'limit' is 100001, expected 1 to"):
        accept(
            changed(order, parameters={"limit": 100_001}),
            room.manifest,
            role="cpu",
            instance=worker.admit.instance,
            now=now(),
        )


def test_inputs_that_do_not_fit_into_memory_are_refused_before_they_are_fetched(
    room, worker, order
):
    accepted = accept(order, room.manifest, role="cpu", instance=worker.admit.instance, now=now())
    needed = estimate(accepted)
    assert require_memory(accepted, 2 * needed) == needed
    with pytest.raises(
        MemoryShort, match=r"the run needs \d+ MB on this worker, expected at most \d+"
    ):
        require_memory(accepted, needed)


def test_a_worker_judges_the_rows_that_owners_signed(room, worker, order):
    accepted = accept(order, room.manifest, role="cpu", instance=worker.admit.instance, now=now())
    computation = room.manifest.computations["matches"]
    rows = {name: each.version.rows for name, each in order.inputs.items()}
    assert estimate(accepted) == needed(room.manifest, computation, Sizes(rows))


def test_the_diary_says_how_much_memory_is_needed(room, worker, order, caplog):
    accepted = accept(order, room.manifest, role="cpu", instance=worker.admit.instance, now=now())
    with diary_in(caplog), pytest.raises(MemoryShort):
        require_memory(accepted, 0)
    [line] = caplog.records
    assert (line.msg, line.run, line.needed, line.usable) == (
        "memory",
        order.run,
        str(megabytes(estimate(accepted))),
        "0",
    )


def test_a_refused_order_fetches_nothing_and_leaves_only_a_code(room, worker, order):
    before = room.store.downloads
    worker.say(changed(order, computation="exfiltrate", run="r-00000000000000e1"))
    assert worker.hear() == Failed(run="r-00000000000000e1", code=RunRefused.code)
    assert room.store.downloads == before


def test_a_grant_sealed_to_another_worker_opens_nothing(room, data, worker):
    order = room.order("overlap", data, worker, run="r-00000000000000e2")
    granted = order.inputs["left"].grant
    stolen = grant(granted.terms, data["customers"][1], room.unsealer.public_key)
    before = room.store.downloads
    worker.say(with_input(order, grant=stolen))
    assert worker.hear(Failed, Finished).code == SealBroken.code
    assert room.store.downloads == before


def test_a_grant_whose_terms_were_changed_after_sealing_opens_nothing(room, data, worker):
    order = room.order("matches", data, worker, run="r-00000000000000e3", limit=100)
    granted = order.inputs["left"].grant
    fewer = changed(granted, terms=changed(granted.terms, expires_at=now() + timedelta(days=30)))
    worker.say(with_input(order, grant=fewer))
    assert worker.hear(Failed, Finished).code == SealBroken.code


def test_a_gangs_order_without_a_gang_is_refused(tmp_path):
    room = ScriptedRoom(live_manifest(count=2))
    data = {
        "customers": room.add("customers", customers(0, 10), tmp_path),
        "baskets": room.add("baskets", baskets(0, 10), tmp_path),
    }
    with room.serving() as address, running_worker(room, address, tmp_path / "w"):
        worker = room.worker()
        own = Peer(instance=worker.admit.instance, node=0, node_ip="127.0.0.2", port_base=20_000)
        other = Peer(instance="w-9999999999999999", node=1, node_ip="127.0.0.3", port_base=20_100)
        worker.say(room.order("overlap", data, worker, gang=[own, other]))
        assert worker.hear(Failed, Finished).code == AdmissionRefused.code


def test_a_part_that_claims_more_bytes_than_it_has_never_counts(room, data, worker):
    version, key = data["customers"]
    longer = changed(version, parts=[changed(version.parts[0], size=version.parts[0].size + 1)])
    mixed = {**data, "customers": (longer, key)}
    worker.say(room.order("overlap", mixed, worker, run="r-00000000000000e4"))
    failed = worker.hear(Failed, Finished)
    assert isinstance(failed, Failed)
    assert content_digest(room.store.blobs[longer.parts[0].digest]) == longer.parts[0].digest
