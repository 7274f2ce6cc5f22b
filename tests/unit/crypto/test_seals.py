"""Sealing and content encryption: what is sealed opens, for its key and its context only."""

import io

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cleanroom.crypto.sealing import (
    PRIVATE_KEY_LENGTH,
    PUBLIC_KEY_LENGTH,
    ContentWriter,
    SealKey,
    Unsealer,
    decrypt_content,
    encrypt_content,
    seal,
)
from cleanroom.encoding import content_digest
from cleanroom.errors import SealBroken
from cleanroom.protocol.dataset import key_context, part_context
from cleanroom.protocol.grant import GrantTerms, grant, open_grant
from cleanroom.protocol.run import delivery_context, output_context
from tests.support.manifests import LINEAGE, NOW, unsealer

OURS, OTHERS = unsealer("bank"), unsealer("shop")
KEY = bytes(range(32))


def test_what_is_sealed_opens():
    assert OURS.open(seal(KEY, OURS.public_key, context=b"for"), context=b"for") == KEY


def test_a_seal_is_never_the_same_twice():
    first, second = (seal(KEY, OURS.public_key, context=b"for") for _ in range(2))
    assert first != second


def test_another_context_does_not_open():
    with pytest.raises(SealBroken):
        OURS.open(seal(KEY, OURS.public_key, context=b"for"), context=b"to")


def test_another_key_does_not_open():
    with pytest.raises(SealBroken):
        OTHERS.open(seal(KEY, OURS.public_key, context=b"for"), context=b"for")


@settings(max_examples=30)
@given(st.data())
def test_no_altered_byte_opens(data):
    sealed = bytearray(seal(KEY, OURS.public_key, context=b"for"))
    place = data.draw(st.integers(0, len(sealed) - 1))
    sealed[place] ^= data.draw(st.integers(1, 255))
    with pytest.raises(SealBroken):
        OURS.open(bytes(sealed), context=b"for")


@settings(max_examples=30)
@given(st.data())
def test_no_prefix_opens(data):
    sealed = seal(KEY, OURS.public_key, context=b"for")
    with pytest.raises(SealBroken):
        OURS.open(sealed[: data.draw(st.integers(0, len(sealed) - 1))], context=b"for")


@pytest.mark.parametrize("length", [0, 32, PUBLIC_KEY_LENGTH - 1, PUBLIC_KEY_LENGTH + 1])
def test_a_public_key_of_another_length_is_refused(length):
    with pytest.raises(SealBroken, match="expected 1216"):
        seal(KEY, SealKey(bytes(length)), context=b"for")


def test_bytes_that_are_no_public_key_are_refused():
    with pytest.raises(SealBroken, match="not a public key"):
        seal(KEY, SealKey(b"\xff" * PUBLIC_KEY_LENGTH), context=b"for")


def test_a_private_key_survives_its_bytes_and_is_not_shown():
    fresh = Unsealer.generate()
    again = Unsealer(fresh.private_bytes())
    assert again.public_key == fresh.public_key
    assert repr(fresh) == "Unsealer()"
    with pytest.raises(ValueError, match="96 bytes"):
        Unsealer(bytes(PRIVATE_KEY_LENGTH - 1))


@given(st.binary(max_size=200_000))
def test_content_of_any_length_comes_back(content):
    sealed = encrypt_content(content, KEY, context=b"for")
    assert decrypt_content(sealed, KEY, context=b"for") == content


@given(st.lists(st.binary(max_size=40_000), max_size=5))
def test_content_that_was_written_in_pieces_comes_back_whole(pieces):
    file = io.BytesIO()
    writer = ContentWriter(file, KEY, context=b"for")
    assert [writer.write(piece) for piece in pieces] == [len(piece) for piece in pieces]
    digest = writer.finish()
    assert decrypt_content(file.getvalue(), KEY, context=b"for") == b"".join(pieces)
    assert (digest, writer.size) == (content_digest(file.getvalue()), len(file.getvalue()))


@given(st.binary(max_size=3000), st.data())
def test_no_altered_content_opens(content, data):
    sealed = bytearray(encrypt_content(content, KEY, context=b"for"))
    place = data.draw(st.integers(0, len(sealed) - 1))
    sealed[place] ^= data.draw(st.integers(1, 255))
    with pytest.raises(SealBroken):
        decrypt_content(bytes(sealed), KEY, context=b"for")


@given(st.binary(max_size=3000), st.data())
def test_no_prefix_of_content_opens(content, data):
    sealed = encrypt_content(content, KEY, context=b"for")
    with pytest.raises(SealBroken):
        decrypt_content(sealed[: data.draw(st.integers(0, len(sealed) - 1))], KEY, context=b"for")


def test_extended_content_does_not_open():
    sealed = encrypt_content(b"content", KEY, context=b"for")
    with pytest.raises(SealBroken):
        decrypt_content(sealed + b"\x00", KEY, context=b"for")


@pytest.mark.parametrize(("key", "context"), [(bytes(32), b"for"), (KEY, b"to")])
def test_content_opens_for_its_key_and_context_only(key, context):
    sealed = encrypt_content(b"content", KEY, context=b"for")
    with pytest.raises(SealBroken):
        decrypt_content(sealed, key, context=context)


def terms(**changes):
    plain = {
        "lineage": LINEAGE,
        "manifest": "sha256:" + "0a" * 32,
        "run": "r-0000000000000001",
        "input": "left",
        "dataset": "customers",
        "version": "sha256:" + "0b" * 32,
        "columns": ["email"],
        "worker": "w-0000000000000001",
        "expires_at": NOW,
    }
    return GrantTerms(**(plain | changes))


CHANGES = {
    "lineage": "11111111-2222-4333-8444-555555555555",
    "manifest": "sha256:" + "0c" * 32,
    "run": "r-0000000000000002",
    "input": "right",
    "dataset": "baskets",
    "version": "sha256:" + "0c" * 32,
    "columns": ["email", "income"],
    "worker": "w-0000000000000002",
    "expires_at": NOW.replace(year=2028),
}


def test_a_grant_opens_for_its_worker():
    assert open_grant(grant(terms(), KEY, OURS.public_key), OURS) == KEY


def test_every_term_of_a_grant_is_tried():
    assert set(CHANGES) == set(GrantTerms.model_fields)


@pytest.mark.parametrize("field", CHANGES)
def test_a_grant_with_another_term_does_not_open(field):
    honest = grant(terms(), KEY, OURS.public_key)
    with pytest.raises(SealBroken):
        open_grant(honest.model_copy(update={"terms": terms(**{field: CHANGES[field]})}), OURS)


def test_no_two_contexts_are_the_same():
    """The same words in another place, or cut elsewhere, are another context."""
    made = [
        key_context("l", "m", "d", "o", "v"),
        key_context("l", "m", "do", "", "v"),
        part_context("l", "d", "o", "v", 0),
        part_context("l", "d", "o", "v", 1),
        output_context("l", "m", "d", "o", "v"),
        output_context("l", "m", "d", "ov", ""),
        delivery_context(output_context("l", "m", "d", "o", "v"), "d1"),
        delivery_context(output_context("l", "m", "d", "o", "v"), "d2"),
    ]
    assert len(set(made)) == len(made)
