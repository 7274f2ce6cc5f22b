"""Entries that name reference values, with the measurements that their builders signed filled in.

Who appraises resolves first, with its own copy of the manifest: the entry says which statement and
whose signatures, so it does not matter who brought the envelopes. Every name must resolve; what is
missing, ended or signed by too few turns a yes into a no, and nothing turns a no into a yes.
Envelopes that no entry names are left aside: they add nothing. This module reads no file.
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime

from cleanroom.attestation.policy import AppraisalPolicy, SevSnpPolicy, TdxPolicy
from cleanroom.attestation.policy.reference import NamedReferenceValues, NamesImage
from cleanroom.attestation.reference_values import ReferenceValues, verify_reference_values
from cleanroom.crypto.envelope import Envelope
from cleanroom.crypto.signing import VerifyKey
from cleanroom.encoding import content_digest, digest
from cleanroom.errors import CleanroomError, ReferenceValuesRefused

DIGEST_DOMAIN = "cleanroom/reference-values/v1"


def resolve(
    policies: Mapping[str, AppraisalPolicy], envelopes: Sequence[Envelope], *, now: datetime
) -> dict[str, AppraisalPolicy]:
    """The same entries, with measurements in place of every name.

    Args:
        policies: entries of the manifest's `attestation`, by name.
        envelopes: from anybody; nothing in them is trusted yet.
        now: the time to judge at, aware.

    Raises:
        ReferenceValuesRefused: what some entry names is missing, has ended, is not signed as the
            entry asks, or says nothing about the entry's platform.
    """
    return filled(policies, verify_named(policies, envelopes, now=now))


def filled(
    policies: Mapping[str, AppraisalPolicy], values: Mapping[str, ReferenceValues]
) -> dict[str, AppraisalPolicy]:
    """The same entries, with the measurements of what `verify_named` found in place of their names.

    An entry whose name has no values stays as it is, and so accepts nothing.

    Raises:
        ReferenceValuesRefused: values say nothing about their entry's platform.
    """
    return {
        name: _filled(name, policy, values[name]) if name in values else policy
        for name, policy in policies.items()
    }


def verify_named(
    policies: Mapping[str, AppraisalPolicy], envelopes: Sequence[Envelope], *, now: datetime
) -> dict[str, ReferenceValues]:
    """What every entry that names reference values stands for, by the entry's name.

    Raises:
        ReferenceValuesRefused: as for `resolve`, but for the platform.
    """
    return {
        entry: _verified(entry, named, envelopes, now)
        for entry, named in names_in(policies).items()
    }


def names_in(policies: Mapping[str, AppraisalPolicy]) -> dict[str, NamedReferenceValues]:
    """Which entries name reference values, and which."""
    return {
        name: policy.reference_values
        for name, policy in policies.items()
        if isinstance(policy, NamesImage) and policy.reference_values is not None
    }


def needed(
    policies: Mapping[str, AppraisalPolicy], envelopes: Iterable[Envelope]
) -> list[Envelope]:
    """The envelopes whose statement some entry names, each once, sorted by their bytes."""
    digests = {named.digest for named in names_in(policies).values()}
    kept = {one.to_bytes(): one for one in envelopes if content_digest(one.payload) in digests}
    return [kept[raw] for raw in sorted(kept)]


def envelopes_digest(envelopes: Iterable[Envelope]) -> str:
    """Name a set of envelopes, whatever their order; one that is there twice counts once."""
    return digest(DIGEST_DOMAIN, *sorted({envelope.to_bytes() for envelope in envelopes}))


def _verified(
    entry: str, named: NamedReferenceValues, envelopes: Sequence[Envelope], now: datetime
) -> ReferenceValues:
    signed = [one for one in envelopes if content_digest(one.payload) == named.digest]
    if not signed:
        raise ReferenceValuesRefused(
            f"the reference values of {entry!r} are missing, expected a signed statement "
            f"{named.digest[:19]}…"
        )
    builders = {name: VerifyKey(key) for name, key in named.builders.items()}
    try:
        return verify_reference_values(signed, builders, named.threshold, now=now)
    except CleanroomError as refused:
        raise ReferenceValuesRefused(
            f"the reference values of {entry!r} do not hold: {refused.message}"
        ) from None


def _filled(entry: str, policy: AppraisalPolicy, values: ReferenceValues) -> AppraisalPolicy:
    match policy:
        case SevSnpPolicy():
            measured: Sequence[object] = values.snp_measurements
        case TdxPolicy():
            measured = values.tdx_images
        case _:
            measured = ()
    if not measured:
        image = values.statement.predicate.image
        raise ReferenceValuesRefused(
            f"the reference values of {entry!r} are of {image}, which has no launch on "
            f"{policy.platform}"
        )
    return policy.model_copy(update={"measurements": measured, "reference_values": None})
