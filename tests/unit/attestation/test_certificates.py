"""The strict certificate reader: agrees with the library, and reads what that one will refuse."""

import warnings
from datetime import UTC, datetime, timedelta

import pytest
from cryptography import x509 as library
from cryptography.utils import CryptographyDeprecationWarning

from cleanroom.attestation.formats import der
from cleanroom.attestation.formats.amd_certificates import AMD_SUITE, read_endorsements
from cleanroom.attestation.formats.cert_table import GUIDS
from cleanroom.attestation.formats.der import Der
from cleanroom.attestation.formats.signatures import require_signed
from cleanroom.attestation.formats.x509 import (
    pem_certificates,
    read_certificate,
    require_authority,
    require_valid,
)
from cleanroom.errors import EvidenceRejected
from tests.support.platform import NOW, good_evidence

LEAF, INTERMEDIATE, ROOT = range(3)


def encoded(which):
    return good_evidence().endorsements[which]


def certificate(which):
    return read_certificate(encoded(which), AMD_SUITE)


@pytest.mark.parametrize("which", [INTERMEDIATE, ROOT])
def test_reader_agrees_with_the_library(which):
    ours, theirs = certificate(which), library.load_der_x509_certificate(encoded(which))
    assert ours.serial == theirs.serial_number
    assert ours.tbs == theirs.tbs_certificate_bytes
    assert ours.signature == theirs.signature
    assert (ours.issuer, ours.subject) == (
        theirs.issuer.public_bytes(),
        theirs.subject.public_bytes(),
    )
    assert ours.not_before == theirs.not_valid_before_utc
    assert ours.not_after == theirs.not_valid_after_utc
    assert ours.fingerprint.removeprefix("sha256:") == library_fingerprint(theirs)
    assert list(ours.extensions) == [entry.oid.dotted_string for entry in theirs.extensions]


def library_fingerprint(theirs):
    from cryptography.hazmat.primitives.hashes import SHA256

    return theirs.fingerprint(SHA256()).hex()


