"""The manifest's schema as JSON Schema, with every field's words; and the way from a path to it.

Editors check and complete manifests with it (`# yaml-language-server: $schema=…`). It is generated
from the models; the checked-in file is compared in a test. The rules between fields are not in it.
"""

import ast
import inspect
import json
import textwrap
from collections.abc import Iterator
from functools import cache
from itertools import pairwise
from typing import get_args

from pydantic import BaseModel

from cleanroom.manifest.model import API_VERSION, Manifest

Node = dict[str, object]
"""A part of a JSON Schema."""
IDENTIFIER = "urn:cleanroom:manifest:v1"
DIALECT = "https://json-schema.org/draft/2020-12/schema"


@cache
def _schema() -> Node:
    schema: Node = Manifest.model_json_schema(by_alias=True)
    definitions = _node(schema.get("$defs"))
    for model in _models(Manifest, set()):
        _describe(model, schema if model is Manifest else _node(definitions[model.__name__]))
    _close_maps(schema)
    title = f"Manifest of a clean room, {API_VERSION}"
    return {"$schema": DIALECT, "$id": IDENTIFIER, **schema, "title": title}


def schema_text() -> str:
    """The JSON Schema as the text of `manifests/schema/manifest-v1.schema.json`."""
    return json.dumps(_schema(), indent=2, ensure_ascii=False) + "\n"


def nodes_at(*path: str) -> list[Node]:
    """The parts of the schema that describe what stands at `path`; several where kinds differ.

    Args:
        path: names of fields; keys of maps and indices of lists may be any text (`*`), or be
            left out where a field's name follows.
    """
    found = [_resolve(_schema())]
    for step in path:
        found = [deeper for node in found for deeper in _step(node, step)]
    return found


def fields_of(node: Node) -> dict[str, Node]:
    """The fields that a map with fixed keys may have; empty for anything else."""
    return {name: _node(field) for name, field in _node(node.get("properties")).items()}


def leaves() -> list[str]:
    """Every field that has a value of its own, as `datasets.*.columns.*.name`, sorted."""
    return sorted(set(_leaves(_resolve(_schema()), "")))


def _leaves(node: Node, path: str) -> Iterator[str]:
    for member in _alternatives(node):
        below = [*fields_of(member).items(), *(("*", child) for child in _children(member))]
        deeper = [
            leaf
            for name, child in below
            for leaf in _leaves(_resolve(child), f"{path}.{name}".lstrip("."))
        ]
        # A list of plain values is one field, and so is what may be null.
        if deeper != [f"{path}.*"] * len(deeper):
            yield from deeper
        elif member.get("type") != "null":
            yield path


def _step(node: Node, step: str) -> list[Node]:
    found: list[Node] = []
    for member in _alternatives(node):
        fields = fields_of(member)
        if step in fields:
            found += _alternatives(_described(fields[step]))
        elif fields:
            continue
        elif below := [_resolve(child) for child in _children(member)]:
            named = [deeper for child in below for deeper in _step(child, step) if step != "*"]
            found += named or [part for child in below for part in _alternatives(child)]
    return found


def _alternatives(node: Node) -> list[Node]:
    several = node.get("oneOf") or node.get("anyOf")
    if not isinstance(several, list):
        return [_resolve(node)]
    words: Node = {key: node[key] for key in ("description", "default") if key in node}
    return [{**_resolve(member), **words} for member in several]


def _children(node: Node) -> list[Node]:
    children = [_node(child) for child in _node(node.get("patternProperties")).values()]
    items = node.get("items")
    return [*children, _node(items)] if isinstance(items, dict) else children


def _described(field: Node) -> Node:
    """A field's own words win over those of what it refers to."""
    return {**_resolve(field), **{key: value for key, value in field.items() if key != "$ref"}}


def _resolve(node: Node) -> Node:
    reference = node.get("$ref")
    if not isinstance(reference, str):
        return node
    return _node(_node(_schema()["$defs"])[reference.rpartition("/")[2]])


def _node(value: object) -> Node:
    return value if isinstance(value, dict) else {}


def _models(model: type[BaseModel], seen: set[type[BaseModel]]) -> Iterator[type[BaseModel]]:
    if model not in seen:
        seen.add(model)
        yield model
        for field in model.model_fields.values():
            for inner in _models_in(field.annotation):
                yield from _models(inner, seen)


def _models_in(annotation: object) -> Iterator[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for inner in get_args(annotation):
        yield from _models_in(inner)


def _describe(model: type[BaseModel], schema: Node) -> None:
    # NOTE: pydantic could read these texts itself (`use_attribute_docstrings`), but would parse
    # the source at every import: 25 ms that only whoever asks for the schema should pay.
    words: dict[str, str] = {}
    for base in reversed(model.__mro__):
        if issubclass(base, BaseModel) and base.__module__.startswith("cleanroom."):
            words |= _attribute_texts(base)
    for name, field in model.model_fields.items():
        _node(_node(schema["properties"])[field.alias or name])["description"] = words[name]


def _attribute_texts(model: type[BaseModel]) -> dict[str, str]:
    (body,) = ast.parse(textwrap.dedent(inspect.getsource(model))).body
    texts: dict[str, str] = {}
    statements = body.body if isinstance(body, ast.ClassDef) else []
    for field, text in pairwise(statements):
        match field, text:
            case ast.AnnAssign(ast.Name(name)), ast.Expr(ast.Constant(str(words))):
                texts[name] = inspect.cleandoc(words)
            case _:
                continue
    return texts


def _close_maps(node: object) -> None:
    """A map whose keys follow a pattern has no other keys."""
    if isinstance(node, list):
        for member in node:
            _close_maps(member)
    if isinstance(node, dict):
        if "patternProperties" in node:
            node["additionalProperties"] = False
        for member in node.values():
            _close_maps(member)
