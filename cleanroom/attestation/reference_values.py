"""Which measurements stand for which image: signed by those who built it, several of them agreeing.

A builder signs an in-toto Statement v1 in a DSSE envelope: subjects are what went into the image,
the predicate says what each way of launching it measures. `ReferenceValues` is minted here only,
once enough builders have signed the very same bytes; what they say then goes into a manifest.
What the image *does* nobody can see in a digest: that is the builders' word.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Final, Literal

from pydantic import Field
from pydantic import StringConstraints as Text

from cleanroom.attestation.policy.base import Measurement
from cleanroom.attestation.policy.tdx import TdImage
from cleanroom.crypto.envelope import Envelope, open_envelope, sign
from cleanroom.crypto.signing import Signer, VerifyKey
from cleanroom.encoding import Digest, Instant, Name, Record, content_digest
from cleanroom.errors import SignatureInvalid

IN_TOTO_TYPE = "application/vnd.in-toto+json"
STATEMENT_TYPE: Final = "https://in-toto.io/Statement/v1"
PREDICATE_TYPE: Final = "https://cleanroom.dev/reference-values/v1"
MOST_LAUNCHES = 256
"""Each number of processors is a launch of its own."""


class InputDigest(Record):
    """A digest in in-toto's form."""

    sha256: Annotated[str, Text(pattern=r"^[0-9a-f]{64}$")]


class BuildInput(Record):
    """One file that was measured."""

    name: Annotated[str, Text(pattern=r"^[A-Za-z0-9][A-Za-z0-9._+-]{0,127}$")]
    """What it is: `firmware`, `kernel`, `initrd`, `cmdline`, or a file's name."""
    digest: InputDigest


class SnpLaunch(Record):
    """One way of launching the image on SEV-SNP, and what that measures."""

    platform: Literal["sev-snp"]
    measurement: Measurement
    """The launch digest."""
    vcpus: int = Field(ge=1, le=512)
    vcpu_type: Annotated[str, Text(pattern=r"^[A-Za-z0-9-]{1,32}$")]
    """QEMU's name of the processor model, such as `EPYC-v4`: it is in the digest."""
    guest_features: Annotated[str, Text(pattern=r"^0x[0-9a-f]{1,16}$")]
    """SEV_FEATURES, which the hypervisor sets: they are in the digest."""
    hypervisor: Literal["qemu", "ec2", "gce"]
    """Each lays pages out in its own way."""


class TdxLaunch(Record):
    """One way of launching the image on TDX, and what that measures."""

    platform: Literal["tdx"]
    image: TdImage
    """Registers that belong together."""


Launch = Annotated[SnpLaunch | TdxLaunch, Field(discriminator="platform")]


class ReferenceValuesPredicate(Record):
    """What a builder says."""

    image: Name
    """The image's name."""
    version: Annotated[str, Text(pattern=r"^[0-9A-Za-z][0-9A-Za-z.+-]{0,63}$")]
    """Its version."""
    launches: list[Launch] = Field(min_length=1, max_length=MOST_LAUNCHES)
    """Everything that may be measured when it starts."""
    issued_at: Instant
    """From when on it holds."""
    valid_until: Instant
    """Until when: old images have known faults."""


class ReferenceValuesStatement(Record):
    """The in-toto Statement v1 around the predicate."""

    type_: Literal["https://in-toto.io/Statement/v1"] = Field(alias="_type")
    subject: list[BuildInput] = Field(min_length=1, max_length=64)
    """What went in."""
    predicate_type: Literal["https://cleanroom.dev/reference-values/v1"] = Field(
        alias="predicateType"
    )
    predicate: ReferenceValuesPredicate


@dataclass(frozen=True, slots=True)
class ReferenceValues:
    """What an image measures, as enough builders say; made by `verify_reference_values` only."""

    digest: Digest
    """SHA-256 of the signed statement: how a contract may name these values."""
    statement: ReferenceValuesStatement
    builders: tuple[str, ...]
    """Names of the keys under which it is signed, sorted."""
    threshold: int
    """How many had to sign it."""

    @property
    def snp_measurements(self) -> list[str]:
        """What `measurements` of a `sev-snp` entry takes; sorted."""
        launches = self.statement.predicate.launches
        return sorted({one.measurement for one in launches if isinstance(one, SnpLaunch)})

    @property
    def tdx_images(self) -> list[TdImage]:
        """What `measurements` of a `tdx` entry takes."""
        launches = self.statement.predicate.launches
        return [one.image for one in launches if isinstance(one, TdxLaunch)]


