"""Somebody wants the model, or wants the model to do something: in a real worker, real ciphertext.

The owner's program is not trusted: here it seals whatever it likes. The worker judges it before any
library sees a byte, and ends the run with a code.
"""

import pickle
import secrets

import pytest

from cleanroom.errors import (
    DatasetRefused,
    ManifestRule,
    ModelRefused,
    RunRefused,
    SealBroken,
)
from cleanroom.manifest.checks import check
from cleanroom.manifest.model import Manifest
from cleanroom.protocol.dataset import open_signed, sign_version
from cleanroom.protocol.work import Failed, Finished
from enclave.computations.registry import operations
from enclave.worker.orders import accept
from tests.support.manifests import signer
from tests.support.mutants import assert_mutant_is_caught, hands_back
from tests.support.predictions import (
    bent,
    booster,
    people,
    prediction_plain,
    released,
    said,
    table,
    ubj,
)
from tests.support.workers import ScriptedRoom, live_manifest, now, running_worker

SCORES = "computations__score__outputs__scores"
TREE = ("learner", "gradient_booster", "model", "trees", 0)
FRAME = people()


def manifest(**changes):
    plain = prediction_plain(**changes)
    return live_manifest(datasets=plain["datasets"], computations=plain["computations"])


@pytest.fixture(scope="module")
def room():
    return ScriptedRoom(manifest())


@pytest.fixture(scope="module")
def worker(room, tmp_path_factory):
    directory = tmp_path_factory.mktemp("worker")
    with room.serving() as address, running_worker(room, address, directory):
        yield room.worker()


@pytest.fixture(scope="module")
def rows(room, tmp_path_factory):
    return room.add("patients", table(FRAME), tmp_path_factory.mktemp("rows"))


def ended(room, worker, data, run=""):
    run = run or f"r-{secrets.token_hex(8)}"
    worker.say(room.order("score", data, worker, run=run))
    return worker.hear(Finished, Failed)


def test_rows_meet_a_model_and_neither_leaves(room, worker, rows, tmp_path):
    data = {"patients": rows, "scorer": room.add_model("scorer", ubj(), tmp_path)}
    finished = ended(room, worker, data, "r-0000000000000001")
    assert isinstance(finished, Finished)
    (sealed,) = finished.outputs
    assert sealed.output.recipient == "bank"
    found = room.opened("r-0000000000000001", sealed).to_pandas()
    assert found["probability.yes"].tolist() == said(2, FRAME)[:, 1].round(4).tolist()
    assert sorted(found) == ["probability.no", "probability.yes", "rows.id"]


@pytest.mark.parametrize(
    "content",
    [
        pickle.dumps({"model": 1}),
        b"cos\nsystem\n(S'true'\ntR.",
        ubj()[:-1],
        ubj() + b"\0",
        ubj(3),
        bytes(booster().save_raw("json")),
        bent(ubj(), (*TREE, "id"), 5),
        bent(ubj(), (*TREE, "tree_param", "num_nodes"), "2000000000"),
        b"\x08\x08\x12\x04skl2",
        b"",
    ],
    ids=[
        *("pickle", "old-pickle", "truncated", "longer", "another-model", "json"),
        *("lie", "allocation", "onnx", "empty"),
    ],
)
def test_a_hostile_file_ends_the_run_with_a_code(room, worker, rows, tmp_path, content):
    data = {"patients": rows, "scorer": room.add_model("scorer", content, tmp_path)}
    failed = ended(room, worker, data)
    assert isinstance(failed, Failed)
    assert failed.code == ModelRefused.code


def test_a_model_of_another_room_does_not_open(room, worker, rows, tmp_path):
    plain = prediction_plain()
    elsewhere = live_manifest(
        datasets=plain["datasets"],
        computations=plain["computations"],
        metadata__lineage="00000000-0000-4000-8000-000000000000",
    )
    stranger = ScriptedRoom(elsewhere)
    version, key = stranger.add_model("scorer", ubj(), tmp_path)
    with pytest.raises(DatasetRefused, match=r"lineage|manifest"):
        open_signed(sign_version(version, signer("shop", "provide")), room.manifest)
    own = version.model_copy(
        update={"lineage": room.manifest.metadata.lineage, "manifest": room.manifest.digest}
    )
    room.store.blobs |= stranger.store.blobs
    failed = ended(room, worker, {"patients": rows, "scorer": (own, key)})
    assert failed.code == SealBroken.code


def test_a_model_that_was_swapped_for_another_version_does_not_open(room, worker, rows, tmp_path):
    first, key = room.add_model("scorer", ubj(), tmp_path)
    second, _ = room.add_model("scorer", ubj(), tmp_path)
    swapped = first.model_copy(update={"parts": second.parts})
    data = {"patients": rows, "scorer": (swapped, key)}
    assert ended(room, worker, data).code == SealBroken.code


