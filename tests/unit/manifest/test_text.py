"""The strict YAML subset: every trap is refused at its line and column, all of them at once."""

import json
import subprocess
import sys

import pytest

from cleanroom.errors import ManifestRule, ManifestShape, ManifestSyntax
from cleanroom.manifest.author import manifest_text
from cleanroom.manifest.checks import check
from cleanroom.manifest.document import DEEPEST_TEXT, LARGEST_TEXT, MOST_PROBLEMS, read_document
from cleanroom.manifest.text import load, locate, positions
from tests.support.manifests import ABSENT, changed, good_manifest, good_plain

# text of a value, words of the message, words of the hint
TRAPS = [
    ("no", "`no` is true or false in some readers", "quote it"),
    ("Yes", "`Yes` is true or false in some readers", "quote it"),
    ("on", "`on` is true or false in some readers", "quote it"),
    ("OFF", "`OFF` is true or false in some readers", "quote it"),
    ("y", "`y` is true or false in some readers", "quote it"),
    ("True", "`True` is true or false in some readers", "write true or false"),
    ("Null", "`Null` is null in some readers", "write null"),
    ("~", "`~` is null in some readers", "write null"),
    ("", "there is no value", "write null"),
    ("010", "`010` is a different number in different readers", "leading zeros"),
    ("0o17", "is a different number in different readers", "decimal integer"),
    ("0x1F", "is a different number in different readers", "decimal integer"),
    ("0b11", "is a different number in different readers", "decimal integer"),
    ("1_000", "is a different number in different readers", "decimal integer"),
    ("+5", "is a different number in different readers", "decimal integer"),
    ("-0", "is a different number in different readers", "decimal integer"),
    ("0.5", "`0.5` is a floating-point number", 'such as "0.5"'),
    ("1e5", "is a floating-point number", "as text"),
    (".5", "is a floating-point number", "as text"),
    ("1.", "is a floating-point number", "as text"),
    (".inf", "is a floating-point number", "as text"),
    (".NaN", "is a floating-point number", "as text"),
    ("12:30:45", "`12:30:45` is a number to the base of 60 in some readers", "quotes"),
    ("190:20:30.15", "is a number to the base of 60 in some readers", "quotes"),
    ("2027-01-10", "`2027-01-10` is a date in some readers", "put times in quotes"),
    ("2027-01-10T00:00:00Z", "is a date in some readers", "put times in quotes"),
    ("2027-1-1 10:00:00", "is a date in some readers", "put times in quotes"),
    ("=", "has a meaning of its own", "quotes"),
    ("<<", "has a meaning of its own", "quotes"),
    ("9007199254740993", "is beyond 2^53", "quotes"),
    ("1" * 5000, "is beyond 2^53", "quotes"),
    ("&x word", "`&x` is an anchor, expected none", "remove"),
    ("!!str word", "is a tag, expected none", "remove"),
    ("!mine word", "`!mine` is a tag, expected none", "remove"),
    ("! word", "is a tag, expected none", "remove"),
    ("!!binary aGk=", "is a tag, expected none", "remove"),
    ("[1.5]", "is a floating-point number", "as text"),
    ('"\\ud800"', "half a character is escaped", "write the character itself"),
]


def _refused(text, name="cleanroom.yaml"):
    with pytest.raises(ManifestSyntax) as refused:
        read_document(text, name=name)
    assert refused.value.code == "CR-1001"
    return refused.value


@pytest.mark.parametrize(
    ("value", "words", "hint"), TRAPS, ids=[trap[0][:20] or "empty" for trap in TRAPS]
)
def test_value_that_readers_disagree_about_is_refused_with_a_way_out(value, words, hint):
    refused = _refused(f"first: word\nsecond: {value}\nthird: word\n")
    problem = refused.problems[0]
    assert words in problem.message
    assert hint in problem.hint
    assert problem.line == 2
    assert problem.column == (1 if not value else 10 if value == "[1.5]" else 9)


@pytest.mark.parametrize(
    "value",
    [
        "word",
        "3f0f5a1e-7c3b",
        "sha256:00",
        "1.2.3",
        "10.0.0.1",
        "a b c",
        "yesterday",
        "left.email",
        "12:3a",
        "v1",
        "e5",
    ],
)
def test_plain_text_that_nobody_mistakes_is_text(value):
    assert read_document(f"key: {value}\n", name="x").plain == {"key": value}


