"""More words about an error code or a field: what `cleanroom manifest explain` prints.

Everything here comes from the error classes and the schema; nothing is written twice.
"""

import inspect
from collections.abc import Iterator
from difflib import get_close_matches

from cleanroom.encoding import Record
from cleanroom.errors import CATALOGUE, Usage
from cleanroom.manifest.schema import Node, fields_of, leaves, nodes_at


class Explanation(Record):
    """What a code or a field means."""

    subject: str
    """The code or the field's path."""
    words: str
    """What it means."""
    facts: dict[str, str]
    """Further facts by their name, such as `fix`, `type` or `default`."""

    def to_text(self) -> str:
        """For a terminal without colour."""
        facts = [f"  {name}: {fact}" for name, fact in self.facts.items()]
        return "\n".join([f"{self.subject}: {self.words}", *facts]) + "\n"


def explain(subject: str) -> Explanation:
    """Explain an error code (`CR-1003`), its slug, or a field (`datasets.columns.bounds`).

    Args:
        subject: keys of maps and indices of lists in a path may be left out, be `*`, or be real.

    Raises:
        Usage: there is no such code or field.
    """
    for code, error in CATALOGUE.items():
        if subject.upper() == code or subject == error.slug:
            facts = {"name": error.slug, "fix": error.fix, "exit": str(error.exit_status)}
            return Explanation(subject=code, words=inspect.getdoc(error) or "", facts=facts)
    nodes = nodes_at(*subject.split(".")) if subject else []
    if nodes:
        return _field(subject, nodes)
    raise _unknown(subject)


def _field(path: str, nodes: list[Node]) -> Explanation:
    words = next((str(node["description"]) for node in nodes if "description" in node), "")
    facts: dict[str, dict[str, None]] = {}
    for name, fact in (fact for node in nodes for fact in _facts(node)):
        facts.setdefault(name, {})[fact] = None
    told = {name: ", or ".join(different) for name, different in facts.items()}
    return Explanation(subject=path, words=words, facts=told)


def _facts(node: Node) -> Iterator[tuple[str, str]]:
    fields = fields_of(node)
    if fields:
        yield "fields", ", ".join(fields)
    for name, key in (
        ("type", "type"),
        ("only", "const"),
        ("default", "default"),
        ("at least", "minimum"),
        ("at most", "maximum"),
        ("pattern", "pattern"),
    ):
        if key in node and not (fields and key == "default"):
            yield name, str(node[key])
    choices = node.get("enum")
    if isinstance(choices, list):
        yield "one of", ", ".join(map(str, choices))


def _unknown(subject: str) -> Usage:
    known = [*CATALOGUE, *(error.slug for error in CATALOGUE.values()), *leaves()]
    near = get_close_matches(subject, known, n=1)
    hint = f"did you mean {near[0]!r}?" if near else "name an error code or a field of the manifest"
    return Usage(f"{subject!r} is neither an error code nor a field", hint=hint)