def compose_reference_values(
    predicate: ReferenceValuesPredicate, inputs: Sequence[BuildInput]
) -> ReferenceValuesStatement:
    """The in-toto Statement for a predicate; inputs are sorted by name."""
    return ReferenceValuesStatement(
        type_=STATEMENT_TYPE,
        subject=sorted(inputs, key=lambda one: one.name),
        predicate_type=PREDICATE_TYPE,
        predicate=predicate,
    )


def sign_reference_values(statement: ReferenceValuesStatement, builder: Signer) -> Envelope:
    """One builder's signature; each builder builds and signs for itself."""
    return sign(IN_TOTO_TYPE, statement.to_bytes(), builder)


def agree(
    first: Envelope, launches: Sequence[Launch], inputs: Sequence[BuildInput]
) -> ReferenceValuesStatement:
    """Another builder's statement, once what was measured here is the same.

    The other's signature is not looked at: whoever signs next vouches for its own measurement.

    Args:
        first: what the other builder signed.
        launches: measured here, in any order.
        inputs: what was measured, in any order.

    Raises:
        SignatureInvalid: launches or inputs differ.
    """
    said = ReferenceValuesStatement.from_bytes(first.payload)
    pairs: tuple[tuple[str, Sequence[Record], Sequence[Record]], ...] = (
        ("inputs", inputs, said.subject),
        ("launches", launches, said.predicate.launches),
    )
    for what, here, there in pairs:
        own, theirs = ({one.to_bytes() for one in part} for part in (here, there))
        if own != theirs:
            raise SignatureInvalid(
                f"{len(own ^ theirs)} {what} differ between what was measured here and what "
                f"{first.signatures[0].keyid} signed, expected the same",
                hint="the image does not build the same everywhere: compare its inputs",
            )
    return said


def verify_reference_values(
    envelopes: Sequence[Envelope],
    builders: Mapping[str, VerifyKey],
    threshold: int,
    *,
    now: datetime,
) -> ReferenceValues:
    """The values, once enough builders signed the same bytes.

    Every envelope must hold: one that does not is a fault of whoever handed it over, not a builder
    who happens to be missing.

    Args:
        envelopes: one of each builder.
        builders: keys that may sign, by name; whose they are is the relying party's decision.
        threshold: how many different builders must have signed; at least 1.
        now: the time to judge at, aware.

    Raises:
        SignatureInvalid: a signature does not hold, builders disagree, are too few or signed with
            one key under two names, or the statement is not in force.
    """
    if not 1 <= threshold <= len(builders):
        raise SignatureInvalid(
            f"the threshold is {threshold}, expected 1 to {len(builders)}, the builders known"
        )
    if len(set(builders.values())) != len(builders):
        raise SignatureInvalid("two builders have the same key, expected one of their own each")
    opened = [open_envelope(one, IN_TOTO_TYPE, builders) for one in envelopes]
    signers = {name for _, name in opened}
    if len(signers) < threshold:
        raise SignatureInvalid(
            f"{len(signers)} builders signed the reference values, expected {threshold}"
        )
    payloads = {payload for payload, _ in opened}
    if len(payloads) != 1:
        raise SignatureInvalid(
            f"builders signed {len(payloads)} different statements, expected one",
            hint="the image does not build the same everywhere: compare its inputs",
        )
    payload = payloads.pop()
    statement = ReferenceValuesStatement.from_bytes(payload)
    _require_in_force(statement.predicate, now)
    return ReferenceValues(content_digest(payload), statement, tuple(sorted(signers)), threshold)


def _require_in_force(predicate: ReferenceValuesPredicate, now: datetime) -> None:
    if not predicate.issued_at <= now <= predicate.valid_until:
        raise SignatureInvalid(
            f"the reference values of {predicate.image} are not valid on {now:%Y-%m-%d}, expected "
            f"{predicate.issued_at:%Y-%m-%d} to {predicate.valid_until:%Y-%m-%d}"
        )
