"""What was fetched, kept in a directory."""

import pytest

from cleanroom.collateral.cache import Cache, Offline, Online
from cleanroom.errors import CollateralMissing, FileMissing, Overloaded, Unreachable
from tests.support.platform import NOW
from tests.support.vendors import answer

URL = "https://vendor/list?of=x"


def online(cache, *answers):
    left = list(answers)
    return Online(lambda _url: left.pop(0), cache, lambda: NOW), left


def test_what_is_kept_is_found_with_its_chain_and_without_other_headers(tmp_path):
    cache = Cache(tmp_path)
    cache.keep(URL, answer(b"list", tcb_info_issuer_chain="chain", server="x"), NOW)
    kept, found = cache.find(URL)
    assert found.body == b"list"
    assert found.headers == {"tcb-info-issuer-chain": "chain"}
    assert kept.fetched_at == NOW


def test_equal_contents_are_kept_once(tmp_path):
    cache = Cache(tmp_path)
    for url in (URL, f"{URL}2"):
        cache.keep(url, answer(b"list"), NOW)
    assert len(list((tmp_path / "contents").iterdir())) == 1


def test_what_was_never_fetched_is_missing(tmp_path):
    with pytest.raises(CollateralMissing, match="https://vendor/list is not kept here"):
        Offline(Cache(tmp_path)).get(URL, lasting=True)


@pytest.mark.parametrize("which", ["contents", "addresses"])
def test_a_damaged_file_is_as_good_as_missing(tmp_path, which):
    cache = Cache(tmp_path)
    cache.keep(URL, answer(b"list"), NOW)
    (file,) = (tmp_path / which).iterdir()
    file.write_bytes(file.read_bytes().replace(b"list", b"lisp") + b" ")
    with pytest.raises(CollateralMissing):
        cache.find(URL)


def test_another_address_cannot_be_slipped_in(tmp_path):
    cache = Cache(tmp_path)
    cache.keep(URL, answer(b"list"), NOW)
    (entry,) = (tmp_path / "addresses").iterdir()
    cache.keep("https://vendor/other", answer(b"other"), NOW)
    (other,) = set((tmp_path / "addresses").iterdir()) - {entry}
    entry.write_bytes(other.read_bytes())
    with pytest.raises(CollateralMissing, match="damaged"):
        cache.find(URL)


def test_what_lasts_is_asked_for_once_and_lists_each_time(tmp_path):
    source, left = online(Cache(tmp_path), answer(b"1"), answer(b"2"), answer(b"3"))
    assert [source.get(URL, lasting=True).body for _ in range(2)] == [b"1", b"1"]
    assert [source.get(URL, lasting=False).body for _ in range(2)] == [b"2", b"3"]
    assert left == []


@pytest.mark.parametrize(
    ("status", "error"),
    [(404, CollateralMissing), (302, CollateralMissing), (429, Overloaded), (503, Unreachable)],
)
def test_a_refusal_is_told_and_not_kept(tmp_path, status, error):
    source, _ = online(Cache(tmp_path), answer(b"no", status=status))
    with pytest.raises(error, match="vendor"):
        source.get(URL, lasting=True)
    assert list(tmp_path.iterdir()) == []


def test_a_directory_that_cannot_be_written_is_told_without_its_path(tmp_path):
    (tmp_path / "file").write_text("x")
    with pytest.raises(FileMissing) as refused:
        Cache(tmp_path / "file").keep(URL, answer(b"x"), NOW)
    assert str(tmp_path) not in refused.value.message
