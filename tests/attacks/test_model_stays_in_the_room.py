"""Somebody wants a model that was promised to nobody, or wants another one in its place."""

import importlib.util
import json
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import xgboost

from cleanroom.crypto.sealing import Unsealer, seal
from cleanroom.crypto.signing import Ed25519Signer
from cleanroom.dataset.kept_file import check_kept, kept_file
from cleanroom.dataset.models.check import check_model
from cleanroom.encoding import canonical
from cleanroom.errors import (
    CleanroomError,
    DatasetRefused,
    ModelRefused,
    ModelSealed,
    SealBroken,
    SignatureInvalid,
    Usage,
)
from cleanroom.ledger.checkpoint import SIGNER_KID
from cleanroom.ledger.entry import OutputRecord
from cleanroom.manifest.genesis import Genesis
from cleanroom.manifest.model import Manifest
from cleanroom.protocol import dataset as dataset_protocol
from cleanroom.protocol.dataset import Part, kept_version, open_signed, sign_version
from cleanroom.protocol.work import SealedOutput
from enclave.coordinator.keeping import kept_versions
from enclave.coordinator.state import Room
from tests.support.histories import History
from tests.support.keeping import keeping_plain, kept_tables, staying_plain
from tests.support.manifests import ABSENT, NOW, changed, signer
from tests.support.mutants import assert_mutant_is_caught
from tests.support.trainings import pooled, train
from tests.support.whole_rooms import whole_room

SCRIPT = Path(__file__).parents[2] / "docs" / "spec" / "verify_receipt.py"
_SPEC = importlib.util.spec_from_file_location("verify_receipt_of_kept_models", SCRIPT)
VERIFIER = importlib.util.module_from_spec(_SPEC)
_SPEC.loader.exec_module(VERIFIER)
PARAMETERS = {"rounds": 20, "max_depth": 3}


def test_what_a_training_keeps_is_what_its_dataset_says():
    """The booster of a run is accepted by the judge of the dataset that it is kept as."""
    plain = keeping_plain()
    trained = train(plain, kept_tables(), PARAMETERS)
    (kept,) = [one for one in trained.released if one.output == "model"]
    assert kept.recipient == "room"
    dataset = Manifest.from_plain(plain).datasets["trees"]
    assert check_model(kept.table["booster"][0].as_py(), dataset).facts["trees"] == 20


def standalone(receipt, manifest):
    """The run that a verifier apart from this code finds proven."""
    shown = json.loads(receipt.record.to_bytes())
    roots = {root for policy in manifest.attestation.values() for root in policy.development_roots}
    return VERIFIER.verify(shown, json.loads(manifest.to_bytes()), roots)["run"]


def history():
    manifest = Manifest.from_plain(keeping_plain())
    made = History(manifest, Room(genesis=Genesis.of(manifest), at=NOW))
    made.boot()
    made.propose()
    made.offer("customers")
    made.offer("baskets")
    made.join()
    return made


def offered(made, **changes):
    part = Part(index=0, digest="sha256:" + "1" * 64, size=9, rows=1)
    return made.offer("trees", rows=1, parts=[part], **changes)


def test_nobody_brings_a_model_that_is_made_in_the_room():
    with pytest.raises(DatasetRefused, match="'trees' are made in the room, nobody brings them"):
        offered(history())


def test_the_story_notices_an_owner_who_may_bring_one(monkeypatch):
    assert_mutant_is_caught(
        monkeypatch,
        "cleanroom.protocol.dataset:makers",
        lambda _manifest: {},
        test_nobody_brings_a_model_that_is_made_in_the_room,
    )


def test_a_worker_takes_a_kept_model_from_its_own_room_only():
    made = history()
    part = Part(index=0, digest="sha256:" + "1" * 64, size=9, rows=1)
    offer = made.version("trees", rows=1, parts=[part])
    room, stranger = (Ed25519Signer.generate(SIGNER_KID) for _ in range(2))
    version = open_signed(
        sign_version(_record(offer), room), made.manifest, room_key=room.public_key
    )
    assert version.dataset == "trees"
    for false in (stranger, signer("bank", "provide")):
        with pytest.raises(SignatureInvalid):
            open_signed(
                sign_version(_record(offer), false), made.manifest, room_key=room.public_key
            )


def stolen(made, signer_of_room):
    """A version of the room's model as somebody copies it who reads along: record and key."""
    made.submit("model", 1, parameters={"rounds": 5, "max_depth": 2})
    made.report(outputs=kept_outputs(made, suppressed=False))
    (signed,) = kept_versions(made.manifest, made.run(), NOW, signer_of_room)
    return signed


