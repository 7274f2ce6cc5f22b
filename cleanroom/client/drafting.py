"""A first draft of a manifest file from a template and the files that people exchange.

The drafts that parties and operators give each other are small YAML files: `PARTY.party.yaml` with
public keys, and `attestation.yaml` with a room's lineage and policies. What they say is checked
like any part of a manifest; nothing is overwritten.
"""

from collections.abc import Sequence
from datetime import datetime
from importlib.resources import files
from pathlib import Path
from uuid import UUID

from pydantic import TypeAdapter, ValidationError

from cleanroom.attestation.policy import AppraisalPolicy
from cleanroom.client.files import write_new
from cleanroom.client.signed_values import carry_values
from cleanroom.encoding import Name, Record, problems_of
from cleanroom.errors import FileMissing, ManifestShape
from cleanroom.manifest.author import compose
from cleanroom.manifest.document import read_document
from cleanroom.manifest.model import Lineage, Party

TEMPLATES = ("overlap", "partner", "ip", "private")
"""Templates that the package brings: one overlap count, the whole partner example, a protected
model that another party's rows meet, or count and model with noise that budgets pay for."""
PUBLIC_FILE = 0o644
"""Everybody may read a manifest."""
_PARTIES: TypeAdapter[dict[str, Party]] = TypeAdapter(dict[Name, Party])


class AttestationFile(Record):
    """What `cleanroom coordinator init` writes for the manifest's authors."""

    lineage: Lineage
    """The room's identity."""
    attestation: dict[Name, AppraisalPolicy]
    """The policies that the operator's machines meet."""


def template_text(template: str) -> str:
    """The text of a template by its name."""
    resource = files("cleanroom.manifest") / "templates" / f"{template}.yaml"
    return resource.read_text(encoding="utf-8")


def compose_file(
    out: Path,
    template: str,
    *,
    parties: Sequence[Path],
    attestation: Path | None,
    name: str | None,
    not_before: datetime,
    not_after: datetime,
) -> Path:
    """Write a draft manifest to `out`, which must not exist yet.

    What builders signed about images that the operator's file names is copied along.

    Args:
        out: the new file.
        template: one of `TEMPLATES`.
        parties: files with one or more party blocks; their order is the template's.
        attestation: the operator's file; None leaves the template's empty section.
        name: the room's name; None keeps the template's.
        not_before: start, aware, in whole seconds.
        not_after: end, aware, in whole seconds.

    Raises:
        FileMissing: a file cannot be read, or `out` exists.
        ManifestShape: a file is not of its shape.
    """
    given = _read_attestation(attestation) if attestation else None
    text = compose(
        template_text(template),
        parties=_read_parties(parties),
        attestation=given.attestation if given else None,
        lineage=_uuid(given),
        not_before=not_before,
        not_after=not_after,
        name=name,
    )
    write_new(out, text.encode()).chmod(PUBLIC_FILE)
    if attestation is not None and given is not None:
        carry_values(given.attestation, attestation.parent, out.parent)
    return out


def _read_parties(paths: Sequence[Path]) -> dict[str, Party]:
    found: dict[str, Party] = {}
    for path in paths:
        plain = read_document(_read(path), name=path.name).plain
        try:
            found |= _PARTIES.validate_python(plain)
        except ValidationError as invalid:
            raise ManifestShape(
                f"{path.name} does not hold party blocks", problems=problems_of(invalid)
            ) from None
    return found


def _read_attestation(path: Path) -> AttestationFile:
    plain = read_document(_read(path), name=path.name).plain
    try:
        return AttestationFile.model_validate(plain)
    except ValidationError as invalid:
        raise ManifestShape(
            f"{path.name} does not hold a lineage and policies", problems=problems_of(invalid)
        ) from None


def _uuid(given: AttestationFile | None) -> UUID | None:
    return given.lineage if given else None


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError:
        raise FileMissing(f"{path.name} cannot be read") from None
