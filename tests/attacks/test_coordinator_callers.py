"""Somebody calls the coordinator who must not: nothing is parsed, changed, or told."""

import base64
import secrets
import threading

import grpc
import pytest

from cleanroom.errors import (
    ApprovalMissing,
    CallerRefused,
    DatasetRefused,
    Overloaded,
    RunUnknown,
    SealBroken,
    TransferBroken,
)
from cleanroom.protocol.session import prove_caller
from cleanroom.wire.channels import CHUNK
from cleanroom.wire.errors import from_rpc
from cleanroom.wire.proto.cleanroom.v1 import cleanroom_pb2 as pb
from cleanroom.wire.proto.cleanroom.v1 import cleanroom_pb2_grpc as rpc
from enclave.coordinator.services.blobs import MOST_EACH
from tests.support.manifests import signer
from tests.support.rooms import blob_chunks, call, coordinator, room_manifest

CLOSED = [
    ("Blobs", "Stat", pb.BlobRequest(digest="sha256:" + "00" * 32)),
    ("Datasets", "Put", pb.Canonical(record=b"not even JSON")),
    ("Datasets", "GetVersions", pb.Nothing()),
    ("Runs", "Submit", pb.Canonical(record=b"not even JSON")),
    ("Runs", "Get", pb.RunRequest(run="r-0000000000000000")),
    ("Runs", "List", pb.Nothing()),
    ("Runs", "GetOutput", pb.OutputRequest(run="r-0000000000000000", output="size")),
    ("Runs", "GetReceipt", pb.RunRequest(run="r-0000000000000000")),
    ("Runs", "Cancel", pb.RunRequest(run="r-0000000000000000")),
    ("Log", "GetCheckpoint", pb.Nothing()),
    ("Log", "GetConsistency", pb.ConsistencyRequest(first=0, second=1)),
    ("Log", "GetInclusion", pb.InclusionRequest(index=0, size=1)),
    ("Log", "GetEntries", pb.EntriesRequest(start=0, end=10)),
]


@pytest.fixture(scope="module")
def room(tmp_path_factory):
    """An active room with both datasets."""
    with coordinator(tmp_path_factory.mktemp("room")) as running:
        running.bank, running.shop = running.fill()
        yield running


def method(channel, service, name):
    return getattr(getattr(rpc, f"{service}Stub")(channel), name)


def ask(room, service, name, request, token):
    """Call a method, and take all of its answers where it gives several."""
    reply = call(method(room.bank.channel, service, name), request, metadata=token)
    try:
        return list(reply) if name == "GetReceipt" else reply
    except grpc.RpcError as error:
        raise from_rpc(error, "the coordinator") from None


@pytest.mark.parametrize(("service", "name", "request_"), CLOSED, ids=lambda one: str(one)[:20])
@pytest.mark.parametrize(
    "metadata",
    [
        [],
        [("cleanroom-token", base64.b64encode(bytes(32)).decode())],
        [("cleanroom-token", "not base64")],
        [("cleanroom-token", "AAAA"), ("cleanroom-token", "BBBB")],
    ],
    ids=["none", "guessed", "malformed", "two"],
)
def test_a_caller_without_a_valid_token_is_refused_before_parsing(
    room, service, name, request_, metadata
):
    with pytest.raises(CallerRefused, match="token"):
        ask(room, service, name, request_, metadata)


def test_an_upload_and_a_watch_without_a_token_are_refused(room):
    with pytest.raises(CallerRefused):
        call(method(room.bank.channel, "Blobs", "Put"), blob_chunks(b"x"))
    with pytest.raises(Exception, match="0 tokens"):
        list(call(method(room.bank.channel, "Runs", "Watch"), pb.WatchRequest(run="r-0")))