def another(manifest, **metadata):
    """The same agreement in another room, or its next version."""
    return Manifest.from_plain(changed(manifest.to_plain(), **metadata))


OTHERS = {
    "lineage": {"metadata__lineage": "11111111-2222-4333-8444-555555555555"},
    "manifest": {"metadata__purpose": "Something else."},
}


@pytest.mark.parametrize("what", OTHERS)
def test_a_kept_model_is_of_no_use_elsewhere(what):
    """Not in another room, nor under another manifest, even if the room's very key signed it."""
    made, room = history(), Ed25519Signer.generate(SIGNER_KID)
    signed = stolen(made, room)
    assert open_signed(signed, made.manifest, room_key=room.public_key).dataset == "trees"
    elsewhere = another(made.manifest, **OTHERS[what])
    with pytest.raises(DatasetRefused, match=f"the {what} of the dataset version is"):
        open_signed(signed, elsewhere, room_key=room.public_key)


def test_the_story_notices_a_worker_that_compares_nothing(monkeypatch):
    assert_mutant_is_caught(
        monkeypatch,
        "cleanroom.protocol.dataset:_same",
        lambda _what, _found, _expected: None,
        partial(test_a_kept_model_is_of_no_use_elsewhere, "lineage"),
    )


@pytest.mark.parametrize("what", OTHERS)
def test_the_key_of_a_kept_model_opens_in_its_room_and_manifest_only(what):
    manifest, unsealer = Manifest.from_plain(staying_plain()), Unsealer.generate()
    elsewhere = another(manifest, **OTHERS[what])

    def context(of):
        return dataset_protocol.key_context(
            str(of.metadata.lineage), of.digest, "model.model", "room", kept_version("r-1", "model")
        )

    sealed = seal(b"k" * 32, unsealer.public_key, context=context(manifest))
    assert unsealer.open(sealed, context=context(manifest)) == b"k" * 32
    with pytest.raises(SealBroken):
        unsealer.open(sealed, context=context(elsewhere))


def test_the_story_notices_keys_that_are_bound_to_nothing(monkeypatch):
    assert_mutant_is_caught(
        monkeypatch,
        "cleanroom.protocol.dataset:key_context",
        lambda *_place: b"anywhere",
        partial(test_the_key_of_a_kept_model_opens_in_its_room_and_manifest_only, "manifest"),
    )


def test_the_story_notices_a_room_that_asks_for_no_model(monkeypatch):
    assert_mutant_is_caught(
        monkeypatch,
        "enclave.coordinator.outputs:addressees",
        lambda output: output.recipients,
        test_a_training_that_delivers_no_model_to_the_room_is_withheld,
    )


def line(**changes):
    """A linear model as it stays, and the dataset that it is of."""
    plain = staying_plain(
        computations__model__op="train.linear",
        computations__model__parameters=ABSENT,
    )
    trained = train(plain, kept_tables())
    text, _ = next(
        (row["description"], row["booster"])
        for one in trained.released
        if one.output == "model"
        for row in one.table.to_pylist()
    )
    description = json.loads(text) | changes
    return canonical(description), trained.manifest.datasets["model.model"]


def test_a_kept_line_is_read_as_its_training_says_or_not_at_all():
    """The room wrote it; it is judged all the same, before anything computes with it."""
    good, dataset = line()
    assert check_kept(kept_file(good, b""), dataset).facts == {"coefficients": 4}
    swapped, _ = line(classes=["true", "false"])
    with pytest.raises(ModelRefused, match="the classes of the description are not those"):
        check_kept(kept_file(swapped, b""), dataset)
    for bent, words in (
        (kept_file(good, b"more"), "not those that the description names"),
        (kept_file(good[:-1], b""), "the description does not read"),
        (kept_file(good, b"")[:-1], "not the description and the tensors"),
        (kept_file(good, b"") + b"\0\0\0\0", "not the description and the tensors"),
        (good, "looks like JSON"),
    ):
        with pytest.raises(ModelRefused, match=words):
            check_kept(bent, dataset)


def test_the_story_notices_a_reader_that_compares_nothing(monkeypatch):
    assert_mutant_is_caught(
        monkeypatch,
        "cleanroom.dataset.kept_file:_compared",
        lambda _description, _model: [],
        test_a_kept_line_is_read_as_its_training_says_or_not_at_all,
    )


