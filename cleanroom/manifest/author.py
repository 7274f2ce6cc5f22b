"""Writing manifests: one layout for all, and filling a template with what the parties gave.

Edits the author's own tree, so comments stay; there is no template language. What is composed is
not necessarily a complete manifest: `text.load` and `checks.check` say what is still missing.
"""

import io
from collections.abc import Iterator, Mapping
from datetime import datetime
from uuid import UUID

from ruamel.yaml import YAML
from ruamel.yaml.comments import CommentedMap, CommentedSeq
from ruamel.yaml.representer import RoundTripRepresenter
from ruamel.yaml.scalarstring import DoubleQuotedScalarString

from cleanroom.attestation.policy import AppraisalPolicy
from cleanroom.encoding import Record, instant_text
from cleanroom.errors import InternalError, ManifestShape
from cleanroom.manifest.document import read_document
from cleanroom.manifest.model import Manifest, Party
from cleanroom.manifest.scalars import meaning

WIDEST_TEXT = 1 << 20
"""Lines are never folded: a fold would change nothing but what a reader sees; in characters."""
_NULL = "tag:yaml.org,2002:null"
MOST_FLAT = 88
"""A list that fits on a line of this length is written on one; in characters."""


def format_text(text: str, *, name: str) -> str:
    """The same manifest in the one layout: two spaces, no line folded, comments kept.

    Raises:
        ManifestSyntax: the text is not in the subset.
    """
    before = read_document(text, name=name)
    written = _dumped(_tree(text))
    if read_document(written, name=name).plain != before.plain:
        raise InternalError("the formatted manifest would not say the same")
    return written


def manifest_text(manifest: Manifest) -> str:
    """A manifest as authored YAML, without comments."""
    return _dumped(_plain_tree(manifest))


def block_text(entries: Mapping[str, object]) -> str:
    """Part of a manifest as authored YAML: what people paste or pass on as a small file.

    Args:
        entries: records or plain values by name, such as one party's block by its id.
    """
    return _dumped(_plain_tree(entries))


def compose(
    template: str,
    *,
    parties: Mapping[str, Party],
    attestation: Mapping[str, AppraisalPolicy] | None = None,
    lineage: UUID | None = None,
    not_before: datetime | None = None,
    not_after: datetime | None = None,
    name: str | None = None,
) -> str:
    """Fill a template.

    Args:
        template: a manifest text whose first parties stand for the given ones, in their order.
        parties: who takes part, by id; the first replaces the template's first party wherever
            it is named, and so on. Parties of the template beyond these stay as they are.
        attestation: replaces the template's entries; it has the names that the template's
            coordinator and worker roles use.
        lineage: made by `coordinator init`.
        not_before: start, aware, in whole seconds.
        not_after: end, aware, in whole seconds.
        name: the room's name.

    Raises:
        ManifestSyntax: the template is not in the subset.
        ManifestShape: the template lacks a section.
    """
    read_document(template, name="the template")
    tree = _tree(template)
    blocks = {party: _plain_tree(block) for party, block in parties.items()}
    _seat(tree, dict(zip(_map(tree, "parties"), blocks, strict=False)), blocks)
    if attestation is not None:
        entries = {entry: _plain_tree(policy) for entry, policy in attestation.items()}
        _replace(tree, "attestation", entries)
    moments = {"not_before": not_before, "not_after": not_after}
    texts = {key: instant_text(moment) for key, moment in moments.items() if moment is not None}
    given = {"name": name, "lineage": str(lineage) if lineage else None, **texts}
    for key, text in given.items():
        if text is not None:
            _map(tree, "metadata")[key] = _text(text)
            _map(tree, "metadata").ca.items.pop(key, None)
    return _dumped(tree)


def _seat(tree: CommentedMap, seats: Mapping[str, str], blocks: Mapping[str, object]) -> None:
    """Put the given parties where those of the template stand, all at once."""
    # NOTE: a comment that asks for something is removed with the gap that it stands at.
    entries = _map(tree, "parties").items()
    seated = [(seats.get(party, party), entry) for party, entry in entries]
    _replace(tree, "parties", {party: blocks.get(party, entry) for party, entry in seated})
    for dataset in _map(tree, "datasets").values():
        dataset["owner"] = seats.get(dataset["owner"], dataset["owner"])
    for names in _lists_of_parties(tree):
        names[:] = [seats.get(party, party) for party in names]


def _lists_of_parties(tree: CommentedMap) -> Iterator[CommentedSeq]:
    for computation in _map(tree, "computations").values():
        yield computation["submitters"]
        for output in computation["outputs"].values():
            yield output.get("recipients", [])


def _replace(tree: CommentedMap, key: str, entries: Mapping[str, object]) -> None:
    section = _map(tree, key)
    section.clear()
    section.update(entries)
    section.fa.set_block_style()
    tree.ca.items.pop(key, None)
    section.ca.comment = None


def _map(tree: CommentedMap, key: str) -> CommentedMap:
    section = tree[key]
    if not isinstance(section, CommentedMap):
        raise ManifestShape(f"the template has no section {key!r}")
    return section


def _plain_tree(plain: object) -> object:
    if isinstance(plain, Record):
        plain = plain.model_dump(mode="json", by_alias=True, exclude_unset=True)
    if isinstance(plain, Mapping):
        tree = CommentedMap()
        for key, value in plain.items():
            tree[_text(str(key))] = _plain_tree(value)
        return tree
    if isinstance(plain, list):
        members = CommentedSeq(_plain_tree(member) for member in plain)
        flat = all(not isinstance(member, (CommentedMap, CommentedSeq)) for member in members)
        if flat and sum(len(str(member)) + 2 for member in members) < MOST_FLAT:
            members.fa.set_flow_style()
        return members
    return _text(plain) if isinstance(plain, str) else plain


def _text(text: str) -> str:
    """A text, in quotes wherever some reader would take the plain form as something else."""
    # a question mark begins a key in a list in brackets, and the writer leaves it bare
    plain = text == "on" or (meaning(text) == text and not text.startswith("?"))
    return text if plain else DoubleQuotedScalarString(text)


def _tree(text: str) -> CommentedMap:
    tree = _yaml().load(text)
    if isinstance(tree, CommentedMap):
        return tree
    raise ManifestShape("the text is not a map")


def _dumped(tree: object) -> str:
    written = io.StringIO()
    _yaml().dump(tree, written)
    return written.getvalue()


class _Representer(RoundTripRepresenter):
    """Writes null as `null`, where ruamel writes nothing."""


_Representer.add_representer(
    type(None), lambda representer, _: representer.represent_scalar(_NULL, "null")
)


def _yaml() -> YAML:
    yaml = YAML(typ="rt", pure=True)
    yaml.Representer = _Representer
    yaml.preserve_quotes = True
    yaml.width = WIDEST_TEXT
    yaml.indent(mapping=2, sequence=4, offset=2)
    return yaml
