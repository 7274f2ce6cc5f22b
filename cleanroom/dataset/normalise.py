"""One spelling for identities, so that equal people have equal keys.

`email`
    1. Remove white space (Unicode) at both ends.
    2. Lower case: ASCII letters, and other letters by Unicode's mapping after composition (NFC).
    3. It must then be `local@label.label…`: one `@`; a local part; at least two labels between
       single dots, the last one of at least two characters; no white space, control or invisible
       format character; at most 254 bytes in UTF-8.
    Dots and `+tags` of the local part are kept: they are part of the address at most providers,
    and removing them would merge different people. (UID2 removes them for gmail.com; parties that
    want its rule bring hashes made by its rule, as `sha256-hex`.)
`sha256-hex`
    Remove white space at both ends, lower case, must be 64 hexadecimal digits. It hashes
    nothing: both parties bring hashes.
`exact`
    Texts, whole numbers and dates as they are: equal bytes are equal.

A value that breaks its rule becomes null, which never matches, and is counted. Everything is
vectorised; this module never sees one row at a time and never says what a value was.
"""

from collections.abc import Callable

import pyarrow as pa
import pyarrow.compute as pc
from pyarrow import types

from cleanroom.errors import DataMismatch

LONGEST_EMAIL = 254
"""Bytes of an address, from RFC 5321 section 4.5.3.1.3 (256 with its angle brackets)."""
_LABEL = r"[^@.\s\p{Z}\p{C}]"
_EMAIL = rf"^[^@\s\p{{Z}}\p{{C}}]+@{_LABEL}+(?:\.{_LABEL}+)*\.{_LABEL}{{2,}}$"
# NOTE: counted repetition such as {1,64} makes this pattern 15 times slower.
_SHA256_HEX = r"^[0-9a-f]{64}$"


def normalise(array: pa.Array, rule: str) -> tuple[pa.Array, int]:
    """Bring an identity column to one spelling.

    Args:
        array: one of the manifest's plain types; `email` and `sha256-hex` need strings.
        rule: `exact`, `email` or `sha256-hex`.

    Returns:
        The normalised array, of the same type and length, and how many values were invalid.

    Raises:
        DataMismatch: the rule is unknown, or does not fit the column's type.
    """
    if rule not in _RULES:
        raise DataMismatch(f"normaliser is {rule!r}, expected one of {sorted(_RULES)}")
    if rule != "exact" and not types.is_string(array.type):
        raise DataMismatch(f"normaliser {rule!r} reads {array.type}, expected string")
    return _RULES[rule](array)


def _exact(array: pa.Array) -> tuple[pa.Array, int]:
    return array, 0


def _email(array: pa.Array) -> tuple[pa.Array, int]:
    trimmed = pc.utf8_trim_whitespace(array)
    ascii_only = pc.all(pc.string_is_ascii(trimmed)).as_py() in {True, None}
    spelled = pc.ascii_lower(trimmed) if ascii_only else _unicode_lower(trimmed)
    short = pc.less_equal(pc.binary_length(spelled), LONGEST_EMAIL)
    return _only(spelled, pc.and_(short, pc.match_substring_regex(spelled, _EMAIL)))


def _sha256_hex(array: pa.Array) -> tuple[pa.Array, int]:
    spelled = pc.ascii_lower(pc.utf8_trim_whitespace(array))
    return _only(spelled, pc.match_substring_regex(spelled, _SHA256_HEX))


def _unicode_lower(array: pa.Array) -> pa.Array:
    composed = pc.utf8_normalize(array, form="NFC")
    return pc.utf8_normalize(pc.utf8_lower(composed), form="NFC")


def _only(array: pa.Array, valid: pa.Array) -> tuple[pa.Array, int]:
    kept = pc.if_else(valid, array, pa.scalar(None, array.type))
    return kept, kept.null_count - array.null_count


_RULES: dict[str, Callable[[pa.Array], tuple[pa.Array, int]]] = {
    "exact": _exact,
    "email": _email,
    "sha256-hex": _sha256_hex,
}
