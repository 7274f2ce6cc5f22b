"""Entries as people read them: with the images that their reference values turn out to be of.

For plans and explanations only: where a name does not resolve, it is said why, and nothing is
trusted for it.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import NamedTuple

from cleanroom.attestation.explain import described
from cleanroom.attestation.policy import AppraisalPolicy
from cleanroom.attestation.resolving import filled, names_in, verify_named
from cleanroom.attestation.words.reference import described_name, image_in_words
from cleanroom.crypto.envelope import Envelope
from cleanroom.errors import ReferenceValuesRefused


class ToldEntry(NamedTuple):
    """One entry, as far as it is known."""

    policy: AppraisalPolicy
    """With measurements in place of a name that resolved; as written otherwise."""
    words: list[str]
    """What it accepts, one phrase each."""
    until: datetime | None = None
    """When the image that it names ends; None where it names none, or none is known."""


def tell(
    policies: Mapping[str, AppraisalPolicy], envelopes: Sequence[Envelope], now: datetime
) -> dict[str, ToldEntry]:
    """Every entry with what can be said about it.

    Args:
        policies: entries of the manifest's `attestation`, by name.
        envelopes: what builders signed, as far as it is here.
        now: the time to judge at, aware.
    """
    named = names_in(policies)
    return {
        name: _named(name, policy, envelopes, now)
        if name in named
        else ToldEntry(policy, described(policy))
        for name, policy in policies.items()
    }


def _named(
    name: str, policy: AppraisalPolicy, envelopes: Sequence[Envelope], now: datetime
) -> ToldEntry:
    try:
        found = verify_named({name: policy}, envelopes, now=now)
        resolved, values = filled({name: policy}, found)[name], found[name]
    except ReferenceValuesRefused as refused:
        return ToldEntry(policy, [*described(policy), f"NOT KNOWN HERE: {refused.message}"])
    which = [f"which is image {image_in_words(values)}"]
    until = values.statement.predicate.valid_until
    return ToldEntry(resolved, [*described(resolved), *described_name(policy), *which], until)
