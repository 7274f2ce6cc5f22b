"""The schema has words for every field, the checked-in file is fresh, and codes are explained."""

import json
from pathlib import Path

import pytest

from cleanroom.errors import CATALOGUE, Usage
from cleanroom.manifest.explain import explain
from cleanroom.manifest.schema import fields_of, leaves, nodes_at, schema_text

ROOT = Path(__file__).resolve().parents[3]
SCHEMA = ROOT / "manifests/schema/manifest-v1.schema.json"


def test_checked_in_schema_is_fresh():
    assert SCHEMA.read_text() == schema_text(), "run `make generate`"


def test_every_field_has_words():
    schema = json.loads(schema_text())
    for name, definition in schema["$defs"].items():
        for field, node in definition.get("properties", {}).items():
            assert node["description"].rstrip().endswith("."), f"{name}.{field}"


def test_maps_with_names_accept_no_other_keys():
    schema = json.loads(schema_text())
    assert schema["properties"]["parties"]["additionalProperties"] is False
    assert schema["additionalProperties"] is False


def test_leaves_are_paths_of_fields_with_a_value():
    found = leaves()
    assert "metadata.mode" in found
    assert "datasets.*.columns.*.bounds" in found
    assert "attestation.*.min_tcb.Turin.fmc" in found
    assert "parties" not in found
    assert found == sorted(set(found))


@pytest.mark.parametrize(
    "path",
    [
        "datasets.columns.bounds",
        "datasets.*.columns.*.bounds",
        "datasets.customers.columns.0.bounds",
    ],
)
def test_field_is_explained_however_its_path_is_written(path):
    explanation = explain(path)
    assert explanation.words == "Lowest and highest allowed number, inclusive."
    assert explanation.facts["type"] == "array, or null"


def test_field_that_differs_between_operations_tells_both():
    told = explain("computations.op").facts["only"]
    assert told.startswith("intersect.count, or intersect.rows, or train.")


def test_section_is_explained_with_its_fields():
    assert explain("computations.limits").facts["fields"].startswith("max_runs, timeout_s")


def test_choices_and_default_are_told():
    facts = explain("datasets.columns.normalise").facts
    assert facts["one of"] == "exact, email, sha256-hex"
    assert facts["default"] == "exact"


@pytest.mark.parametrize("code", sorted(CATALOGUE))
def test_every_error_code_is_explained_with_a_fix(code):
    explanation = explain(code)
    assert explanation.facts["name"] == CATALOGUE[code].slug
    assert explanation.facts["fix"]
    assert explanation.to_text().startswith(f"{code}: ")
    assert explain(code.lower()) == explanation == explain(CATALOGUE[code].slug)


@pytest.mark.parametrize(
    ("subject", "hint"),
    [
        ("CR-1033", "did you mean 'CR-"),
        ("metadata.mod", "did you mean 'metadata.mode'?"),
        ("", "name an error code or a field"),
        ("metadata.mode.x", "metadata.mode"),
    ],
)
def test_unknown_subject_is_refused_with_the_nearest(subject, hint):
    with pytest.raises(Usage, match="neither an error code nor a field") as refused:
        explain(subject)
    assert hint in refused.value.hint


def test_schema_walk_finds_nothing_below_a_plain_value():
    assert nodes_at("metadata", "mode", "x") == []
    assert fields_of({}) == {}
