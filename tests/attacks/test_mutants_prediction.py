"""Each check around protected models is taken away once: a model, or what it is read by, is lost."""

import pytest

from cleanroom.crypto.sealing import CONTENT_KEY_LENGTH
from cleanroom.dataset.context import DatasetContext
from cleanroom.dataset.models.check import check_model
from cleanroom.dataset.models.extents import Extent
from cleanroom.dataset.models.sealing import seal_model, unseal_model
from cleanroom.errors import DatasetRefused, ModelRefused, SealBroken
from cleanroom.manifest.model import Manifest
from cleanroom.protocol.dataset import DatasetVersion, Part, open_signed, sign_version
from tests.attacks import test_graphs_that_swell as graphs
from tests.attacks import test_prediction_budget as budget
from tests.support.breaches import Mutant, assert_gets_through, shown
from tests.support.manifests import LINEAGE, NOW, signer
from tests.support.mutants import hands_back, passes, returns
from tests.support.networks import HIDDEN, linear_graph, safetensors
from tests.support.predictions import (
    AGE,
    DOSE,
    WARD,
    bent,
    model_dataset,
    prediction_plain,
    ubj,
)

GRAPHS = "cleanroom.dataset.models"
TREES = f"{GRAPHS}.trees"
FEATURES = [AGE, {**DOSE, "nullable": False}, WARD]
PLACE = ("learner", "gradient_booster", "model", "trees", 0)


def with_number(place, value):
    def change(numbers):
        numbers[place] = value
        return numbers

    return change


def refused(content, dataset=None):
    with pytest.raises(ModelRefused):
        check_model(content, dataset or model_dataset())


def a_node_that_is_its_own_child():
    refused(bent(ubj(), (*PLACE, "left_children"), with_number(0, 0)))


def a_node_beyond_the_end_of_its_tree():
    refused(bent(ubj(), (*PLACE, "right_children"), with_number(0, 1 << 30)))


def a_feature_beyond_the_end_of_a_row():
    refused(bent(ubj(), (*PLACE, "split_indices"), with_number(0, 1 << 20)))


def a_threshold_that_is_not_finite():
    refused(bent(ubj(), (*PLACE, "split_conditions"), with_number(0, float("nan"))))


def classes_that_the_predictor_does_not_divide_by():
    path = ("learner", "objective", "softmax_multiclass_param", "num_class")
    refused(bent(ubj(3), path, "2"), model_dataset(3))


def a_tensor_that_lies_in_another_file():
    made = linear_graph()
    made.graph.initializer[0].external_data.add(key="location", value="/etc/passwd")
    refused(made.SerializeToString(), model_dataset(format="onnx", features=FEATURES))


def a_tensor_that_overlaps_another():
    raw = safetensors(2).replace(b'"data_offsets":[0,', b'"data_offsets":[4,')
    dataset = model_dataset(format="safetensors", features=FEATURES, network={"hidden": HIDDEN})
    refused(raw, dataset)


def a_model_of_another_version(tmp_path):
    context = {"lineage": LINEAGE, "dataset": "scorer", "owner": "shop"}
    made = seal_model(
        check_model(ubj(), model_dataset()), **context, directory=tmp_path, on_part=lambda _: None
    )
    assert len(made.key) == CONTENT_KEY_LENGTH
    other = DatasetContext(**context, version="0" * 32)
    with pytest.raises(SealBroken):
        unseal_model(made.sealed.path, made.sealed.part, context=other, key=made.key)


def a_model_in_two_parts():
    manifest = Manifest.from_plain(prediction_plain())
    parts = [
        Part(index=index, digest="sha256:" + "1" * 64, size=9, rows=1 - index) for index in (0, 1)
    ]
    version = DatasetVersion(
        lineage=manifest.metadata.lineage,
        manifest=manifest.digest,
        dataset="scorer",
        owner="shop",
        version="0" * 32,
        rows=1,
        parts=parts,
        sealed_key="sha256:" + "2" * 64,
        sealed_at=NOW,
    )
    with pytest.raises(DatasetRefused):
        open_signed(sign_version(version, signer("shop", "provide")), manifest)


MUTANTS = [
    Mutant(
        "enclave.coordinator.row_budgets:within_budget",
        hands_back(1),
        budget.test_rows_are_counted_over_runs_and_the_log_says_so,
    ),
    Mutant(
        "enclave.coordinator.row_budgets:scored_rows",
        returns(0),
        budget.test_a_version_that_is_cut_in_pieces_is_not_cheaper,
    ),
    Mutant(f"{TREES}:_grown", passes, a_node_that_is_its_own_child),
    Mutant(f"{TREES}:_grown", passes, a_node_beyond_the_end_of_its_tree),
    Mutant(f"{TREES}:_within", passes, a_feature_beyond_the_end_of_a_row),
    Mutant(f"{TREES}:_finite", passes, a_threshold_that_is_not_finite),
    Mutant(f"{TREES}:_same", passes, classes_that_the_predictor_does_not_divide_by),
    Mutant("cleanroom.dataset.models.graphs:_known", passes, a_tensor_that_lies_in_another_file),
    Mutant(
        "cleanroom.dataset.models.tensors:_without_gaps", passes, a_tensor_that_overlaps_another
    ),
    Mutant(f"{GRAPHS}.graphs:require_bounded", returns(0), graphs.a_column_times_a_row),
    Mutant(f"{GRAPHS}.shapes:_wider", hands_back(0), graphs.a_column_beside_a_row),
    Mutant(
        f"{GRAPHS}.shapes:extent", lambda axes, **_: Extent(tuple(axes), 0), graphs.what_doubles
    ),
    Mutant("cleanroom.protocol.dataset:_one_model", passes, a_model_in_two_parts),
]
SEALING = [
    Mutant(
        "cleanroom.dataset.models.sealing:frame", returns(b"any model"), a_model_of_another_version
    )
]


@pytest.mark.parametrize("mutant", MUTANTS, ids=shown)
def test_a_model_gets_through_without_its_check(monkeypatch, mutant):
    assert_gets_through(monkeypatch, mutant)


@pytest.mark.parametrize("mutant", SEALING, ids=shown)
def test_a_model_opens_in_another_place_without_its_context(monkeypatch, mutant, tmp_path_factory):
    story = lambda: mutant.story(tmp_path_factory.mktemp("sealed"))  # noqa: E731
    assert_gets_through(monkeypatch, mutant, story)
