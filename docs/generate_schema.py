"""Write the manifest's JSON Schema for editors: `python -m docs.generate_schema`.

The models in `cleanroom/manifest/` are the source; the core itself writes no files.
"""

from pathlib import Path

from cleanroom.manifest.schema import schema_text

SCHEMA = Path(__file__).parents[1] / "manifests/schema/manifest-v1.schema.json"


if __name__ == "__main__":
    SCHEMA.parent.mkdir(parents=True, exist_ok=True)
    SCHEMA.write_text(schema_text(), encoding="utf-8")
