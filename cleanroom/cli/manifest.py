"""`cleanroom manifest`: the manifest as text, bytes, schema and words."""

from pathlib import Path

import click

from cleanroom.cli import console
from cleanroom.cli.context import find_manifest, load_manifest, manifest_option
from cleanroom.manifest.author import format_text
from cleanroom.manifest.explain import explain as explain_subject
from cleanroom.manifest.genesis import Genesis
from cleanroom.manifest.schema import schema_text


@click.group()
def manifest() -> None:
    """Format, show and explain a manifest."""


@manifest.command()
@manifest_option
@click.option("--check", "only_check", is_flag=True, help="Exit 10 when it would change.")
def fmt(manifest_path: Path | None, *, only_check: bool) -> int:
    """Write the manifest in the one layout; comments stay."""
    path = find_manifest(manifest_path)
    before = path.read_text(encoding="utf-8")
    after = format_text(before, name=path.name)
    if before == after:
        console.say(f"{path.name} is formatted")
        return 0
    if only_check:
        console.say(f"{path.name} would change")
        return 10
    path.write_text(after, encoding="utf-8")
    console.say(f"{path.name} is formatted now")
    return 0


@manifest.command()
@manifest_option
@click.option("--canonical", is_flag=True, help="The exact bytes that are signed.")
def show(manifest_path: Path | None, *, canonical: bool) -> None:
    """Print the manifest's digest, or its canonical bytes."""
    loaded = load_manifest(manifest_path)
    if canonical:
        click.echo(loaded.manifest.to_bytes(), nl=False)
    else:
        console.emit(loaded.digest)


@manifest.command()
def schema() -> None:
    """Print the JSON Schema, for editors."""
    console.emit(schema_text().rstrip())


@manifest.command()
@click.argument("subject", metavar="CODE-OR-FIELD")
def explain(subject: str) -> None:
    """Explain an error code (CR-1003) or a field (datasets.columns.bounds)."""
    console.emit(explain_subject(subject).to_text().rstrip())


@manifest.command()
@manifest_option
@click.option("--out", type=click.Path(path_type=Path), default=Path("genesis.json"))
def genesis(manifest_path: Path | None, out: Path) -> None:
    """Write what the operator launches coordinator and workers for: lineage and approve keys."""
    born = Genesis.of(load_manifest(manifest_path).manifest)
    out.write_bytes(born.to_bytes())
    console.say(f"genesis {born.digest.hex()}")
    console.emit(str(out))
    console.next_step(f"give {out.name} to the operator; every party compares the digest")
