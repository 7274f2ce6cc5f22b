"""Every parser that is fuzzed reads its seeds, and refuses what is near them in words of the house."""

from functools import cache

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cleanroom.errors import CleanroomError
from fuzz.targets import TARGETS, feed

EDITS = st.lists(
    st.tuples(
        st.integers(0, 2**16),
        st.sampled_from(["set", "cut", "insert", "repeat", "swap"]),
        st.binary(min_size=1, max_size=8),
    ),
    min_size=1,
    max_size=4,
)


def edited(raw, edits):
    """Some bytes, altered in a few places."""
    for at, how, content in edits:
        place = at % (len(raw) + 1)
        match how:
            case "set":
                raw = raw[:place] + content + raw[place + len(content) :]
            case "cut":
                raw = raw[:place] + raw[place + len(content) :]
            case "insert":
                raw = raw[:place] + content + raw[place:]
            case "repeat":
                raw = raw[:place] + raw[max(0, place - 64) :]
            case _:
                raw = raw[place:] + raw[:place]
    return raw


@cache
def seeds_of(name):
    return tuple(TARGETS[name].seeds())


def reads(target, raw):
    try:
        target.read(raw)
    except CleanroomError:
        return False
    return True


@pytest.mark.parametrize("name", TARGETS)
def test_a_seed_of_each_target_is_read(name):
    target = TARGETS[name]
    assert any(reads(target, seed) for seed in seeds_of(name))
    assert all(len(seed) <= target.longest for seed in seeds_of(name))


@pytest.mark.parametrize("name", TARGETS)
@settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow], derandomize=True
)
@given(which=st.integers(0, 7), edits=EDITS)
def test_only_refusals_escape(name, which, edits):
    seeds = seeds_of(name)
    raw = edited(seeds[which % len(seeds)], edits)
    assert feed(TARGETS[name], raw) is None


@pytest.mark.parametrize("name", TARGETS)
@pytest.mark.parametrize("raw", [b"", b"\t", b"\0", b"\xff" * 64, b"{}", b"[" * 500, b"\xd2" * 40])
def test_nothing_and_nonsense_are_refused(name, raw):
    assert feed(TARGETS[name], raw) is None
