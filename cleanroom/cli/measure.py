"""`cleanroom measure`: what an image will measure, computed, signed by its builders, verified."""

import hashlib
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final, cast

import click
from pydantic import TypeAdapter, ValidationError

from cleanroom.attestation.policy.tdx import TdImage
from cleanroom.attestation.reference_values import (
    BuildInput,
    InputDigest,
    Launch,
    ReferenceValues,
    ReferenceValuesPredicate,
    SnpLaunch,
    TdxLaunch,
    compose_reference_values,
    sign_reference_values,
    verify_reference_values,
)
from cleanroom.cli import console
from cleanroom.cli.attestation_files import FILE, TIME, given_time, read_file
from cleanroom.cli.context import json_option
from cleanroom.client.identity import Identity
from cleanroom.collateral.launch_digest import (
    VMM_TYPES,
    Hypervisor,
    Machine,
    hash_boot,
    launch_digest,
    read_firmware,
    registers_of,
)
from cleanroom.crypto.envelope import Envelope
from cleanroom.crypto.signing import VerifyKey
from cleanroom.encoding import Name, content_digest, problems_of
from cleanroom.errors import ManifestShape, Usage
from cleanroom.manifest.author import block_text
from cleanroom.manifest.document import read_document
from cleanroom.manifest.model import Party

BUILDER_USE: Final = "provide"
"""With which of a party's keys it signs what it built."""
LAUNCHES: TypeAdapter[Launch] = TypeAdapter(Launch)
_PARTIES: TypeAdapter[dict[str, Party]] = TypeAdapter(dict[Name, Party])


@click.group()
def measure() -> None:
    """Compute what an image will measure, and sign and verify what builders say about it."""


@measure.command()
@click.option("--firmware", type=FILE, required=True, help="OVMF for SEV-SNP.")
@click.option("--firmware-digest", metavar="HEX", help="Published digest after its pages.")
@click.option("--kernel", type=FILE, help="Booted directly, with kernel-hashes=on.")
@click.option("--initrd", type=FILE)
@click.option("--cmdline", default="", help="The kernel's.")
@click.option("--vcpus", type=click.IntRange(1, 512), multiple=True, required=True)
@click.option("--vcpu-type", default="EPYC-v4", show_default=True, help="QEMU's name.")
@click.option("--guest-features", default="0x1", show_default=True, help="SEV_FEATURES.")
@click.option(
    "--hypervisor", type=click.Choice(sorted(VMM_TYPES)), default="qemu", show_default=True
)
@json_option
def snp(  # noqa: PLR0913 - one parameter for each option
    firmware: Path,
    firmware_digest: str | None,
    kernel: Path | None,
    initrd: Path | None,
    cmdline: str,
    *,
    vcpus: tuple[int, ...],
    vcpu_type: str,
    guest_features: str,
    hypervisor: Hypervisor,
    as_json: bool,
) -> None:
    """Compute the launch digest on SEV-SNP, one for each number of processors."""
    image = read_firmware(firmware, _bytes(firmware_digest) if firmware_digest else None)
    boot = hash_boot(kernel, initrd, cmdline) if kernel else None
    features = _number(guest_features)
    launches: list[dict[str, object]] = [
        {
            "platform": "sev-snp",
            "measurement": launch_digest(
                image, boot, Machine(count, vcpu_type, features, hypervisor)
            ).hex(),
            "vcpus": count,
            "vcpu_type": vcpu_type,
            "guest_features": f"{features:#x}",
            "hypervisor": hypervisor,
        }
        for count in vcpus
    ]
    if boot is None:
        console.say("only the firmware is measured: the host chooses what boots")
    files = {"firmware": firmware, "kernel": kernel, "initrd": initrd}
    inputs = {
        name: hashlib.sha256(read_file(path)).hexdigest() for name, path in files.items() if path
    }
    if kernel:
        inputs["cmdline"] = hashlib.sha256(cmdline.encode()).hexdigest()
    _launches(launches, inputs, as_json=as_json)


@measure.command()
@click.option("--mrtd", metavar="HEX", required=True, help="From a tool of the hypervisor's.")
@click.option("--event-log", type=FILE, required=True, help="CCEL of a boot that you trust.")
@json_option
def tdx(mrtd: str, event_log: Path, *, as_json: bool) -> None:
    """Replay a boot's event log to RTMR0 to RTMR3, which a TDX entry pins beside MRTD."""
    log = read_file(event_log)
    found = [value.hex() for value in registers_of(log)]
    registers = {f"rtmr{index}": value for index, value in enumerate(found)}
    if not any(bytes.fromhex(found[3])):
        registers["rtmr3"] = "zero"
    image = TdImage.from_plain({"mrtd": mrtd, **registers})
    inputs = {"event-log": hashlib.sha256(log).hexdigest()}
    _launches([{"platform": "tdx", "image": image.to_plain()}], inputs, as_json=as_json)


