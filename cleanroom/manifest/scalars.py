"""What a plain (unquoted) YAML scalar means, or why it is refused.

YAML 1.1 and 1.2 readers disagree about words such as `no`, `010` or `12:30:45`. A contract must
not mean two things: whatever any of them would turn into something else than text is refused
unless it is `null`, `true`, `false` or a decimal integer; the author quotes it.
"""

import re

from cleanroom.errors import Problem

Scalar = str | int | bool | None
LARGEST_INTEGER = 2**53
"""The largest magnitude that every JSON reader carries exactly (RFC 8785, section 3.2.2.3)."""
WORDS: dict[str, Scalar] = {"null": None, "true": True, "false": False}
"""The only words that are not text."""

_INTEGER = re.compile(r"0|-?[1-9][0-9]*")
_QUOTE = "put it in quotes if it is text"
_TRAPS: tuple[tuple[re.Pattern[str], str, str], ...] = (
    (re.compile(""), "there is no value", "write null, or a value"),
    (
        re.compile(r"~|null", re.IGNORECASE),
        "is null in some readers",
        "write null, or quote the text",
    ),
    (
        re.compile(r"y|n|yes|no|on|off|true|false", re.IGNORECASE),
        "is true or false in some readers",
        "write true or false, or quote it",
    ),
    (re.compile(r"=|<<"), "has a meaning of its own in some readers", _QUOTE),
    (
        re.compile(r"[-+]?(0[bB][01_]*|0[oO]?[0-7_]*|0[xX][0-9a-fA-F_]*|[0-9_]+)"),
        "is a different number in different readers",
        f"write a decimal integer without leading zeros, + or _; {_QUOTE}",
    ),
    (
        re.compile(
            r"[-+]?[0-9_]*\.[0-9_]*([eE][-+]?[0-9]*)?"
            r"|[-+]?[0-9][0-9_]*[eE][-+]?[0-9]+"
            r"|[-+]?\.(inf|nan)",
            re.IGNORECASE,
        ),
        "is a floating-point number",
        'write decimals as text, such as "0.5"',
    ),
    (
        re.compile(r"[-+]?[0-9][0-9_]*(:[0-9]{1,2})+(\.[0-9_]*)?"),
        "is a number to the base of 60 in some readers",
        _QUOTE,
    ),
    (
        re.compile(r"[0-9]{4}-[0-9]{1,2}-[0-9]{1,2}([Tt \t].*)?"),
        "is a date in some readers",
        "put times in quotes",
    ),
)
"""What some reader would not take as text: the pattern, why, and how to write it instead."""


def meaning(text: str) -> Scalar | Problem:
    """The value of a plain scalar, or what is wrong with it."""
    if text in WORDS:
        return WORDS[text]
    if _INTEGER.fullmatch(text):
        return _integer(text)
    for pattern, reason, hint in _TRAPS:
        if pattern.fullmatch(text):
            return Problem(f"{_shown(text)} {reason}" if text else reason, hint=hint)
    return text


def _integer(text: str) -> int | Problem:
    # NOTE: int() itself refuses very long texts with a ValueError; 20 digits are too many anyway.
    if len(text) > 20 or abs(int(text)) > LARGEST_INTEGER:
        return Problem(f"{_shown(text)} is beyond 2^53 and loses digits in JSON", hint=_QUOTE)
    return int(text)


def _shown(text: str) -> str:
    return f"`{text}`" if len(text) <= 40 else f"`{text[:40]}…`"