def order_of(room, worker, rows, tmp_path):
    data = {"patients": rows, "scorer": room.add_model("scorer", ubj(), tmp_path)}
    return room.order("score", data, worker, run="r-0000000000000005")


def accepted(room, worker, order):
    return accept(order, room.manifest, role="cpu", instance=worker.admit.instance, now=now())


def test_a_worker_takes_no_table_in_place_of_a_model(room, worker, rows, tmp_path):
    order = order_of(room, worker, rows, tmp_path)
    inputs = {**order.inputs, "model": order.inputs["rows"]}
    with pytest.raises(RunRefused, match="dataset of the order is patients, expected scorer"):
        accepted(room, worker, order.model_copy(update={"inputs": inputs}))


def test_a_worker_takes_no_order_without_its_model(room, worker, rows, tmp_path):
    order = order_of(room, worker, rows, tmp_path)
    inputs = {name: each for name, each in order.inputs.items() if name != "model"}
    with pytest.raises(RunRefused, match="inputs of the order"):
        accepted(room, worker, order.model_copy(update={"inputs": inputs}))


@pytest.mark.parametrize("rows_or_parts", [{"rows": 2}, {"parts": 2}, {"size": 1 << 27}])
def test_a_version_of_a_model_is_one_model(room, tmp_path, rows_or_parts):
    version, _ = room.add_model("scorer", ubj(), tmp_path)
    (part,) = version.parts
    change = {
        "rows": {"rows": 2, "parts": [part.model_copy(update={"rows": 2})]},
        "parts": {"parts": [part, part.model_copy(update={"index": 1, "rows": 0})]},
        "size": {"parts": [part.model_copy(update={"size": 1 << 27})]},
    }[next(iter(rows_or_parts))]
    lie = sign_version(version.model_copy(update=change), signer("shop", "provide"))
    with pytest.raises(DatasetRefused, match=r"has 2 rows|number of parts|sealed bytes"):
        open_signed(lie, room.manifest)


# --- what a manifest may not say ------------------------------------------------------------------


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({f"{SCORES}__recipients": ["shop"]}, "scores go to the owner of the rows alone"),
        ({f"{SCORES}__columns": ["class", "model.model"]}, "'model.model' is not one of"),
        ({f"{SCORES}__columns": ["class", "rows.dose"]}, "'rows.dose' is not one of"),
    ],
    ids=["recipient", "the-models-bytes", "values"],
)
def test_nobody_can_sign_that_an_asset_leaves(change, words):
    with pytest.raises(ManifestRule) as refused:
        check(Manifest.from_plain(prediction_plain(**change)))
    assert any(words in problem.message for problem in refused.value.problems)


def test_a_model_is_no_input_of_rows():
    plain = prediction_plain()
    plain["computations"]["score"] = {
        "op": "intersect.rows",
        "on": ["id"],
        "inputs": {
            "rows": {"dataset": "patients", "columns": ["id"]},
            "other": {"dataset": "scorer", "columns": ["id"]},
        },
        "submitters": ["bank"],
        "workers": {"role": "cpu"},
        "limits": {"max_runs": 1},
        "outputs": {
            "all": {
                "recipients": ["bank"],
                "columns": ["other.id"],
                "reveals_membership": True,
                "max_rows": 10,
            }
        },
    }
    with pytest.raises(ManifestRule) as refused:
        check(Manifest.from_plain(plain))
    told = [problem.message for problem in refused.value.problems]
    assert any("'scorer' is a model, expected a table" in message for message in told)


def test_a_plan_does_not_rely_on_the_rule_about_recipients():
    theirs = Manifest.from_plain(prediction_plain(**{f"{SCORES}__recipients": ["shop"]}))
    with pytest.raises(ManifestRule, match="another recipient than the owner of the rows"):
        operations["predict"].plan(theirs.computations["score"], theirs.datasets, {})


def test_the_story_notices_a_model_that_is_not_judged(monkeypatch):
    """Without the judge XGBoost would meet these bytes; here it is never called with them."""

    def story():
        lie = bent(ubj(), ("learner", "attributes"), {"scikit_learn": 3})
        with pytest.raises(ModelRefused, match="attributes are not texts"):
            released(prediction_plain(), {"rows": table(FRAME)}, lie)

    assert_mutant_is_caught(
        monkeypatch, "cleanroom.dataset.models.trees:_texts", hands_back(), story
    )


def test_a_pickle_is_refused_also_where_nobody_recognises_it(monkeypatch):
    monkeypatch.setattr(
        "cleanroom.dataset.models.check.looks_like", lambda _: "UBJ, as XGBoost writes"
    )
    with pytest.raises(ModelRefused, match=r"does not hold an object|begins no value"):
        released(prediction_plain(), {"rows": table(FRAME)}, pickle.dumps(1))