@pytest.mark.parametrize(
    ("service", "name", "request_"),
    [one for one in CLOSED if one[0] != "Blobs"],
    ids=lambda one: str(one)[:20],
)
def test_a_workers_token_opens_blobs_only(room, service, name, request_):
    with room.worker() as worker:
        token = [("cleanroom-token", base64.b64encode(worker.admit.token).decode())]
        with pytest.raises(CallerRefused, match="is for a party"):
            ask(room, service, name, request_, token)


def test_the_token_of_a_worker_that_left_is_worth_nothing(room):
    with room.worker() as worker:
        token = [("cleanroom-token", base64.b64encode(worker.admit.token).decode())]
        worker.report(worker_message())  # ends the session: a worker may not order
        with pytest.raises(CallerRefused):
            worker.next()
    asked = pb.BlobRequest(digest="sha256:" + "00" * 32)
    with pytest.raises(CallerRefused, match="unknown or over"):
        call(method(room.bank.channel, "Blobs", "Stat"), asked, metadata=token)


def worker_message():
    from cleanroom.protocol.work import Stop

    return Stop(run="r-0000000000000000")


def test_a_replayed_proof_opens_no_second_session(room):
    trust = rpc.TrustStub(room.bank.channel)
    challenge = call(trust.GetChallenge, pb.Nothing()).challenge
    proof = pb.Canonical(record=room.bank.proof(challenge).to_bytes())
    call(trust.OpenSession, proof)
    with pytest.raises(CallerRefused, match="used already"):
        call(trust.OpenSession, proof)


def test_a_proof_made_for_another_room_is_refused(room):
    """A false room relays a party's proof to the true one."""
    trust = rpc.TrustStub(room.bank.channel)
    challenge = call(trust.GetChallenge, pb.Nothing()).challenge
    honest = room.bank.proof(challenge)
    from cleanroom.protocol.session import CallerProof

    elsewhere = CallerProof.from_bytes(honest.payload).model_copy(update={"root": b"\x01" * 32})
    relayed = prove_caller(elsewhere, signer("bank", "submit"))
    with pytest.raises(CallerRefused, match="another room"):
        call(trust.OpenSession, pb.Canonical(record=relayed.to_bytes()))


def test_a_party_cannot_open_anothers_session(room):
    trust = rpc.TrustStub(room.bank.channel)
    challenge = call(trust.GetChallenge, pb.Nothing()).challenge
    from cleanroom.protocol.session import CallerProof

    claimed = CallerProof.from_bytes(room.bank.proof(challenge).payload)
    forged = prove_caller(claimed, signer("shop", "submit"))
    with pytest.raises(CallerRefused, match="is not party 'bank'"):
        call(trust.OpenSession, pb.Canonical(record=forged.to_bytes()))


def test_a_room_that_is_only_proposed_opens_no_session(tmp_path):
    """Keys of a manifest that not everybody signed prove nothing about anybody."""
    with coordinator(tmp_path, propose=False) as waiting:
        waiting.propose("bank")
        with pytest.raises(ApprovalMissing):
            waiting.party("bank")


# --- uploads --------------------------------------------------------------------------------------


def test_a_truncated_upload_is_no_blob(room):
    content = secrets.token_bytes(100_000)
    status = room.bank.upload(content[:50_000], digest="sha256:" + "ab" * 32, size=100_000)
    assert (status.stored, status.complete) == (50_000, False)
    with pytest.raises(RunUnknown, match="no such blob"):
        room.bank.fetch("sha256:" + "ab" * 32)


def test_bytes_under_another_digest_are_refused(room):
    with pytest.raises(TransferBroken, match="another digest"):
        room.bank.upload(b"mine", digest="sha256:" + "cd" * 32)


def test_an_upload_longer_than_declared_is_refused(room):
    with pytest.raises(TransferBroken, match="after its declared 10 bytes"):
        room.bank.upload(secrets.token_bytes(1000), size=10)


def test_an_oversized_chunk_is_refused(room):
    content = secrets.token_bytes(CHUNK + 1)
    header, *_ = blob_chunks(content)
    chunks = iter([header, pb.Chunk(content=content)])
    with pytest.raises(Overloaded, match="a chunk has"):
        room.bank.call(method(room.bank.channel, "Blobs", "Put"), chunks)