@pytest.mark.parametrize(
    ("value", "meaning"),
    [
        ("null", None),
        ("true", True),
        ("false", False),
        ("0", 0),
        ("-7", -7),
        ("9007199254740992", 2**53),
        ('"010"', "010"),
        ("'no'", "no"),
    ],
)
def test_the_only_words_and_numbers(value, meaning):
    (found,) = read_document(f"key: {value}\n", name="x").plain.values()
    assert found == meaning
    assert type(found) is type(meaning)


def test_equal_keys_are_refused_where_the_second_stands():
    refused = _refused("a: 1\nb:\n  c: 1\n  d: 2\n  c: 3\n")
    (problem,) = refused.problems
    assert (problem.message, problem.line, problem.column) == ("key 'c' is given twice", 5, 3)


def test_equal_keys_in_different_quotes_are_equal():
    assert "given twice" in _refused("a: 1\n'a': 2\n").message


def test_merge_key_is_refused():
    assert "`<<` has a meaning of its own" in _refused("a:\n  <<: {b: 1}\n").message


def test_alias_is_refused():
    messages = [problem.message for problem in _refused("a: &x word\nb: *x\n").problems]
    assert messages == ["`&x` is an anchor, expected none", "`*x` is an alias, expected the value"]


def test_anchored_map_is_refused():
    assert "`&x` is an anchor" in _refused("a: &x {b: 1}\n").message


@pytest.mark.parametrize("key", ["1", "no", "1.5", "null", "[a]", "{a: b}", "? [a]\n"])
def test_key_that_is_not_text_is_refused(key):
    refused = _refused(f"? {key}\n: value\n")
    assert refused.problems[0].line == 1


def test_our_own_field_on_needs_no_quotes_as_a_key():
    assert read_document("on: [email]\n", name="x").plain == {"on": ["email"]}


def test_second_document_is_refused():
    (problem,) = _refused("a: 1\n---\nb: 2\n").problems
    assert problem.message == "a second document begins here, expected one"


def test_directive_is_refused():
    assert "a directive is given, expected none" in _refused("%YAML 1.1\n---\na: 1\n").message


def test_tag_directive_is_refused():
    assert "a directive is given" in _refused("%TAG ! tag:example.com,2000:\n---\na: 1\n").message


@pytest.mark.parametrize("text", ["", "# only a comment\n", "\n\n"])
def test_empty_text_is_refused(text):
    assert "the text is empty" in _refused(text).message


@pytest.mark.parametrize(
    ("text", "place"), [("a:\tb\n", (1, 3)), ("a: b\n\tc: d\n", (2, 1)), ('a: "b\tc"\n', (1, 6))]
)
def test_tab_is_refused_anywhere(text, place):
    problem = _refused(text).problems[0]
    assert (problem.message, problem.line, problem.column) == ("a tab", *place)


@pytest.mark.parametrize("char", ["\ufeff", "\u202e", "\u200b", "\u2028", "\x85", "\x07", "\r"])
def test_character_that_readers_cannot_see_is_refused(char):
    problem = _refused(f"a: b\nc: d{char}e\n").problems[0]
    assert problem.message == f"an invisible character (U+{ord(char):04X})"
    assert (problem.line, problem.column) == (2, 5)


def test_byte_order_mark_is_refused():
    assert "U+FEFF" in _refused(b"\xef\xbb\xbfa: b\n").message


def test_text_that_is_not_utf8_is_refused_at_its_place():
    problem = _refused(b"a: b\nc: \xff\n").problems[0]
    assert (problem.message, problem.line, problem.column) == ("the text is not UTF-8", 2, 4)


def test_utf16_is_refused():
    assert "not UTF-8" in _refused("a: b\n".encode("utf-16")).message


def test_windows_line_ends_are_accepted():
    assert read_document("a: b\r\nc: d\r\n", name="x").plain == {"a": "b", "c": "d"}


def test_text_above_one_mebibyte_is_refused():
    assert f"expected at most {LARGEST_TEXT} bytes" in _refused("# " + "x" * LARGEST_TEXT).message


