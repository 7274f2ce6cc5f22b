"""Whatever is brought: an entry resolves only by enough of its own builders, and more never helps."""

from hypothesis import given, settings
from hypothesis import strategies as st

from cleanroom.attestation.policy import SevSnpPolicy
from cleanroom.attestation.reference_values import sign_reference_values
from cleanroom.attestation.resolving import resolve
from cleanroom.crypto.signing import Ed25519Signer
from cleanroom.errors import ReferenceValuesRefused
from tests.support.manifests import NOW, simulated_policy
from tests.support.signed_values import BUILDERS, image_statement, naming, signed_values

WHOLE, OTHER = image_statement(), image_statement(version="2.0.0")
GOOD = {name: signed_values(name)[0] for name in BUILDERS}
ASIDE = signed_values(*BUILDERS, what=OTHER)
"""Of another statement: they add nothing."""
BAD = [
    sign_reference_values(WHOLE, Ed25519Signer("eve-provide", b"\x01" * 32)),
    sign_reference_values(WHOLE, Ed25519Signer("ann-provide", b"\x02" * 32)),
    GOOD["bob-provide"].model_copy(update={"payload_type": "application/json"}),
]
"""Of the named statement, but not as the entry asks."""
BROUGHT = st.lists(st.sampled_from([*GOOD.values(), *ASIDE, *BAD]), max_size=7)


def entry(threshold):
    return {"worker": SevSnpPolicy.from_plain(naming(simulated_policy(), threshold=threshold))}


def resolves(brought, threshold):
    try:
        resolved = resolve(entry(threshold), brought, now=NOW)["worker"]
    except ReferenceValuesRefused:
        return False
    assert resolved.measurements == sorted(
        one.measurement for one in WHOLE.predicate.launches if one.platform == "sev-snp"
    )
    return True


@settings(max_examples=60, deadline=None)
@given(brought=BROUGHT, threshold=st.integers(1, 3))
def test_it_resolves_exactly_by_enough_of_its_builders_and_nothing_else(brought, threshold):
    signed = {name for name, envelope in GOOD.items() if envelope in brought}
    spoilt = any(bad in brought for bad in BAD)
    assert resolves(brought, threshold) == (len(signed) >= threshold and not spoilt)


@settings(max_examples=40, deadline=None)
@given(brought=BROUGHT, data=st.data(), threshold=st.integers(1, 3))
def test_dropping_what_holds_never_turns_a_no_into_a_yes(brought, data, threshold):
    if resolves(brought, threshold) or any(bad in brought for bad in BAD):
        return
    fewer = data.draw(st.lists(st.sampled_from(brought))) if brought else []
    assert not resolves(fewer, threshold)


@settings(max_examples=40, deadline=None)
@given(brought=BROUGHT)
def test_order_and_repetition_say_nothing(brought):
    assert resolves(brought, 2) == resolves([*reversed(brought), *brought], 2)
