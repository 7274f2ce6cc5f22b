"""Files that builders exchange: what was measured, who builds, what was signed.

What is read is checked for its shape only; what it is worth is decided by `reference_values`.
"""

import base64
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final, cast

from pydantic import TypeAdapter, ValidationError

from cleanroom.attestation.reference_values import (
    BuildInput,
    InputDigest,
    Launch,
    ReferenceValues,
    SnpLaunch,
    TdxLaunch,
)
from cleanroom.cli import console
from cleanroom.cli.attestation_files import read_file
from cleanroom.crypto.envelope import Envelope
from cleanroom.crypto.signing import VerifyKey
from cleanroom.encoding import Name, problems_of
from cleanroom.errors import ManifestShape, Usage
from cleanroom.manifest.author import block_text
from cleanroom.manifest.document import read_document
from cleanroom.manifest.model import Party

BUILDER_USE: Final = "provide"
"""With which of a party's keys it signs what it built."""
LAUNCHES: TypeAdapter[Launch] = TypeAdapter(Launch)
_PARTIES: TypeAdapter[dict[str, Party]] = TypeAdapter(dict[Name, Party])


def read_envelope(path: Path) -> Envelope:
    """What a builder signed, unverified."""
    return Envelope.from_bytes(read_file(path).strip())


def read_measured(paths: Sequence[Path]) -> tuple[list[SnpLaunch | TdxLaunch], list[BuildInput]]:
    """Launches and inputs of what `measure snp --json` and `measure tdx --json` wrote.

    Raises:
        ManifestShape: a file is no measurement.
        Usage: two files were measured from different inputs of one name.
    """
    launches: list[SnpLaunch | TdxLaunch] = []
    inputs: dict[str, str] = {}
    for path in paths:
        plain = read_document(read_file(path), name=path.name).plain
        said = cast("dict[str, dict[str, str]]", plain if isinstance(plain, dict) else {})
        try:
            launches += [LAUNCHES.validate_python(one) for one in said.get("launches", ())]
            found = said.get("inputs", {})
        except ValidationError as invalid:
            raise ManifestShape(
                f"{path.name} is no measurement", problems=problems_of(invalid)
            ) from None
        for name, digest in found.items():
            if inputs.setdefault(name, digest) != digest:
                raise Usage(f"the files were measured from two different inputs {name!r}")
    return launches, [
        BuildInput(name=name, digest=InputDigest(sha256=digest)) for name, digest in inputs.items()
    ]


def builder_keys(paths: Sequence[Path]) -> dict[str, VerifyKey]:
    """The keys with which parties sign what they built, from their PARTY.party.yaml.

    Raises:
        ManifestShape: a file does not hold party blocks.
    """
    keys: dict[str, VerifyKey] = {}
    for path in paths:
        try:
            parties = _PARTIES.validate_python(read_document(read_file(path), name=path.name).plain)
        except ValidationError as invalid:
            raise ManifestShape(
                f"{path.name} does not hold party blocks", problems=problems_of(invalid)
            ) from None
        for party, block in parties.items():
            keys |= {
                f"{party}-{BUILDER_USE}": VerifyKey(one.public)
                for one in block.keys
                if one.use == BUILDER_USE
            }
    return keys


def name_of(values: ReferenceValues, builders: Mapping[str, VerifyKey]) -> dict[str, object]:
    """How an entry of a manifest names verified values: plain, for `reference_values`.

    Args:
        values: as verified.
        builders: all that may sign, whether or not they have.
    """
    keys = {name: base64.b64encode(key).decode() for name, key in sorted(builders.items())}
    return {"digest": values.digest, "builders": keys, "threshold": values.threshold}


def listing_of(values: ReferenceValues) -> str:
    """The same values as bare measurements, by platform, as authored YAML."""
    blocks: dict[str, object] = {}
    if values.snp_measurements:
        blocks["sev-snp"] = {"measurements": values.snp_measurements}
    if values.tdx_images:
        blocks["tdx"] = {"measurements": [one.to_plain() for one in values.tdx_images]}
    return block_text(blocks).rstrip()


def tell_launches(
    launches: Sequence[Mapping[str, object]], inputs: Mapping[str, str], *, as_json: bool
) -> None:
    """Print what was measured: for `measure sign` as JSON, else as a manifest's entry has it.

    Args:
        launches: ways of launching the image, in plain values.
        inputs: SHA-256 of what was measured, by name.
        as_json: which of the two.
    """
    if as_json:
        console.emit_json("measure", {"launches": list(launches), "inputs": dict(inputs)})
        return
    for name, digest in inputs.items():
        console.say(f"{name}: sha256 {digest}")
    values = [one["measurement"] if "measurement" in one else one["image"] for one in launches]
    console.emit(block_text({"measurements": values}).rstrip())