def test_text_too_deep_is_refused_without_recursion_trouble():
    refused = _refused("[" * 5000)
    assert refused.problems[0].message == f"nests deeper than {DEEPEST_TEXT} levels"


def test_text_of_the_deepest_level_is_accepted():
    assert read_document("[" * (DEEPEST_TEXT - 1) + "x" + "]" * (DEEPEST_TEXT - 1), name="x").plain


@pytest.mark.parametrize(
    "text",
    ["a: [1", 'a: "x\n', "a\n b: c", "a: @x", "a: 'x' y", "- a\nb: 1", "}", "a: %x", "a: `x`"],
)
def test_broken_yaml_is_refused_with_a_place(text):
    problem = _refused(text).problems[-1]
    assert problem.line >= 1
    assert problem.message


def test_all_faults_are_reported_at_once_in_their_order():
    refused = _refused("a: no\nb: 010\nc: 1.5\nd: &x 1\na: 2\n")
    assert [problem.line for problem in refused.problems] == [1, 2, 3, 4, 5]
    assert (
        refused.message == "cleanroom.yaml:1:4: `no` is true or false in some readers (and 4 more)"
    )


def test_reading_stops_after_enough_faults():
    assert len(_refused("a: [" + ", ".join(["no"] * 500) + "]").problems) == MOST_PROBLEMS


def test_json_is_a_manifest_text_too():
    text = json.dumps(good_plain(), indent=2, ensure_ascii=False)
    assert load(text, name="cleanroom.json") == good_manifest()


def test_authored_text_and_canonical_bytes_are_the_same_manifest():
    manifest = good_manifest()
    assert load(manifest_text(manifest), name="x").to_bytes() == manifest.to_bytes()
    assert load(manifest.to_bytes(), name="x").digest == manifest.digest


# --- fields -----------------------------------------------------------------------------------------

SHAPES = [
    ({"metadata__naem": "x"}, "metadata.naem", "unknown field 'naem'", "did you mean 'name'?"),
    (
        {"computations__overlap__limits__maxruns": 1},
        "computations.overlap.limits.maxruns",
        "unknown field 'maxruns'",
        "did you mean 'max_runs'?",
    ),
    (
        {"api_version": "cleanroom/v1"},
        "api_version",
        "unknown field 'api_version'",
        "did you mean 'apiVersion'?",
    ),
    ({"extra": 1}, "extra", "unknown field 'extra'", "fields here are apiVersion"),
    (
        {"metadata__mode": "prodution"},
        "metadata.mode",
        "'prodution' is not one of 'production' or 'development'",
        "'production'",
    ),
    (
        {"apiVersion": "cleanroom/v2"},
        "apiVersion",
        "'cleanroom/v2' is not 'cleanroom/v1'",
        "did you mean",
    ),
    (
        {"computations__overlap__op": "intersect.cout"},
        "computations.overlap.op",
        "'intersect.cout' is not one of",
        "did you mean 'intersect.count'?",
    ),
    (
        {"computations__overlap__op": ABSENT},
        "computations.overlap.op",
        "field 'op' is missing",
        "The operation",
    ),
    (
        {"datasets__customers__rows": ABSENT},
        "datasets.customers.rows",
        "field 'rows' is missing",
        "How many rows a version may have",
    ),
    (
        {"computations__overlap__limits__max_runs": "10"},
        "computations.overlap.limits.max_runs",
        "found text, expected a whole number",
        "without quotes",
    ),
    (
        {"metadata__purpose": 5},
        "metadata.purpose",
        "found a whole number, expected text",
        "put it in quotes",
    ),
    (
        {"computations__matches__outputs__for_bank__reveals_membership": "true"},
        "computations.matches.outputs.for-bank.reveals_membership",
        "found text, expected true or false",
        "without quotes",
    ),
    (
        {"computations__overlap__on": "email"},
        "computations.overlap.on",
        "found text, expected a list",
        "",
    ),
    ({"coordinator": ["x"]}, "coordinator", "found a list, expected a map", ""),
    (
        {"coordinator__policies": []},
        "coordinator.policies",
        "found 0 entries, expected at least 1",
        "",
    ),
    (
        {"computations__overlap__limits__max_runs": 0},
        "computations.overlap.limits.max_runs",
        "found 0, expected at least 1",
        "",
    ),
    (
        {"workers__cpu__policies": ["worker-snp", "worker-snp"]},
        "workers.cpu.policies",
        "['worker-snp'] is listed twice",
        "",
    ),
    (
        {"attestation__worker-snp__chip_ids": "all"},
        "attestation.worker-snp.chip_ids",
        "'all' is not one of 'any' or a list",
        "",
    ),
    (
        {"attestation__worker-snp__chip_ids": ["xx"]},
        "attestation.worker-snp.chip_ids.0",
        "'xx' does not match ^(",
        "Processors that are accepted",
    ),
    (
        {"attestation__worker-snp__products": ["Turin"]},
        "attestation.worker-snp",
        "min_tcb has no floors for Turin",
        "",
    ),
    (
        {"parties__Bad Name": good_plain()["parties"]["shop"]},
        "parties.Bad Name",
        "'Bad Name' is not a name",
        "lower-case letters",
    ),
    (
        {"metadata__lineage": "3F0F5A1E-7C3B-4C55-9F1A-0D2F6F6F1E11"},
        "metadata.lineage",
        "expected a UUID in lower case",
        "",
    ),
    (
        {"metadata__not_after": "2027-03-31"},
        "metadata.not_after",
        "expected a UTC time such as",
        "",
    ),
    (
        {"parties__bank__name": "Bank\x1b[2J"},
        "parties.bank.name",
        "expected one line of visible characters",
        "",
    ),
    (
        {"metadata__purpose": "a\u202eb"},
        "metadata.purpose",
        "expected one line of visible characters",
        "",
    ),
    (
        {"parties__bank__keys__0__public": "not base64"},
        "parties.bank.keys.0.public",
        "expected base64 text",
        "",
    ),
]


