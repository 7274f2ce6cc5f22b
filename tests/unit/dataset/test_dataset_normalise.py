"""One spelling for identities."""

import pyarrow as pa
import pytest

from cleanroom.dataset.normalise import normalise
from cleanroom.errors import DataMismatch

HEX = "0123456789abcdef" * 4


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        (" A.B+tag@Example.COM\n", "a.b+tag@example.com"),
        ("\u00a0q@w.ee\u2003", "q@w.ee"),
        ("M\u0308ü@\u00dc.de", "m̈ü@ü.de"),
        ("u\u0308@x.de", "ü@x.de"),
        ("a@b.co", "a@b.co"),
        ("a@b.c.d.ee", "a@b.c.d.ee"),
        ("x" * 247 + "@abc.de", "x" * 247 + "@abc.de"),
    ],
)
def test_emails_are_spelled_alike(given, expected):
    values, invalid = normalise(pa.array([given]), "email")
    assert (values.to_pylist(), invalid) == ([expected], 0)


@pytest.mark.parametrize(
    "given",
    [
        "", "nobody", "@b.co", "a@", "a@b", "a@@b.co", "a@b@c.de", "a b@c.de", "a@b..co", "a@.b.co",
        "a@b.co.", "a@b.c", "a\u200b@b.co", "a\x00@b.co", "a\u00a0b@c.de", "x" * 248 + "@abc.de",
    ],
)  # fmt: skip
def test_what_is_no_email_becomes_null_and_counts(given):
    values, invalid = normalise(pa.array([given, None, "a@b.co"]), "email")
    assert (values.to_pylist(), invalid) == ([None, None, "a@b.co"], 1)


def test_an_ascii_address_is_spelled_the_same_beside_others():
    ascii_only = ["\x1fA@B.co\x1f", " K@B.co", "\x0bI@B.co"]
    alone, _ = normalise(pa.array(ascii_only), "email")
    beside, _ = normalise(pa.array([*ascii_only, "ü@b.co"]), "email")
    assert alone.to_pylist() == beside.to_pylist()[:3] == ["a@b.co", "k@b.co", "i@b.co"]


def test_hashes_are_lower_case_hexadecimal():
    given = pa.array([f" {HEX.upper()} ", HEX[1:], HEX + "0", "g" + HEX[1:], None])
    values, invalid = normalise(given, "sha256-hex")
    assert (values.to_pylist(), invalid) == ([HEX, None, None, None, None], 3)


def test_exact_changes_nothing():
    given = pa.array([" A ", "a", None, ""])
    assert normalise(given, "exact") == (given, 0)


def test_an_empty_or_missing_column_is_fine():
    assert normalise(pa.array([], pa.string()), "email") == (pa.array([], pa.string()), 0)
    assert normalise(pa.nulls(2, pa.string()), "email") == (pa.nulls(2, pa.string()), 0)


def test_rules_that_do_not_fit_are_refused():
    with pytest.raises(DataMismatch, match="normaliser 'email' reads int64, expected string"):
        normalise(pa.array([1]), "email")
    with pytest.raises(DataMismatch, match="normaliser is 'soundex'"):
        normalise(pa.array(["a"]), "soundex")
