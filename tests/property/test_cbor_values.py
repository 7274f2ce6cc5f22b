"""What CBOR writes, our reader reads back as it was."""

import cbor2
from hypothesis import given
from hypothesis import strategies as st

from cleanroom.attestation.formats import cbor
from tests.support.altering import MODEST

NUMBERS = st.integers(-(2**64), 2**64 - 1)
"""What CBOR writes without a tag."""
PLAIN = st.recursive(
    st.none() | NUMBERS | st.text(max_size=8) | st.binary(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(NUMBERS | st.text(max_size=4), inner, max_size=4)
    ),
    max_leaves=12,
)


@MODEST
@given(value=PLAIN)
def test_plain_values_are_read_back(value):
    assert cbor.read(cbor2.dumps(value), "it") == value