def test_nobody_brings_a_file_of_a_model_that_stays():
    """What stays in a room is sealed by a worker; a party's own reader refuses its format."""
    good, dataset = line()
    with pytest.raises(ModelRefused, match="which nobody brings"):
        check_model(kept_file(good, b""), dataset)


def _record(offer):
    from cleanroom.protocol.dataset import DatasetVersion

    return DatasetVersion.from_bytes(offer.version.payload)


def test_two_models_have_two_versions():
    names = {kept_version(run, output) for run in ("r-1", "r-2") for output in ("a", "b")}
    assert len(names) == 4
    assert all(len(name) == 32 for name in names)


def test_a_room_scores_with_a_model_that_nobody_has(tmp_path):
    """A whole room: trained, kept, asked over a restart, and in nobody's hands."""
    manifest = Manifest.from_plain(staying_plain())
    tables = kept_tables()
    with whole_room(tmp_path / "room", manifest, workers=1) as room:
        bank, shop = room.enter("bank"), room.enter("shop")
        bank.add("customers", tables["left"])
        shop.add("baskets", tables["right"])
        with pytest.raises(CleanroomError, match=r"'model\.model' has no version"):
            bank.run("score")
        training = bank.run("model", **PARAMETERS)
        training.wait(timeout=240)
        (handle,) = training.kept
        assert repr(handle) == (
            f"KeptModel('model.model' by {training.id}: sealed in the room, used by score)"
        )
        assert training.result("quality").model == handle
        for use in (handle.predict, handle.save):
            with pytest.raises(ModelSealed, match=r"'model\.model' of run .* stays sealed"):
                use("anything")
        assert standalone(training.receipt(), bank.manifest) == training.id
        for party in (bank, shop):
            with pytest.raises(ModelSealed, match="stays sealed in the room") as refused:
                party.run_by_id(training.id).result("model")
            assert (refused.value.code, refused.value.hint) == ("CR-5005", "run score")
        with pytest.raises(Usage, match="expected one that 'bank' owns"):
            bank.add("model.model", tmp_path / "none.ubj")
        scoring = bank.run("score")
        scoring.wait(timeout=240)
        result = scoring.result("scores")
        receipt = result.receipt.verify(bank.manifest)
        assert standalone(result.receipt, bank.manifest) == scoring.id
        held = bank.status().versions["model.model"]
        assert [one.digest for one in held] == [receipt.predicate.inputs["model"].version]
        found = result.table.to_pandas()
        on_disk = [file.read_bytes() for file in tmp_path.rglob("*") if file.is_file()]
        assert sum(map(len, on_disk)) > 100_000
        assert not [content for content in on_disk if b"gradient_booster" in content]
    joined = pooled(tables)
    assert found["left.id"].tolist() == joined["id"].tolist()
    exported = train(keeping_plain(), tables, PARAMETERS)
    (kept,) = [one for one in exported.released if one.output == "model"]
    booster = xgboost.Booster(model_file=bytearray(kept.table["booster"][0].as_py()))
    paid = [joined["paid"] == "card", joined["paid"] == "cash"]
    rows = np.column_stack([joined["a"], joined["b"], *paid]).astype(np.float32)
    said = booster.inplace_predict(rows).astype(float).round(3)
    np.testing.assert_allclose(found["probability.true"], said, atol=1.1e-3)


def test_a_model_that_is_withheld_becomes_no_version():
    made = history()
    made.submit("model", 1, parameters={"rounds": 5, "max_depth": 2})
    made.report(outputs=kept_outputs(made, suppressed=True))
    key = Ed25519Signer.generate(SIGNER_KID)
    assert kept_versions(made.manifest, made.run(), NOW, key) == []
    made = history()
    made.submit("model", 1, parameters={"rounds": 5, "max_depth": 2})
    made.report(outputs=kept_outputs(made, suppressed=False))
    (signed,) = kept_versions(made.manifest, made.run(), NOW, key)
    version = open_signed(signed, made.manifest, room_key=key.public_key)
    assert version.parts[0].digest in {one.output.digest for one in made.run().outputs}


def kept_outputs(made, *, suppressed):
    plain = made.outputs()
    room = OutputRecord(
        output="model", recipient="room", digest="sha256:" + "7" * 64, size=9, suppressed=suppressed
    )
    return [*plain, SealedOutput(output=room, sealed_key=b"sealed")]


def test_a_training_that_delivers_no_model_to_the_room_is_withheld():
    made = history()
    made.submit("model", 1, parameters={"rounds": 5, "max_depth": 2})
    made.report()
    assert made.run().phase == "refused"
