"""The author's text as plain values, with the place of each: a strict subset of YAML.

Accepted: one document of string-keyed maps, lists, text, decimal integers, `null true false`;
JSON without floats is a part of it. Refused, all at once and each with line and column: duplicate
keys, anchors, aliases, tags, directives, further documents, floats, ambiguous plain scalars,
tabs, invisible characters, a byte-order mark, more than 1 MiB, more than 32 levels.

ruamel.yaml gives the events; its constructors and their implicit typing are never used. Only
authoring imports this module: what runs in the enclave parses canonical JSON and nothing else.
"""

import unicodedata
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import NamedTuple

from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError, YAMLError
from ruamel.yaml.events import (
    AliasEvent,
    CollectionStartEvent,
    DocumentStartEvent,
    Event,
    MappingEndEvent,
    MappingStartEvent,
    NodeEvent,
    ScalarEvent,
    SequenceEndEvent,
    SequenceStartEvent,
)

from cleanroom.errors import ManifestSyntax, Problem
from cleanroom.manifest.scalars import meaning

LARGEST_TEXT = 1024 * 1024
"""A manifest is read by people; in bytes of UTF-8."""
DEEPEST_TEXT = 32
"""Levels of lists and maps; the schema needs 9."""
KEYS = ("on",)
"""Fields of the manifest that are no text for some readers; a key of ours is never else."""
MOST_PROBLEMS = 100
"""Reading stops after so many."""
INVISIBLE = {"Cc", "Cf", "Zl", "Zp", "Cs", "Co"}
"""Unicode categories without a glyph of their own: a reader could not see what they sign."""


class Place(NamedTuple):
    """Where something stands in the text."""

    line: int
    """1-based."""
    column: int
    """1-based, in characters."""


START = Place(1, 1)


@dataclass(frozen=True, slots=True)
class Document:
    """Plain values and where they stand.

    Paths are dotted: keys of maps, indices of lists, and for texts in a list also the text.
    """

    name: str
    """What the text is called in messages; never a path of the host."""
    plain: object
    """Maps, lists, texts, integers, booleans and None."""
    places: Mapping[str, Place]
    """Where the value at a path stands; for maps and lists, where their key stands."""
    keys: Mapping[str, Place]
    """Where the last key of a path stands."""

    def place_of(self, path: str) -> Place:
        """Where `path` stands, or the nearest thing around it."""
        while path not in self.places and path:
            path = path.rpartition(".")[0]
        return self.places.get(path, START)


def read_document(text: str | bytes, *, name: str) -> Document:
    """Read the author's text.

    Args:
        text: UTF-8 if bytes.
        name: what to call it in messages, such as `cleanroom.yaml`.

    Raises:
        ManifestSyntax: it is not in the subset; `problems` has every fault with its place.
    """
    decoded = _decoded(text, name)
    unseen = list(_unseen(decoded))
    if unseen:
        raise refusal(name, unseen)
    reader = _Reader()
    try:
        plain = reader.read(decoded)
    except MarkedYAMLError as error:
        reader.problems.append(_as_problem(error))
    except (YAMLError, _TooMuch):
        pass
    else:
        if not reader.problems:
            return Document(name, plain, reader.places, reader.keys)
    raise refusal(name, reader.problems or [Problem("the text is not YAML", line=1, column=1)])


def refusal(name: str, problems: list[Problem]) -> ManifestSyntax:
    """The error for all `problems` of the text called `name`."""
    first, more = problems[0], len(problems) - 1
    others = f" (and {more} more)" if more else ""
    message = f"{name}:{first.line}:{first.column}: {first.message}{others}"
    return ManifestSyntax(message, hint=first.hint, problems=problems)


class _TooMuch(Exception):
    """Ends reading; the reason is among the problems."""


