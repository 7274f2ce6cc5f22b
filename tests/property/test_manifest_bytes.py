"""Whatever is altered in signed bytes is refused or has another digest; order never matters."""

import contextlib
import os
import random
import subprocess
import sys
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cleanroom.errors import ManifestError, ManifestRule, RecordMalformed
from cleanroom.manifest.checks import check
from cleanroom.manifest.model import Manifest
from cleanroom.manifest.plan import plan
from cleanroom.manifest.rules import RULES
from tests.support.manifests import good_manifest, good_plain

GOOD = good_manifest()
BYTES = GOOD.to_bytes()
SETS = {"policies", "submitters", "recipients", "on", "values", "computations", "columns"}


def _leaves(node: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    if isinstance(node, dict):
        return [leaf for key, below in node.items() for leaf in _leaves(below, (*path, key))]
    if isinstance(node, list):
        return [leaf for index, below in enumerate(node) for leaf in _leaves(below, (*path, index))]
    return [path]


LEAVES = _leaves(good_plain())
VALUES = st.sampled_from(
    [
        0,
        1,
        2,
        10**6,
        -1,
        True,
        False,
        None,
        "",
        "bank",
        "nobody",
        "email",
        "left.email",
        "a.b",
        [],
        ["email"],
        {},
        "1",
        "2027-01-10T00:00:00Z",
    ]
)


def _at(plain: Any, path: tuple[Any, ...]) -> Any:
    for step in path:
        plain = plain[step]
    return plain


def _mixed(node: Any, order: random.Random, name: str = "") -> Any:
    if isinstance(node, dict):
        entries = [(key, _mixed(value, order, key)) for key, value in node.items()]
        order.shuffle(entries)
        return dict(entries)
    if isinstance(node, list):
        members = [_mixed(member, order) for member in node]
        if name in SETS and all(isinstance(member, str) for member in members):
            order.shuffle(members)
        return members
    return node


@settings(max_examples=300, deadline=None)
@given(position=st.integers(0, len(BYTES) - 1), bits=st.integers(1, 255))
def test_any_altered_byte_is_refused_or_has_another_digest(position, bits):
    altered = bytearray(BYTES)
    altered[position] ^= bits
    try:
        manifest = Manifest.from_bytes(bytes(altered))
    except ManifestError:
        return
    assert manifest.digest != GOOD.digest


@settings(max_examples=60, deadline=None)
@given(end=st.integers(0, len(BYTES) - 1))
def test_no_prefix_of_the_bytes_is_a_manifest(end):
    with pytest.raises(RecordMalformed):
        Manifest.from_bytes(BYTES[:end])


@settings(max_examples=40, deadline=None)
@given(order=st.randoms(use_true_random=False))
def test_order_of_maps_and_sets_does_not_change_the_digest(order):
    assert Manifest.from_plain(_mixed(good_plain(), order)).digest == GOOD.digest


@settings(max_examples=200, deadline=None)
@given(path=st.sampled_from(LEAVES), value=VALUES)
def test_any_altered_field_has_another_digest_and_crashes_no_rule(path, value):
    plain = good_plain()
    before = _at(plain, path)
    _at(plain, path[:-1])[path[-1]] = value
    try:
        manifest = Manifest.from_plain(plain)
    except RecordMalformed:
        return
    assert (manifest.digest == GOOD.digest) == (type(value) is type(before) and value == before)
    broken = [problem for rule in RULES for problem in rule(manifest)]
    assert all(problem.where and problem.message for problem in broken)
    if not broken:
        assert plan(manifest).digest == manifest.digest


@settings(max_examples=60, deadline=None)
@given(paths=st.lists(st.sampled_from(LEAVES), min_size=2, max_size=6, unique=True))
def test_removing_fields_crashes_no_rule(paths):
    plain = good_plain()
    for path in sorted(paths, key=repr, reverse=True):
        del _at(plain, path[:-1])[path[-1]]
    with contextlib.suppress(RecordMalformed, ManifestRule):
        assert check(Manifest.from_plain(plain)).manifest.digest != GOOD.digest


def test_digest_does_not_depend_on_the_hash_seed():
    program = "from tests.support.manifests import good_manifest; print(good_manifest().digest)"
    found = {
        subprocess.run(
            [sys.executable, "-c", program],
            env={**os.environ, "PYTHONHASHSEED": seed, "PYTHONPATH": os.pathsep.join(sys.path)},
            capture_output=True,
            check=True,
            text=True,
        ).stdout.strip()
        for seed in ("1", "2", "3")
    }
    assert found == {GOOD.digest}