def test_an_upload_without_a_header_is_refused(room):
    for chunks in ([], [pb.Chunk(content=b"x")]):
        with pytest.raises(TransferBroken, match="no header"):
            room.bank.call(method(room.bank.channel, "Blobs", "Put"), iter(chunks))


def test_a_declared_size_beyond_the_disk_is_refused(room):
    with pytest.raises(Overloaded, match="no space"):
        room.bank.upload(b"x", digest="sha256:" + "ef" * 32, size=1 << 40)


def test_one_party_does_not_keep_the_others_out(room):
    """The shop holds as many uploads open as it may; it gets no more, and the bank still can."""
    release, stub = threading.Event(), rpc.BlobsStub(room.shop.channel)

    def held(number):
        yield next(blob_chunks(b"x", digest=f"sha256:{number:064x}", size=100))
        release.wait(20)

    calls = [
        stub.Put.future(held(number), timeout=30, metadata=room.shop.metadata)
        for number in range(MOST_EACH)
    ]
    try:
        refused = None
        while refused is None:
            try:
                room.shop.upload(secrets.token_bytes(10))
            except Overloaded as overloaded:
                refused = overloaded
        assert "of this caller" in refused.message
        assert room.bank.upload(secrets.token_bytes(10)).complete
    finally:
        release.set()
        for one in calls:
            one.result()
    assert room.shop.upload(secrets.token_bytes(10)).complete


# --- datasets -------------------------------------------------------------------------------------


def test_a_version_whose_parts_are_missing_is_refused(room):
    with pytest.raises(DatasetRefused, match="2 of 2 parts"):
        room.bank.put(room.bank.offer("customers", [b"never", b"sent"]))


def test_a_version_relayed_by_another_party_is_refused(room):
    room.bank.upload(b"mine")
    offer = room.bank.offer("customers", [b"mine"])
    with pytest.raises(CallerRefused, match="may not add"):
        room.shop.put(offer)


def test_a_data_key_sealed_for_another_version_is_refused(room):
    """The owner signs what it was given; the key belongs to another version."""
    room.bank.upload(b"mine")
    one, two = (room.bank.offer("customers", [b"mine"]) for _ in range(2))
    from cleanroom.encoding import content_digest
    from cleanroom.protocol.dataset import DatasetOffer, DatasetVersion, sign_version

    swapped = DatasetVersion.from_bytes(one.version.payload).model_copy(
        update={"sealed_key": content_digest(two.sealed_key)}
    )
    offer = DatasetOffer(
        version=sign_version(swapped, signer("bank", "provide")), sealed_key=two.sealed_key
    )
    with pytest.raises(SealBroken):
        room.bank.put(offer)


def test_a_data_key_of_another_length_is_refused(room):
    room.bank.upload(b"mine")
    with pytest.raises(SealBroken, match="has 16 bytes"):
        room.bank.put(room.bank.offer("customers", [b"mine"], key=b"k" * 16))


def test_a_party_outside_of_a_run_learns_nothing(tmp_path):
    """A third party with no input, no output and no submission sees no run."""
    from tests.support.manifests import party_block

    manifest = room_manifest(parties__third=party_block("third", "Third Ltd"))
    with coordinator(tmp_path, manifest) as wide:
        bank, shop, third = (wide.party(name) for name in ("bank", "shop", "third"))
        bank.add("customers")
        shop.add("baskets")
        run = bank.submit("matches").run
        with pytest.raises(RunUnknown, match="no such run"):
            third.view(run)
        with pytest.raises(RunUnknown):
            third.watch(run)
        with pytest.raises(RunUnknown):
            third.call(third.runs.Cancel, pb.RunRequest(run=run))
        assert third.call(third.runs.List, pb.Nothing()).records == []
