"""From an author's file to a `Manifest`, and from a path back to the author's line.

Only authoring tools import this module (it brings a YAML reader with it); a coordinator or worker
takes canonical JSON through `Manifest.from_bytes`.
"""

from collections.abc import Iterable, Mapping
from dataclasses import replace

import rfc8785
from pydantic import ValidationError

from cleanroom.errors import ManifestShape, Problem
from cleanroom.manifest.document import Document, Place, read_document
from cleanroom.manifest.model import Manifest
from cleanroom.manifest.shape import shape_problems


def load(text: str | bytes, *, name: str) -> Manifest:
    """Read a manifest that people wrote: strict YAML or JSON.

    The rules between its fields are not checked here; `checks.check` does.

    Args:
        text: the file's content; UTF-8 if bytes.
        name: what to call it in messages, such as `cleanroom.yaml`; no path of the host.

    Raises:
        ManifestSyntax: the text is not in the subset.
        ManifestShape: a field is unknown, missing or of the wrong type; `problems` has them all.
    """
    return _manifest(read_document(text, name=name))


def positions(text: str | bytes, *, name: str) -> Mapping[str, Place]:
    """Where the value at each dotted path stands; for maps and lists, where their key stands.

    Raises:
        ManifestSyntax: the text is not in the subset.
    """
    return read_document(text, name=name).places


def locate(problems: Iterable[Problem], text: str | bytes, *, name: str) -> list[Problem]:
    """Give each problem that has only a path its line and column in `text`, in their order.

    Raises:
        ManifestSyntax: the text is not in the subset.
    """
    document = read_document(text, name=name)
    located = [_located(problem, document) for problem in problems]
    return sorted(located, key=lambda problem: (problem.line, problem.column))


def _manifest(document: Document) -> Manifest:
    try:
        return Manifest.model_validate_json(rfc8785.dumps(document.plain))  # type: ignore[arg-type]
    except ValidationError as invalid:
        problems = shape_problems(invalid, document)
    first, more = problems[0], len(problems) - 1
    others = f" (and {more} more)" if more else ""
    place = f"{document.name}:{first.line}:{first.column}"
    subject = f"{first.where}: " if first.where else ""
    raise ManifestShape(
        f"{place}: {subject}{first.message}{others}", hint=first.hint, problems=problems
    )


def _located(problem: Problem, document: Document) -> Problem:
    if problem.line:
        return problem
    place = document.place_of(problem.where)
    return replace(problem, line=place.line, column=place.column)
