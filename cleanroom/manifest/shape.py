"""What pydantic found, said in the author's words and at the author's place.

Each fault gets its path, its place in the text, and a hint: the field that was probably meant, or
the values that are accepted. Values of the manifest may be shown: it is no secret.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from difflib import get_close_matches

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from cleanroom.errors import Problem
from cleanroom.manifest.document import Document
from cleanroom.manifest.schema import fields_of, nodes_at

_KINDS = {
    "int_type": "a whole number",
    "string_type": "text",
    "bool_type": "true or false",
    "list_type": "a list",
    "dict_type": "a map",
    "model_type": "a map",
    "model_attributes_type": "a map",
}
"""What is expected, by pydantic's name of the error."""
_RELATIONS = {"greater than or equal to": "at least", "less than or equal to": "at most"}
_ABSENT = object()
Steps = tuple[str | int, ...]
"""Keys of maps and indices of lists, from the root."""


@dataclass(frozen=True, slots=True)
class _Fault:
    """One error of pydantic's, and where it is in the author's text."""

    error: ErrorDetails
    steps: Steps
    """Its place, without the names that pydantic gives to the members of unions."""
    union: Steps | None
    """The place of the innermost value that may be of several kinds, if it is in one."""


def shape_problems(invalid: ValidationError, document: Document) -> list[Problem]:
    """All faults in the order of the text, one for each place."""
    errors = invalid.errors(include_url=False, include_input=False)
    faults = [_fault(error, document.plain) for error in errors]
    # Where a value may be of several kinds, what counts is the kind that it is nearest to.
    nearest: dict[Steps, int] = {}
    for fault in faults:
        if fault.union is not None:
            nearest[fault.union] = max(nearest.get(fault.union, 0), len(fault.steps))
    found: dict[str, Problem] = {}
    for fault in faults:
        if fault.union is None or len(fault.steps) == nearest[fault.union]:
            problem = _problem(fault, document)
            found.setdefault(problem.where, problem)
    return sorted(found.values(), key=lambda problem: (problem.line, problem.column))


def _fault(error: ErrorDetails, plain: object) -> _Fault:
    steps: list[str | int] = []
    union: Steps | None = None
    for step in error["loc"]:
        below = _below(plain, step)
        if below is not _ABSENT:
            plain = below
            steps.append(step)
        elif str(step).startswith(("literal[", "list[")):
            union = tuple(steps)
    if error["type"] == "missing":
        steps.append(error["loc"][-1])
    return _Fault(error, tuple(steps), union)


def _problem(fault: _Fault, document: Document) -> Problem:
    error, steps = fault.error, fault.steps
    kind, context = error["type"], _context(error)
    if kind == "extra_forbidden":
        return _unknown_field(steps, document)
    if kind == "missing":
        return _missing(steps, document)
    field = context.get("discriminator", "").strip("'()")
    if kind == "union_tag_not_found":
        return _missing((*steps, field), document)
    if kind == "union_tag_invalid":
        expected = context["expected_tags"]
        return _unknown_value(context["tag"], expected, (*steps, field), document)
    return _wrong_value(fault, context, _value_at(document.plain, steps), document)


def _wrong_value(
    fault: _Fault, context: dict[str, str], value: object, document: Document
) -> Problem:
    steps, kind = fault.steps, fault.error["type"]
    if kind == "literal_error":
        expected = context["expected"] + (" or a list" if fault.union is not None else "")
        return _unknown_value(value, expected, steps, document)
    if fault.error["loc"][-1:] == ("[key]",):
        hint = "names are lower-case letters, digits, - and _, and begin with a letter"
        return _at(document, steps, f"{steps[-1]!r} is not a name", hint)
    if kind == "string_pattern_mismatch":
        message = f"{_shown(value)} does not match {context['pattern']}"
        return _at(document, steps, message, _words_of(steps) or _words_of(steps[:-1]))
    if kind in ("too_short", "too_long"):
        return _wrong_length(kind, context, steps, document)
    if kind in _KINDS:
        return _wrong_kind(value, _KINDS[kind], steps, document)
    return _at(document, steps, _in_words(fault.error["msg"], value))


