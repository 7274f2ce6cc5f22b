"""What our readers let through, the libraries behind them take: edited files end in words, not in them.

An edit in a few bytes that is still a model (another threshold, another leaf) has to be loaded and to
answer; everything else is refused before any library sees it.
"""

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cleanroom.dataset.kept_file import check_kept
from cleanroom.dataset.models.check import check_model
from cleanroom.dataset.models.ubj import read_ubj
from cleanroom.errors import CleanroomError
from enclave.computations.prediction.scorers import LOADERS, scored
from tests.support import keeping, networks, predictions

ROWS = np.random.default_rng(8).normal(size=(40, 5)).astype(np.float32)
PLAIN = [{"name": name, "type": "int64"} for name in "abcde"]
FILES = {
    "xgboost-ubj": (
        predictions.ubj(),
        predictions.model_dataset(),
    ),
    "safetensors": (
        networks.safetensors(1),
        predictions.model_dataset(
            0, format="safetensors", features=PLAIN, network={"hidden": networks.HIDDEN}
        ),
    ),
    "onnx": (
        networks.forest_graph().SerializeToString(),
        predictions.model_dataset(0, format="onnx", features=PLAIN),
    ),
    "cleanroom": (keeping.line_file(), keeping.line_dataset()),
}
EDITS = st.lists(
    st.tuples(st.floats(0, 1), st.sampled_from(["set", "cut", "insert"]), st.binary(min_size=1, max_size=4)),
    min_size=1,
    max_size=3,
)  # fmt: skip


def edited(raw, edits):
    """Some bytes, altered in a few places; many of them where the numbers are."""
    for share, how, content in edits:
        at = int(share * len(raw))
        behind = at if how == "insert" else at + len(content)
        raw = raw[:at] + (b"" if how == "cut" else content) + raw[behind:]
    return raw


@pytest.mark.parametrize("form", FILES)
def test_the_file_that_is_edited_answers(form):
    raw, dataset = FILES[form]
    rows = ROWS if dataset.width == 5 else ROWS[:, : dataset.width]
    said = scored(LOADERS[form](check_kept(raw, dataset)), rows, dataset.scores)
    assert np.isfinite(said).all()


@pytest.mark.parametrize("form", FILES)
@settings(max_examples=120, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(edits=EDITS)
def test_an_edited_file_is_refused_or_answers(form, edits):
    raw, dataset = FILES[form]
    try:
        scorer = LOADERS[form](check_kept(edited(raw, edits), dataset))
    except CleanroomError as refused:
        assert refused.code in {"CR-4006", "CR-1005", "CR-1006"}  # noqa: PT017 - either way is right
        return
    assert scored(scorer, ROWS, dataset.scores).shape == (40, dataset.scores)


@settings(max_examples=60, deadline=None)
@given(
    place=st.integers(0, 11),
    name=st.sampled_from(
        [
            "left_children",
            "right_children",
            "parents",
            "split_indices",
            "default_left",
            "split_type",
        ]
    ),
    at=st.floats(0, 0.999),
    value=st.integers(-3, 40),
)
def test_a_tree_with_one_other_number_is_refused_or_answers(place, name, at, value):
    """Where edits of bytes rarely get to: numbers that the native predictor follows."""
    dataset = predictions.model_dataset()
    path = ("learner", "gradient_booster", "model", "trees", place, name)

    def change(numbers):
        numbers[int(at * len(numbers))] = value % 4 if numbers.typecode == "B" else value
        return numbers

    raw = predictions.bent(predictions.ubj(), path, change)
    try:
        scorer = LOADERS["xgboost-ubj"](check_model(raw, dataset))
    except CleanroomError as refused:
        assert refused.code == "CR-4006"  # noqa: PT017 - either way is right
        return
    assert np.isfinite(scored(scorer, ROWS, 2)).all()


@settings(max_examples=60, deadline=None)
@given(cut=st.floats(0, 0.9999))
def test_no_prefix_of_a_model_is_read(cut):
    raw = predictions.ubj()
    with pytest.raises(CleanroomError):
        read_ubj(raw[: int(cut * len(raw))])