class _Reader:
    """Builds plain values from events, and goes on after a fault where it can."""

    def __init__(self) -> None:
        self.problems: list[Problem] = []
        self.places: dict[str, Place] = {"": START}
        self.keys: dict[str, Place] = {}
        self._events: Iterator[Event] = iter(())

    def read(self, text: str) -> object:
        self._events = iter(YAML(typ="safe", pure=True).parse(text))
        documents: list[object] = []
        for event in self._events:
            if isinstance(event, DocumentStartEvent):
                if event.version or event.tags:
                    self._refuse(event, "a directive is given, expected none", "remove it")
            elif isinstance(event, NodeEvent):
                if documents:
                    self._refuse(event, "a second document begins here, expected one", "remove it")
                documents.append(self._node(event, "", 1))
        if not documents:
            self.problems.append(Problem("the text is empty", line=1, column=1))
        return documents[0] if documents else None

    def _node(self, event: Event, path: str, depth: int) -> object:
        self._no_references(event)
        if depth > DEEPEST_TEXT:
            self._refuse(event, f"nests deeper than {DEEPEST_TEXT} levels", "")
            raise _TooMuch
        if isinstance(event, MappingStartEvent):
            return self._mapping(path, depth)
        if isinstance(event, SequenceStartEvent):
            return self._sequence(path, depth)
        return self._scalar(event, self.places[path] if path else _place(event))

    def _mapping(self, path: str, depth: int) -> dict[str, object]:
        collected: dict[str, object] = {}
        while not isinstance(event := next(self._events), MappingEndEvent):
            key = self._key(event, depth)
            if key in collected:
                hint = "the second of two equal keys would win silently: keep one"
                self._refuse(event, f"key {key!r} is given twice", hint)
            below = f"{path}.{key}" if path else f"{key}"
            self.keys[below] = self.places[below] = _place(event)
            value = next(self._events)
            if isinstance(value, ScalarEvent) and value.value:
                self.places[below] = _place(value)
            plain = self._node(value, below, depth + 1)
            if key is not None:
                collected[key] = plain
        return collected

    def _sequence(self, path: str, depth: int) -> list[object]:
        collected: list[object] = []
        while not isinstance(event := next(self._events), SequenceEndEvent):
            below = f"{path}.{len(collected)}"
            self.places[below] = _place(event)
            value = self._node(event, below, depth + 1)
            if isinstance(value, str):
                self.places.setdefault(f"{path}.{value}", _place(event))
            collected.append(value)
        return collected

    def _key(self, event: Event, depth: int) -> str | None:
        if isinstance(event, ScalarEvent) and event.value in KEYS:
            return str(event.value)
        before = len(self.problems)
        key = self._node(event, "", depth + 1)
        if isinstance(key, str):
            return key
        if len(self.problems) == before:
            self._refuse(event, "a key is not text", "quote it")
        return None

    def _scalar(self, event: Event, place: Place) -> object:
        if not isinstance(event, ScalarEvent):
            return None
        text = str(event.value)
        if event.style is None:
            value = meaning(text)
            if isinstance(value, Problem):
                self._refuse(place, value.message, value.hint)
                return None
            return value
        if not text.isascii() and any(unicodedata.category(char) == "Cs" for char in text):
            self._refuse(event, "half a character is escaped", "write the character itself")
        return text

    def _no_references(self, event: Event) -> None:
        if isinstance(event, AliasEvent):
            self._refuse(event, f"`*{event.anchor}` is an alias, expected the value", "repeat it")
        elif isinstance(event, NodeEvent) and event.anchor is not None:
            self._refuse(event, f"`&{event.anchor}` is an anchor, expected none", "remove it")
        if isinstance(event, (ScalarEvent, CollectionStartEvent)) and event.ctag is not None:
            self._refuse(event, f"`{event.ctag}` is a tag, expected none", "remove it")

    def _refuse(self, at: Event | Place, message: str, hint: str) -> None:
        place = at if isinstance(at, Place) else _place(at)
        self.problems.append(Problem(message, line=place.line, column=place.column, hint=hint))
        if len(self.problems) >= MOST_PROBLEMS:
            raise _TooMuch


def _place(event: Event) -> Place:
    return Place(event.start_mark.line + 1, event.start_mark.column + 1)


def _decoded(text: str | bytes, name: str) -> str:
    size = len(text if isinstance(text, bytes) else text.encode(errors="surrogatepass"))
    if size > LARGEST_TEXT:
        reason = f"the text is {size} bytes, expected at most {LARGEST_TEXT} bytes"
        raise refusal(name, [Problem(reason, line=1, column=1)])
    if isinstance(text, str):
        return text
    try:
        return text.decode("utf-8")
    except UnicodeDecodeError as error:
        line = text.count(b"\n", 0, error.start) + 1
        column = error.start - text.rfind(b"\n", 0, error.start)
        hint = "save the file as UTF-8 without a byte-order mark"
        fault = Problem("the text is not UTF-8", line=line, column=column, hint=hint)
        raise refusal(name, [fault]) from None


def _unseen(text: str) -> Iterator[Problem]:
    """Characters that a reader of the text cannot see, tabs among them."""
    for number, line in enumerate(text.replace("\r\n", "\n").split("\n"), start=1):
        for column, char in enumerate(line, start=1):
            if char == "\t":
                yield Problem("a tab", line=number, column=column, hint="indent with spaces")
            elif (not char.isprintable()) and unicodedata.category(char) in INVISIBLE:
                yield Problem(
                    f"an invisible character (U+{ord(char):04X})",
                    line=number,
                    column=column,
                    hint="remove it: readers could not see what they sign",
                )


def _as_problem(error: MarkedYAMLError) -> Problem:
    mark = error.problem_mark or error.context_mark
    message = " ".join(str(part) for part in (error.problem, error.context) if part)
    if mark is None:
        return Problem(message or "the text is not YAML", line=1, column=1)
    return Problem(message, line=mark.line + 1, column=mark.column + 1)
