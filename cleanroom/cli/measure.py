"""`cleanroom measure`: what an image will measure, computed, signed by its builders, verified."""

import hashlib
from datetime import datetime, timedelta
from pathlib import Path

import click

from cleanroom.attestation.reference_values import (
    ReferenceValuesPredicate,
    agree,
    compose_reference_values,
    sign_reference_values,
    verify_reference_values,
)
from cleanroom.attestation.words.reference import image_in_words
from cleanroom.cli import console
from cleanroom.cli.attestation_files import FILE, TIME, given_time, read_file
from cleanroom.cli.context import json_option
from cleanroom.cli.measure_tdx import tdx
from cleanroom.cli.measurement_files import (
    BUILDER_USE,
    LAUNCHES,
    builder_keys,
    listing_of,
    name_of,
    read_envelope,
    read_measured,
    tell_launches,
)
from cleanroom.client.identity import Identity
from cleanroom.collateral.launch_digest import (
    VMM_TYPES,
    Hypervisor,
    Machine,
    hash_boot,
    launch_digest,
    read_firmware,
)
from cleanroom.encoding import content_digest, instant_text
from cleanroom.errors import Usage
from cleanroom.manifest.author import block_text


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
    tell_launches(launches, inputs, as_json=as_json)


measure.add_command(tdx)


@measure.command()
@click.argument("measured", type=FILE, nargs=-1, required=True)
@click.option("--image", help="Its name, such as worker.")
@click.option("--image-version", help="Such as 1.4.0.")
@click.option("--identity", type=FILE, required=True, help="Of the builder.")
@click.option("--from", "start", type=TIME, help="By default now.")
@click.option("--days", type=click.IntRange(1, 1095), default=365, show_default=True)
@click.option("--agree-with", type=FILE, help="What another builder signed: sign the same.")
@click.option("--out", type=FILE, required=True, help="The signed statement.")
@json_option
def sign(  # noqa: PLR0913 - one parameter for each option
    measured: tuple[Path, ...],
    *,
    image: str | None,
    image_version: str | None,
    identity: Path,
    start: datetime | None,
    days: int,
    agree_with: Path | None,
    out: Path,
    as_json: bool,
) -> None:
    """Sign what `measure snp --json` and `measure tdx --json` wrote, as one statement.

    With --agree-with, name, version and time are those of the other builder's statement, and it is
    signed only if what was measured here is the same.
    """
    launches, inputs = read_measured(measured)
    words = (image, image_version)
    if any(words) if agree_with else not all(words):
        raise Usage("expected either --image with --image-version, or --agree-with")
    if agree_with is not None:
        statement = agree(read_envelope(agree_with), launches, inputs)
    else:
        begin = given_time(start)
        said = {
            "image": image,
            "version": image_version,
            "launches": [LAUNCHES.dump_python(one, mode="json", by_alias=True) for one in launches],
            "issued_at": instant_text(begin),
            "valid_until": instant_text(begin + timedelta(days=days)),
        }
        statement = compose_reference_values(ReferenceValuesPredicate.from_plain(said), inputs)
    builder = Identity.load(identity).signer(BUILDER_USE)
    out.parent.mkdir(exist_ok=True)
    out.write_bytes(sign_reference_values(statement, builder).to_bytes())
    digest = content_digest(statement.to_bytes())
    if as_json:
        console.emit_json("measure-sign", {"digest": digest, "signed_by": builder.kid})
    else:
        console.say(f"{digest}, signed by {builder.kid}")
        console.emit(str(out))
    console.next_step(
        f"let another builder measure its own build and sign with --agree-with {out.name}, "
        "then `cleanroom measure verify`"
    )


@measure.command()
@click.argument("envelopes", type=FILE, nargs=-1, required=True)
@click.option(
    "--builder", "builders", type=FILE, multiple=True, required=True, help="PARTY.party.yaml"
)
@click.option("--threshold", type=click.IntRange(min=1), required=True, help="How many must agree.")
@click.option("--at", type=TIME, help="As of then.")
@click.option("--as-policy", is_flag=True, help="Print how a manifest's entry names the values.")
@json_option
def verify(
    envelopes: tuple[Path, ...],
    builders: tuple[Path, ...],
    threshold: int,
    *,
    at: datetime | None,
    as_policy: bool,
    as_json: bool,
) -> None:
    """Verify that enough builders signed the same values, and print them for a manifest."""
    keys = builder_keys(builders)
    signed = [read_envelope(one) for one in envelopes]
    values = verify_reference_values(signed, keys, threshold, now=given_time(at))
    named = name_of(values, keys)
    if as_json:
        plain = values.statement.to_plain()
        told: dict[str, object] = {"digest": values.digest, "statement": plain}
        told |= {"builders": list(values.builders), "reference_values": named}
        console.emit_json("measure-verify", told)
        return
    console.say(f"{values.digest}, image {image_in_words(values)}")
    console.emit(
        block_text({"reference_values": named}).rstrip() if as_policy else listing_of(values)
    )
    if as_policy:
        console.next_step(
            "paste it in place of `measurements`, and put the files into reference-values/ beside "
            "the manifest"
        )


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
