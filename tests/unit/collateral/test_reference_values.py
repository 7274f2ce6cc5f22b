"""Measurements stand for an image only when enough builders signed the same bytes."""

from datetime import timedelta

import pytest

from cleanroom.attestation.reference_values import (
    IN_TOTO_TYPE,
    BuildInput,
    InputDigest,
    ReferenceValuesPredicate,
    compose_reference_values,
    sign_reference_values,
    verify_reference_values,
)
from cleanroom.crypto.envelope import Envelope, sign
from cleanroom.crypto.signing import Ed25519Signer
from cleanroom.encoding import content_digest, instant_text
from cleanroom.errors import NotCanonical, RecordMalformed, SignatureInvalid
from tests.support.platform import NOW

BUILDERS = {
    name: Ed25519Signer.generate(name) for name in ("ann-provide", "bob-provide", "cy-provide")
}
KEYS = {name: builder.public_key for name, builder in BUILDERS.items()}
SNP = {
    "platform": "sev-snp",
    "measurement": "ab" * 48,
    "vcpus": 2,
    "vcpu_type": "EPYC-v4",
    "guest_features": "0x1",
    "hypervisor": "qemu",
}
TDX = {"platform": "tdx", "image": {"mrtd": "cd" * 48, "rtmr1": "01" * 48, "rtmr2": "02" * 48}}


def statement(**changed):
    predicate = {
        "image": "worker",
        "version": "1.4.0",
        "launches": [SNP, SNP | {"vcpus": 4, "measurement": "aa" * 48}, TDX],
        "issued_at": instant_text(NOW - timedelta(days=1)),
        "valid_until": instant_text(NOW + timedelta(days=365)),
    }
    inputs = [BuildInput(name="kernel", digest=InputDigest(sha256="00" * 32))]
    return compose_reference_values(
        ReferenceValuesPredicate.from_plain(predicate | changed), inputs
    )


def signed(*names, what=None):
    return [sign_reference_values(what or statement(), BUILDERS[name]) for name in names]


def verified(envelopes, threshold=2, keys=KEYS, now=NOW):
    return verify_reference_values(envelopes, keys, threshold, now=now)


def test_two_of_three_builders_are_enough():
    values = verified(signed("ann-provide", "cy-provide"))
    assert values.builders == ("ann-provide", "cy-provide")
    assert values.snp_measurements == ["aa" * 48, "ab" * 48]
    assert [image.mrtd for image in values.tdx_images] == ["cd" * 48]
    assert values.digest == content_digest(statement().to_bytes())


def test_one_builder_is_not_two_by_signing_twice():
    with pytest.raises(
        SignatureInvalid, match="1 builders signed the reference values, expected 2"
    ):
        verified(signed("ann-provide", "ann-provide"))


def test_one_key_is_not_two_builders():
    twice = KEYS | {"bob-provide": KEYS["ann-provide"]}
    with pytest.raises(SignatureInvalid, match="the same key"):
        verified(signed("ann-provide"), threshold=1, keys=twice)


def test_builders_that_disagree_are_told_apart():
    other = statement(version="1.4.1")
    envelopes = [*signed("ann-provide"), *signed("bob-provide", what=other)]
    with pytest.raises(SignatureInvalid, match="2 different statements, expected one"):
        verified(envelopes)


def test_a_stranger_is_refused_even_beside_enough_builders():
    stranger = sign_reference_values(statement(), Ed25519Signer.generate("eve-provide"))
    with pytest.raises(SignatureInvalid, match="'eve-provide' may not sign"):
        verified([*signed("ann-provide", "bob-provide"), stranger])


def test_an_altered_measurement_does_not_verify():
    (envelope,) = signed("ann-provide")
    payload = envelope.payload.replace(b"ab" * 48, b"ba" * 48)
    with pytest.raises(SignatureInvalid, match="does not verify"):
        verified([Envelope(**(dict(envelope) | {"payload": payload}))], threshold=1)


def test_a_signature_over_another_type_of_payload_is_none():
    receipt_like = sign("application/json", statement().to_bytes(), BUILDERS["ann-provide"])
    with pytest.raises(SignatureInvalid, match="the payload type is 'application/json'"):
        verified([receipt_like], threshold=1)


def test_another_in_toto_statement_is_no_reference_value():
    raw = statement().to_bytes().replace(b"reference-values/v1", b"receipt/v1")
    other = sign(IN_TOTO_TYPE, raw, BUILDERS["ann-provide"])
    with pytest.raises(RecordMalformed, match="predicateType"):
        verified([other], threshold=1)


def test_signed_bytes_that_are_not_canonical_are_refused():
    spaced = sign(IN_TOTO_TYPE, b" " + statement().to_bytes(), BUILDERS["ann-provide"])
    with pytest.raises(NotCanonical):
        verified([spaced], threshold=1)


@pytest.mark.parametrize("days", [-2, 366])
def test_outside_its_time_a_statement_says_nothing(days):
    with pytest.raises(SignatureInvalid, match="are not valid on"):
        verified(signed("ann-provide", "bob-provide"), now=NOW + timedelta(days=days))


@pytest.mark.parametrize("threshold", [0, 4])
def test_a_threshold_that_means_nothing_is_refused(threshold):
    with pytest.raises(SignatureInvalid, match="expected 1 to 3"):
        verified(signed(*BUILDERS), threshold=threshold)


def test_nobody_signed_is_not_enough():
    with pytest.raises(SignatureInvalid, match="0 builders"):
        verified([], threshold=1)