def _wrong_length(kind: str, context: dict[str, str], steps: Steps, document: Document) -> Problem:
    few, limit = ("at least", "min_length") if kind == "too_short" else ("at most", "max_length")
    found = context["actual_length"]
    return _at(document, steps, f"found {found} entries, expected {few} {context[limit]}")


def _context(error: ErrorDetails) -> dict[str, str]:
    context: dict[str, object] = error.get("ctx", {})
    return {name: str(value) for name, value in context.items()}


def _missing(steps: Steps, document: Document) -> Problem:
    return _at(document, steps, f"field {steps[-1]!r} is missing", _words_of(steps))


def _unknown_field(steps: Steps, document: Document) -> Problem:
    accepted = {name for node in nodes_at(*map(str, steps[:-1])) for name in fields_of(node)}
    hint = _nearest(str(steps[-1]), accepted) or f"fields here are {', '.join(sorted(accepted))}"
    path = _dotted(steps)
    line, column = document.keys.get(path) or document.place_of(path)
    return Problem(f"unknown field {steps[-1]!r}", path, line, column, hint)


def _unknown_value(value: object, expected: str, steps: Steps, document: Document) -> Problem:
    relation = "is not one of" if " or " in expected or "," in expected else "is not"
    accepted = [word.strip(" '") for word in expected.replace(" or ", ",").split(",")]
    message = f"{_shown(value)} {relation} {expected}"
    return _at(document, steps, message, _nearest(str(value), accepted))


def _in_words(message: str, value: object) -> str:
    """Pydantic's message in our style: subject, found, expected; lower case."""
    if message.startswith("Input should be "):
        expected = message.removeprefix("Input should be ")
        for long, short in _RELATIONS.items():
            expected = expected.replace(long, short)
        return f"found {_shown(value)}, expected {expected}"
    own = message.removeprefix("Value error, ")
    return own[:1].lower() + own[1:]


def _wrong_kind(value: object, expected: str, steps: Steps, document: Document) -> Problem:
    hint = ""
    if expected == "text" and isinstance(value, int):
        hint = "put it in quotes"
    elif isinstance(value, str) and expected in ("a whole number", "true or false"):
        hint = "write it without quotes"
    return _at(document, steps, f"found {_kind_of(value)}, expected {expected}", hint)


def _at(document: Document, steps: Steps, message: str, hint: str = "") -> Problem:
    path = _dotted(steps)
    line, column = document.place_of(path)
    return Problem(message, path, line, column, hint)


def _words_of(steps: Steps) -> str:
    """What the field is for, in the schema's words."""
    texts = [node.get("description") for node in nodes_at(*map(str, steps))]
    return next((str(text) for text in texts if text), "").rstrip(".")


def _nearest(word: str, accepted: Iterable[str]) -> str:
    near = get_close_matches(word, sorted(accepted), n=1)
    return f"did you mean {near[0]!r}?" if near else ""


def _value_at(plain: object, steps: Steps) -> object:
    for step in steps:
        plain = _below(plain, step)
    return plain


def _below(plain: object, step: str | int) -> object:
    if isinstance(plain, dict):
        return plain.get(step, _ABSENT)
    if isinstance(plain, list) and isinstance(step, int) and step < len(plain):
        return plain[step]
    return _ABSENT


def _kind_of(value: object) -> str:
    kinds = {str: "text", bool: "true or false", int: "a whole number", list: "a list"}
    return "null" if value is None else kinds.get(type(value), "a map")


def _shown(value: object) -> str:
    if isinstance(value, (str, int)):
        text = repr(value)
        return text if len(text) <= 48 else f"{text[:44]}…'"
    return _kind_of(value)


def _dotted(steps: Steps) -> str:
    return ".".join(map(str, steps))
