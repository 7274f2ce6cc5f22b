"""Blobs: whole or not there, resumable, and never under a wrong name."""

import pytest

from cleanroom.encoding import content_digest
from cleanroom.errors import Overloaded, RunUnknown, TransferBroken
from enclave.coordinator.blobs import DISK_RESERVE, LARGEST_BLOB, Blobs

CONTENT = bytes(range(256)) * 20_000
DIGEST = content_digest(CONTENT)
SIZE = len(CONTENT)


@pytest.fixture
def blobs(tmp_path):
    """An empty store."""
    return Blobs(tmp_path / "blobs")


def put(blobs, content, *, start=0, end=None, digest=DIGEST, size=SIZE):
    with blobs.upload(digest, size, start) as upload:
        upload.write(content[start:end])


def test_a_whole_blob_is_stored_and_read(blobs):
    put(blobs, CONTENT)
    assert blobs.stat(DIGEST).complete
    assert b"".join(blobs.read(DIGEST, 0)) == CONTENT
    assert b"".join(blobs.read(DIGEST, 1000)) == CONTENT[1000:]


def test_an_upload_that_broke_goes_on_where_it_stopped(blobs):
    put(blobs, CONTENT, end=1_500_000)
    stored = blobs.stat(DIGEST)
    assert (stored.size, stored.complete) == (1_500_000, False)
    put(blobs, CONTENT, start=1_500_000)
    assert b"".join(blobs.read(DIGEST, 0)) == CONTENT


def test_a_broken_stream_keeps_what_arrived(blobs):
    def torn() -> None:
        with blobs.upload(DIGEST, len(CONTENT), 0) as upload:
            upload.write(CONTENT[:1000])
            raise ConnectionError

    with pytest.raises(ConnectionError):
        torn()
    assert blobs.stat(DIGEST).size == 1000


def test_an_upload_at_a_wrong_place_is_refused(blobs):
    put(blobs, CONTENT, end=1000)
    with pytest.raises(TransferBroken, match="goes on at 5, expected 1000"):
        put(blobs, CONTENT, start=5)


def test_bytes_of_another_digest_are_thrown_away(blobs):
    wrong = b"\x00" * len(CONTENT)
    with pytest.raises(TransferBroken, match="another digest"):
        put(blobs, wrong)
    assert blobs.stat(DIGEST).size == 0


def test_a_resumed_upload_is_hashed_from_its_first_byte(blobs):
    put(blobs, b"\x01" * 1000, end=1000)
    with pytest.raises(TransferBroken, match="another digest"):
        put(blobs, CONTENT, start=1000)


def test_more_bytes_than_declared_are_refused(blobs):
    with pytest.raises(TransferBroken, match="after its declared"):
        put(blobs, CONTENT, size=1000)


@pytest.mark.parametrize("size", [0, -1, LARGEST_BLOB + 1])
def test_a_size_out_of_bounds_is_refused(blobs, size):
    with pytest.raises(Overloaded, match="expected 1 to"):
        put(blobs, CONTENT, size=size)


def test_a_blob_that_does_not_fit_the_disk_is_refused_before_it_is_sent(blobs):
    assert DISK_RESERVE > 0
    with pytest.raises(Overloaded, match="no space"):
        put(blobs, CONTENT, size=LARGEST_BLOB)


@pytest.mark.parametrize("name", ["", "sha256:../../etc/passwd", "sha256:" + "A" * 64, "ab" * 31])
def test_a_name_that_is_no_digest_reaches_no_file(blobs, name):
    with pytest.raises(TransferBroken, match="64 hex digits"):
        blobs.stat(name)


def test_one_blob_has_one_uploader(blobs):
    with (
        blobs.upload(DIGEST, len(CONTENT), 0),
        pytest.raises(Overloaded, match="already"),
        blobs.upload(DIGEST, len(CONTENT), 0),
    ):
        pytest.fail("a second upload was taken")


def test_an_unknown_blob_is_not_read(blobs):
    with pytest.raises(RunUnknown, match="no such blob"):
        list(blobs.read(DIGEST, 0))


def test_sizes_are_of_complete_blobs_only(blobs):
    put(blobs, CONTENT)
    other = content_digest(b"other")
    put(blobs, b"other", end=2, digest=other, size=5)
    assert blobs.sizes(iter([DIGEST, other])) == {DIGEST: len(CONTENT)}