def test_canary_the_library_still_objects_to_serial_number_zero():
    """When this fails, the library refuses or accepts AMD's leaves: look at its changelog."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with pytest.raises((CryptographyDeprecationWarning, ValueError)):
            library.load_der_x509_certificate(encoded(LEAF)).serial_number  # noqa: B018


def test_serial_number_zero_is_read_without_a_warning():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert read_certificate.__wrapped__(encoded(LEAF), AMD_SUITE).serial == 0


def test_no_prefix_is_a_certificate():
    raw = encoded(LEAF)
    for size in range(len(raw)):
        with pytest.raises(EvidenceRejected):
            read_certificate(raw[:size], AMD_SUITE)


def test_trailing_byte_after_a_certificate():
    with pytest.raises(EvidenceRejected, match="followed by 1 bytes"):
        read_certificate(encoded(LEAF) + b"\0", AMD_SUITE)


def test_altered_certificate_is_not_its_issuers():
    leaf, issuer = certificate(LEAF), certificate(INTERMEDIATE)
    with pytest.raises(EvidenceRejected, match="signature of SEV-VCEK is not its issuer's"):
        require_signed(
            leaf.tbs + b"\0", leaf.signature, issuer.public_key, leaf.common_name, AMD_SUITE
        )


def test_issuer_with_another_kind_of_key():
    leaf = certificate(LEAF)
    with pytest.raises(EvidenceRejected, match="is another, expected RSA with 4096 bits"):
        require_signed(leaf.tbs, leaf.signature, leaf.public_key, leaf.common_name, AMD_SUITE)
    with pytest.raises(EvidenceRejected, match="is unreadable"):
        require_signed(leaf.tbs, leaf.signature, b"\x30\x00", leaf.common_name, AMD_SUITE)


def test_leaf_is_no_authority():
    with pytest.raises(EvidenceRejected, match=r"extension 2.5.29.19 is missing"):
        require_authority(certificate(LEAF))


def test_root_is_no_intermediate():
    with pytest.raises(EvidenceRejected, match="pathLenConstraint"):
        require_authority(certificate(ROOT))


@pytest.mark.parametrize("days", [-30, 4000])
def test_time_outside_validity(days):
    with pytest.raises(EvidenceRejected, match="outside the validity of SEV-VCEK"):
        require_valid(certificate(LEAF), NOW + timedelta(days=days))


def test_endorsements_come_as_pem_and_each_counts_once():
    from cryptography.hazmat.primitives.serialization import Encoding

    pems = [
        library.load_der_x509_certificate(encoded(which)).public_bytes(Encoding.PEM)
        for which in (INTERMEDIATE, ROOT)
    ]
    found = read_endorsements([b"".join(pems), encoded(ROOT)])
    assert [one.common_name for one in found] == ["SEV-Genoa", "ARK-Simulated"]


@pytest.mark.parametrize(
    "text",
    [
        b"",
        b"-----BEGIN CERTIFICATE-----\n!!!!\n-----END CERTIFICATE-----\n",
        b"-----BEGIN CERTIFICATE-----\nAAA\n-----END CERTIFICATE-----\n",
        b"-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n",
    ],
)
def test_pem_that_is_no_list_of_certificates(text):
    with pytest.raises(EvidenceRejected, match="PEM endorsement"):
        pem_certificates(text)


@pytest.mark.parametrize("junk", [b"\x00", b"\x31\x00", b"0", b"junk", b"-----BEGIN junk"])
def test_endorsement_that_is_nothing_known(junk):
    with pytest.raises(EvidenceRejected):
        read_endorsements([junk])


def test_empty_certificate_table_holds_no_certificate():
    assert read_endorsements([bytes(24)]) == ()


def test_table_inside_a_table_is_not_followed():
    guid = GUIDS["ARK"]
    nested = guid + (48).to_bytes(4, "little") + (24).to_bytes(4, "little") + bytes(24) + bytes(24)
    with pytest.raises(EvidenceRejected, match="tag 0x00, expected tag 0x30"):
        read_endorsements([nested])


@pytest.mark.parametrize(
    ("raw", "message"),
    [
        (b"\x02\x81\x01\x00", "longer form than needed"),
        (b"\x02\x82\x00\x81" + bytes(129), "longer form than needed"),
        (b"\x02\x80\x00\x00", "a length without end"),
        (b"\x02\x84\x00\x00\x00\x01\x00", "a length without end or beyond bounds"),
        (b"\x02\x02\x00\x01", "no shortest non-negative integer"),
        (b"\x02\x01\xff", "no shortest non-negative integer"),
        (b"\x02\x00", "no shortest non-negative integer"),
        (b"\x03\x01\x00", "tag 0x03, expected tag 0x02"),
        (b"", "cut after 0 bytes"),
    ],
)
def test_integer_that_is_not_strict_der(raw, message):
    with pytest.raises(EvidenceRejected, match=message):
        Der(raw, "thing").integer("number")


@pytest.mark.parametrize(
    ("tag", "text", "expected"),
    [
        (der.UTC_TIME, b"491231235959Z", datetime(2049, 12, 31, 23, 59, 59, tzinfo=UTC)),
        (der.UTC_TIME, b"500101000000Z", datetime(1950, 1, 1, tzinfo=UTC)),
        (der.GENERALIZED_TIME, b"20500101000000Z", datetime(2050, 1, 1, tzinfo=UTC)),
    ],
)
def test_times(tag, text, expected):
    assert Der(bytes([tag, len(text)]) + text, "thing").time("time") == expected


@pytest.mark.parametrize(
    ("tag", "text"),
    [
        (der.UTC_TIME, b"4912312359Z"),
        (der.UTC_TIME, b"491231235959+0100"),
        (der.UTC_TIME, b"491331235959Z"),
        (der.GENERALIZED_TIME, b"20500101000000.5Z"),
    ],
)
def test_time_in_another_form(tag, text):
    with pytest.raises(EvidenceRejected, match="time"):
        Der(bytes([tag, len(text)]) + text, "thing").time("time")


def test_text_with_control_characters_never_reaches_a_terminal():
    with pytest.raises(EvidenceRejected, match="no printable ASCII string"):
        Der(b"\x16\x04\x1b[2J", "thing").text("name", (der.IA5_STRING,))


@pytest.mark.parametrize("raw", [b"\x06\x00", b"\x06\x01\x80"])
def test_object_identifier_that_is_incomplete(raw):
    with pytest.raises(EvidenceRejected, match="incomplete object identifier"):
        Der(raw, "thing").oid("oid")


def test_boolean_and_bit_string_have_one_form():
    with pytest.raises(EvidenceRejected, match="a boolean other than true"):
        Der(b"\x01\x01\x01", "thing").true("flag")
    with pytest.raises(EvidenceRejected, match="unused bits"):
        Der(b"\x03\x02\x01\x00", "thing").bits("bits")
