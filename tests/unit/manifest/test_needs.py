"""How much memory a run takes: from what was signed and from sizes, erring upwards."""

import pytest

from cleanroom.manifest.model import Manifest
from cleanroom.manifest.needs import (
    COPIES_FOR_FOLDS,
    COPIES_FOR_NOISE,
    COPIES_OF_LINES,
    COPIES_OF_MATRIX,
    COPIES_OF_MODEL,
    COPIES_OF_NOISY_SIGNALS,
    COPIES_OF_ROLES,
    COPIES_OF_SIGNALS,
    COPIES_TO_COMPARE,
    NETWORK_BYTES,
    NOISY_ROWS,
    USABLE,
    WIDTHS,
    WORDS_OF_A_LINE,
    Sizes,
    at_most,
    free_megabytes,
    megabytes,
    needed,
    rounded,
)
from enclave.computations.privacy.layers import ROWS as ROWS_OF_STEPS
from enclave.computations.registry import operations
from enclave.computations.training import optional
from tests.support.learned_networks import NETWORK
from tests.support.manifests import good_manifest
from tests.support.predictions import prediction_plain
from tests.support.private_trainings import NOISY_NETWORK, private_plain
from tests.support.rule_changes import TRAINS
from tests.support.trainings import LINE

ROWS = {"left": 3_000, "right": 1_000}
WIDTH = len(["income", "spend", "payment=card", "payment=cash"])
PRIVATE_WIDTH = len(["age", "wealth", "kind=a", "kind=b", "kind=c", "haste", "late"])


def training(**how):
    """The manifest of a training, with some of its fields replaced."""
    changes = {f"computations__matches__{field}": value for field, value in how.items()}
    return good_manifest(**TRAINS, **changes)


def of(manifest, name="matches", rows=None, model=0, node=0):
    return needed(manifest, manifest.computations[name], Sizes(rows or ROWS, model), node)


def test_an_intersection_takes_its_keys_and_what_stands_beside_them():
    # email is a key of 40 bytes, income and spend take 8, segment and favourite 40; email is told
    left, right = 3_000 * (3 * 40 + 24 + 2 * (8 + 40 + 40)), 1_000 * (3 * 40 + 24 + 2 * 88)
    assert of(good_manifest()) == left + right
    assert of(good_manifest(computations__overlap__workers__count=1), "overlap") == 4_000 * 144


def test_a_training_takes_a_matrix_of_the_rows_that_may_match():
    without = of(good_manifest(**TRAINS, computations__matches__max_rows=1)) - WIDTH * 8 * 3
    assert of(training()) == without + 1_000 * WIDTH * 8 * COPIES_OF_MATRIX
    assert of(training(max_rows=10)) == without + 10 * WIDTH * 8 * COPIES_OF_MATRIX
    assert of(training(duplicates="all")) == without + 10_000_000 * WIDTH * 8 * COPIES_OF_MATRIX
    left = training(join="left", left="left")
    assert of(left) == without + 3_000 * WIDTH * 8 * COPIES_OF_MATRIX


def test_comparing_and_folds_take_more_copies():
    quality = {"kind": "metrics", "recipients": ["bank"]}
    compares = training(outputs={"quality": {**quality, "compare": "alone"}})
    assert of(compares) - of(training()) == 1_000 * WIDTH * 8 * COPIES_TO_COMPARE
    folds = training(outputs={"quality": quality}, folds=5)
    assert of(folds) - of(training()) == 1_000 * WIDTH * 8 * COPIES_FOR_FOLDS


def test_rows_below_each_other_add_up_and_share_their_columns():
    matrix = of(training(join="concat")) - of(training(join="concat", max_rows=1))
    assert matrix == (4_000 - 1) * len(["income"]) * 8 * COPIES_OF_MATRIX


def test_a_gang_takes_less_of_each_worker_and_its_head_holds_the_lines():
    two = training(workers={"role": "cpu", "count": 2})
    other = of(two, node=1)
    assert of(training()) - 2 <= 2 * other <= of(training())
    lines = (3 * COPIES_OF_LINES + WORDS_OF_A_LINE) * 8
    assert of(two) == other + 1_000 * (lines + 3 * COPIES_OF_ROLES)


def test_a_network_takes_torch_and_its_signals_besides(monkeypatch):
    monkeypatch.setattr(optional, "find_spec", lambda _: True)
    signals = 64 * (8 + 4) * 4 * COPIES_OF_SIGNALS
    assert of(training(**NETWORK)) - of(training()) == NETWORK_BYTES + signals


def test_noise_takes_whole_numbers_beside_the_matrix_and_no_torch():
    line, network = (Manifest.from_plain(private_plain(**how)) for how in (LINE, NOISY_NETWORK))
    assert of(network, "model") - of(line, "model") == ROWS_OF_STEPS * 16 * 8 * (
        COPIES_OF_NOISY_SIGNALS
    )
    assert ROWS_OF_STEPS == NOISY_ROWS
    plain = private_plain()
    del plain["computations"]["model"]["dp"]
    matrix = 1_000 * PRIVATE_WIDTH * 8
    exact = of(Manifest.from_plain(plain), "model")
    assert of(line, "model") - exact == matrix * COPIES_FOR_NOISE


def test_a_prediction_takes_its_model_many_times():
    manifest = Manifest.from_plain(prediction_plain())
    rows = {"rows": 10}
    assert of(manifest, "score", rows, 1_000) - of(manifest, "score", rows) == (
        COPIES_OF_MODEL * 1_000
    )


@pytest.mark.parametrize(
    "manifest",
    [good_manifest(), training(), Manifest.from_plain(prediction_plain(joined=True))],
    ids=["intersections", "training", "prediction"],
)
def test_no_column_that_a_run_decrypts_is_forgotten(manifest):
    """With rows of one input alone, what is needed covers each value that its plan reads."""
    for name, computation in manifest.computations.items():
        plan = operations[computation.op].plan(computation, manifest.datasets, _least(computation))
        for planned in plan.inputs:
            columns = manifest.datasets[planned.dataset].columns
            widths = {column.name: WIDTHS[column.type] for column in columns}
            least = sum(widths[each] for each in {*planned.keys, *planned.payload})
            rows = {each.name: 1_000 if each is planned else 0 for each in plan.inputs}
            assert of(manifest, name, rows) * computation.workers.count >= 1_000 * least


def _least(computation):
    return {name: allowed.min for name, allowed in computation.ranges.items()}


def test_the_largest_inputs_are_those_that_the_manifest_allows():
    manifest = Manifest.from_plain(prediction_plain())
    most = at_most(manifest, manifest.computations["score"])
    dataset = manifest.datasets[manifest.computations["score"].model.dataset]
    assert most.model == dataset.max_bytes
    assert set(most.rows) == set(manifest.computations["score"].inputs)


@pytest.mark.parametrize(
    ("rows", "told"), [(1, 1), (2, 2), (3, 4), (1_024, 1_024), (1_025, 2_048), (900_000, 1_000_000)]
)
def test_sizes_are_rounded_to_a_power_of_two_or_to_what_is_allowed(rows, told):
    manifest = good_manifest()
    sizes = Sizes({"left": rows, "right": 7})
    assert rounded(sizes, manifest, manifest.computations["matches"]).rows == {
        "left": told,
        "right": 8,
    }


def test_a_worker_with_the_memory_that_is_told_takes_the_run():
    for size in (1, 899_999, 900_000, 900_001, 123_456_789):
        assert int(free_megabytes(size) * 1_000_000 * USABLE) >= size
    assert (megabytes(0), megabytes(1), megabytes(1_000_000)) == (0, 1, 1)
