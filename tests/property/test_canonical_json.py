"""The fast way to canonical bytes and the library's are one: whatever values they are given."""

import pytest
import rfc8785
from hypothesis import given, settings
from hypothesis import strategies as st

from cleanroom.encoding import canonical

TEXTS = st.one_of(
    st.text(max_size=8),
    st.text(alphabet=[chr(code) for code in range(0x80)], max_size=12),
    st.sampled_from(
        ['":1.5', "[1e9", ",1234567890123456", "\ud7ff", "\U0001f600", "\uffff", "\x7f"]
    ),
)
NUMBERS = st.one_of(
    st.integers(min_value=-(2**53) + 1, max_value=2**53 - 1),
    st.sampled_from([10**15 - 1, 10**15, -(10**15), 2**53 - 1, 0, -1]),
    st.floats(allow_nan=False, allow_infinity=False),
    st.sampled_from([1e16, 1e21, 1e22, 1e-7, -0.0, 5e-324, 0.1, 100.0]),
)
VALUES = st.recursive(
    st.one_of(st.none(), st.booleans(), NUMBERS, TEXTS),
    lambda inner: st.one_of(st.lists(inner, max_size=4), st.dictionaries(TEXTS, inner, max_size=4)),
    max_leaves=12,
)


@settings(max_examples=300)
@given(st.dictionaries(TEXTS, VALUES, max_size=5))
def test_both_ways_write_the_same_bytes(plain):
    written = canonical(plain)
    assert written == rfc8785.dumps(plain)


@pytest.mark.parametrize("number", [2**53, -(2**53), 10**30])
def test_number_beyond_json_is_refused_in_both_ways(number):
    with pytest.raises(rfc8785.IntegerDomainError):
        canonical({"a": [number]})


@pytest.mark.parametrize("number", [float("nan"), float("inf"), -float("inf")])
def test_what_is_no_number_is_refused_in_both_ways(number):
    with pytest.raises(rfc8785.FloatDomainError):
        canonical({"a": {"b": number}})
