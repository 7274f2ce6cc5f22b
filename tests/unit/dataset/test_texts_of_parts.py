"""Texts of a part are UTF-8 one by one, however quickly that is found out."""

import pyarrow as pa
import pytest

from cleanroom.dataset import unseal


def texts(content: bytes, *ends: int) -> pa.ChunkedArray:
    """Texts that are cut out of `content`, whatever it holds."""
    offsets = pa.array([0, *ends], pa.int32()).buffers()[1]
    array = pa.StringArray.from_buffers(len(ends), offsets, pa.py_buffer(content))
    return pa.chunked_array([array])


@pytest.mark.parametrize(
    "lawful",
    [texts(b"ab", 1, 2), texts(b"caf\xc3\xa9!", 5, 6), texts(b""), texts(b"", 0, 0)],
    ids=["ascii", "other", "none", "empty"],
)
def test_lawful_texts_are_taken(lawful):
    unseal._readable(lawful)
    assert lawful.to_pylist() == [text.as_py() for text in lawful]


@pytest.mark.parametrize(
    "unlawful",
    [texts(b"\xff\xfe", 2), texts(b"caf\xc3\xa9", 4, 5), texts(b"ab", 2, 1), texts(b"ab", 3, 2)],
    ids=["not UTF-8", "cut within a letter", "backwards", "beyond the end"],
)
def test_unlawful_texts_are_refused(unlawful):
    with pytest.raises(pa.ArrowInvalid):
        unseal._readable(unlawful)


def test_views_of_a_longer_text_are_judged_alone():
    view = texts(b"abc", 1, 2, 3).slice(1, 1)
    unseal._readable(view)
    assert view.to_pylist() == ["b"]