@pytest.mark.parametrize(
    ("change", "where", "words", "hint"),
    SHAPES,
    ids=[f"{where}-{number}" for number, (_, where, *_) in enumerate(SHAPES)],
)
def test_field_that_does_not_fit_is_named_with_a_way_out(change, where, words, hint):
    text = json.dumps(changed(good_plain(), **change), indent=2)
    with pytest.raises(ManifestShape) as refused:
        load(text, name="cleanroom.yaml")
    assert refused.value.code == "CR-1002"
    (problem,) = refused.value.problems
    assert problem.where == where
    assert words in problem.message
    assert hint in problem.hint


def test_unknown_field_is_shown_where_its_key_stands():
    text = manifest_text(good_manifest()).replace("mode: development", "mdoe: development")
    with pytest.raises(ManifestShape) as refused:
        load(text, name="cleanroom.yaml")
    lines = text.splitlines()
    unknown = next(problem for problem in refused.value.problems if "unknown" in problem.message)
    assert lines[unknown.line - 1][unknown.column - 1 :].startswith("mdoe: development")
    missing = next(problem for problem in refused.value.problems if "missing" in problem.message)
    assert lines[missing.line - 1].startswith("metadata:")


def test_broken_rules_are_found_in_the_text_again():
    manifest = good_manifest(
        computations__overlap__workers__count=9,
        datasets__customers__allow__computations=["matches", "overlaps"],
    )
    text = manifest_text(manifest)
    with pytest.raises(ManifestRule) as refused:
        check(manifest)
    lines = text.splitlines()
    shown = {
        lines[found.line - 1][found.column - 1 :]
        for found in locate(refused.value.problems, text, name="x")
    }
    assert "9" in shown
    assert any(line.startswith("overlaps]") for line in shown)


def test_positions_point_at_values_and_at_the_keys_of_maps():
    places = positions("a:\n  b: word\n  c: [x, z]\n", name="x")
    assert places["a"] == (1, 1)
    assert places["a.b"] == (2, 6)
    assert places["a.c"] == (3, 3)
    assert places["a.c.1"] == places["a.c.z"] == (3, 10)


def test_what_runs_in_the_enclave_loads_no_yaml_reader():
    program = (
        "import sys, cleanroom.manifest.approval, cleanroom.manifest.genesis, cleanroom.manifest.plan,"
        " cleanroom.manifest.explain; sys.exit(any(name.startswith('ruamel') for name in sys.modules))"
    )
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0
