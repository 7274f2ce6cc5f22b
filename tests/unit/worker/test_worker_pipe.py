"""Frames between a worker and its subprocesses."""

import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cleanroom.encoding import LARGEST_RECORD
from cleanroom.errors import TransferBroken
from enclave.worker.pipe import read_frame, write_frame


@given(st.lists(st.binary(max_size=200), max_size=5))
def test_what_is_written_is_read(contents):
    pipe = io.BytesIO()
    for content in contents:
        write_frame(pipe, content)
    pipe.seek(0)
    assert [read_frame(pipe) for _ in contents] == contents


@given(st.binary(min_size=1, max_size=50), st.data())
def test_no_prefix_of_a_frame_is_read(content, data):
    pipe = io.BytesIO()
    write_frame(pipe, content)
    cut = data.draw(st.integers(0, len(pipe.getvalue()) - 1))
    with pytest.raises(TransferBroken, match="ended"):
        read_frame(io.BytesIO(pipe.getvalue()[:cut]))


def test_a_frame_larger_than_any_record_is_refused_before_it_is_read():
    with pytest.raises(TransferBroken, match="at most"):
        read_frame(io.BytesIO((LARGEST_RECORD + 1).to_bytes(4, "big")))
