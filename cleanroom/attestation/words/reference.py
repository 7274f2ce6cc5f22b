"""Reference values in words: what an entry names, and what the named statement says.

The first is known from the manifest alone, the second only once the builders' envelopes are here
and hold.
"""

from cleanroom.attestation.policy.reference import NamedReferenceValues, NamesImage
from cleanroom.attestation.reference_values import ReferenceValues
from cleanroom.encoding import instant_text


def described_name(policy: object) -> list[str]:
    """What an entry names, if it names reference values."""
    if not isinstance(policy, NamesImage) or policy.reference_values is None:
        return []
    named = policy.reference_values
    return [f"the image of reference values {named.digest}, signed by {signers_asked(named)}"]


def signers_asked(named: NamedReferenceValues) -> str:
    """How many of whom must have signed, such as `2 of ann-provide, bob-provide`."""
    return f"{named.threshold} of {', '.join(sorted(named.builders))}"


def image_in_words(values: ReferenceValues) -> str:
    """Which image verified reference values are of, who signed them, and until when they hold."""
    said = values.statement.predicate
    return (
        f"{said.image} {said.version}, signed by {', '.join(values.builders)} "
        f"({values.threshold} had to), until {instant_text(said.valid_until)}"
    )
