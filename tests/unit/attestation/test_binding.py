"""Report data is 64 bytes that name everything it speaks for."""

import hashlib

import pytest

from cleanroom.attestation.binding import bind, binding_of, check_binding
from cleanroom.encoding import frame
from cleanroom.errors import BindingMismatch


def test_binding_is_sha512_of_the_frame():
    assert (
        bind("cleanroom/x/v1", b"a", b"")
        == hashlib.sha512(frame("cleanroom/x/v1", b"a", b"")).digest()
    )


def test_fields_do_not_run_into_each_other():
    assert bind("d", b"ab", b"c") != bind("d", b"a", b"bc")
    assert bind("d", b"") != bind("d")


@pytest.mark.parametrize("size", [0, 32, 63, 65, 128])
def test_binding_is_never_padded_or_cut(size):
    with pytest.raises(BindingMismatch, match=f"is {size} bytes, expected 64 bytes"):
        binding_of(bytes(size))


def test_other_binding():
    assert check_binding(bytes(64), binding_of(bytes(64))) == bytes(64)
    with pytest.raises(BindingMismatch, match="report data is 0000000000000000…, expected"):
        check_binding(bytes(64), bind("d", b"nonce"))
