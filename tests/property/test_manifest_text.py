"""No text is misread: what any YAML reader would take for something else is never silently text."""

from collections.abc import Callable

from hypothesis import assume, example, given, settings
from hypothesis import strategies as st
from ruamel.yaml.resolver import implicit_resolvers

from cleanroom.errors import ManifestError, ManifestSyntax, Problem
from cleanroom.manifest.author import _dumped, _plain_tree, format_text, manifest_text
from cleanroom.manifest.diagnostics import render
from cleanroom.manifest.document import read_document
from cleanroom.manifest.scalars import WORDS, meaning
from cleanroom.manifest.text import load
from tests.support.manifests import good_manifest

TEXT = manifest_text(good_manifest())
SCALARS = st.one_of(
    st.text("0123456789", min_size=1, max_size=8),
    st.text("0123456789.:-+_eExXobBtTzZ ~=<>nNyYaAfFiIuUlLsSrR", max_size=12),
    *(st.from_regex(pattern, fullmatch=True) for _, _, pattern, _ in implicit_resolvers),
)
VISIBLE = st.text(st.characters(exclude_categories=["C", "Zl", "Zp"]), max_size=20)
PLAIN = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | VISIBLE,
    lambda below: st.lists(below, max_size=4) | st.dictionaries(VISIBLE, below, max_size=4),
    max_leaves=12,
)
YAMLISH = st.text(" \n-:?,[]{}#&*!|>'\"%@`~abno01.\t\\<=", max_size=60)


# A plain scalar cannot begin with !, & or *; ruamel's table has them for documentation only.
RESOLVED = [entry for entry in implicit_resolvers if entry[1] != "tag:yaml.org,2002:yaml"]


def _some_reader_resolves(text: str) -> bool:
    return any(
        text[:1] in first and pattern.match(text) and tag != "tag:yaml.org,2002:str"
        for _, tag, pattern, first in RESOLVED
    )


@settings(max_examples=500)
@given(text=SCALARS)
@example(text="0o7")
@example(text="-_")
@example(text="+.e5")
def test_scalar_that_some_reader_resolves_is_never_silently_text(text):
    assume(text == text.strip() and "\n" not in text)
    value = meaning(text)
    if isinstance(value, str) and _some_reader_resolves(text):
        raise AssertionError(f"{text!r} is text here and something else elsewhere")
    if not isinstance(value, (str, Problem)):
        assert text in WORDS or str(value) == text


@settings(max_examples=150, deadline=None)
@given(plain=st.dictionaries(VISIBLE, PLAIN, min_size=1, max_size=4))
@example(plain={"": ["?0"]})
def test_what_is_written_is_read_back_the_same(plain):
    assert read_document(_dumped(_plain_tree(plain)), name="x").plain == plain


@settings(max_examples=400, deadline=None)
@given(text=YAMLISH | st.text(max_size=40))
def test_any_text_is_read_or_refused_with_places(text):
    refused = _refusal(lambda: read_document(text, name="x"))
    for problem in refused.problems if refused else ():
        assert problem.line >= 1
        assert problem.column >= 1
        assert problem.message
    assert refused is None or (refused.problems and render(refused.problems, text, "x"))


@settings(max_examples=100, deadline=None)
@given(raw=st.binary(max_size=40))
def test_any_bytes_are_read_or_refused(raw):
    refused = _refusal(lambda: read_document(raw, name="x"))
    assert refused is None or (type(refused) is ManifestSyntax and refused.problems)


@settings(max_examples=60, deadline=None)
@given(start=st.integers(0, len(TEXT)), length=st.integers(0, 8), put=YAMLISH)
def test_damaged_manifest_is_refused_or_is_another_one(start, length, put):
    damaged = TEXT[:start] + put + TEXT[start + length :]
    refused = _refusal(lambda: load(damaged, name="x"))
    if refused:
        assert all(problem.line >= 1 and problem.column >= 1 for problem in refused.problems)
        assert render(refused.problems, damaged, "x", code=refused.code)
    else:
        assert load(format_text(damaged, name="x"), name="x") == load(damaged, name="x")


def _refusal(call: Callable[[], object]) -> ManifestError | None:
    try:
        call()
    except ManifestError as refused:
        return refused
    return None