@measure.command()
@click.argument("measured", type=FILE, nargs=-1, required=True)
@click.option("--image", required=True, help="Its name, such as worker.")
@click.option("--image-version", required=True, help="Such as 1.4.0.")
@click.option("--identity", type=FILE, required=True, help="Of the builder.")
@click.option("--from", "start", type=TIME, help="By default now.")
@click.option("--days", type=click.IntRange(1, 1095), default=365, show_default=True)
@click.option("--out", type=FILE, required=True, help="The signed statement.")
@json_option
def sign(  # noqa: PLR0913 - one parameter for each option
    measured: tuple[Path, ...],
    *,
    image: str,
    image_version: str,
    identity: Path,
    start: datetime | None,
    days: int,
    out: Path,
    as_json: bool,
) -> None:
    """Sign what `measure snp --json` and `measure tdx --json` wrote, as one statement."""
    begin = given_time(start)
    launches, inputs = _measured(measured)
    predicate = ReferenceValuesPredicate.from_plain(
        {
            "image": image,
            "version": image_version,
            "launches": [LAUNCHES.dump_python(one, mode="json", by_alias=True) for one in launches],
            "issued_at": f"{begin:%Y-%m-%dT%H:%M:%SZ}",
            "valid_until": f"{begin + timedelta(days=days):%Y-%m-%dT%H:%M:%SZ}",
        }
    )
    statement = compose_reference_values(predicate, inputs)
    builder = Identity.load(identity).signer(BUILDER_USE)
    out.write_bytes(sign_reference_values(statement, builder).to_bytes())
    digest = content_digest(statement.to_bytes())
    if as_json:
        console.emit_json("measure-sign", {"digest": digest, "signed_by": builder.kid})
    else:
        console.say(f"{digest}, signed by {builder.kid}")
        console.emit(str(out))
    console.next_step("let another builder build and sign it, then `cleanroom measure verify`")


@measure.command()
@click.argument("envelopes", type=FILE, nargs=-1, required=True)
@click.option(
    "--builder", "builders", type=FILE, multiple=True, required=True, help="PARTY.party.yaml"
)
@click.option("--threshold", type=click.IntRange(min=1), required=True, help="How many must agree.")
@click.option("--at", type=TIME, help="As of then.")
@json_option
def verify(
    envelopes: tuple[Path, ...],
    builders: tuple[Path, ...],
    threshold: int,
    *,
    at: datetime | None,
    as_json: bool,
) -> None:
    """Verify that enough builders signed the same values, and print them for a manifest."""
    values = verify_reference_values(
        [Envelope.from_bytes(read_file(one).strip()) for one in envelopes],
        _builder_keys(builders),
        threshold,
        now=given_time(at),
    )
    if as_json:
        plain = values.statement.to_plain()
        told: dict[str, object] = {"digest": values.digest, "statement": plain}
        console.emit_json("measure-verify", {**told, "builders": list(values.builders)})
        return
    console.say(f"{values.digest}, signed by {', '.join(values.builders)}")
    console.emit(_fragment(values))


def _launches(launches: list[dict[str, object]], inputs: dict[str, str], *, as_json: bool) -> None:
    if as_json:
        console.emit_json("measure", {"launches": launches, "inputs": inputs})
        return
    for name, digest in inputs.items():
        console.say(f"{name}: sha256 {digest}")
    console.emit(block_text({"measurements": [_value(one) for one in launches]}).rstrip())


def _value(launch: dict[str, object]) -> object:
    return launch["measurement"] if "measurement" in launch else launch["image"]


def _fragment(values: ReferenceValues) -> str:
    blocks: dict[str, object] = {}
    if values.snp_measurements:
        blocks["sev-snp"] = {"measurements": values.snp_measurements}
    if values.tdx_images:
        blocks["tdx"] = {"measurements": [one.to_plain() for one in values.tdx_images]}
    return block_text(blocks).rstrip()


def _measured(paths: tuple[Path, ...]) -> tuple[list[SnpLaunch | TdxLaunch], list[BuildInput]]:
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


def _builder_keys(paths: tuple[Path, ...]) -> dict[str, VerifyKey]:
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


def _bytes(text: str) -> bytes:
    try:
        return bytes.fromhex(text)
    except ValueError:
        raise Usage("the digest is not hexadecimal, expected 96 hex digits") from None


def _number(text: str) -> int:
    try:
        return int(text, 0)
    except ValueError:
        raise Usage("SEV_FEATURES is not a number, expected one such as 0x1") from None
