"""Quotes, PCK extensions and their certificates: every byte has its place."""

from dataclasses import replace

import pytest

from cleanroom.attestation.formats.pck import SGX, read_pck
from cleanroom.attestation.formats.quote import BODIES, ENCLAVE_REPORT, HEADER, read_quote
from cleanroom.attestation.formats.x509 import Extension, pem_certificates, read_certificate
from cleanroom.attestation.silicon.intel import INTEL_SUITE
from cleanroom.errors import EvidenceRejected
from enclave.attester.issuing_intel import sgx_extension
from tests.support.platform import good_tdx_evidence, simulated_tdx

PPID, FMSPC = bytes(range(16)), bytes(range(6))


def quote(scenario="good"):
    return good_tdx_evidence(scenario).report


def altered(raw, at, value):
    return raw[:at] + value + raw[at + len(value) :]


def test_both_versions_are_read_with_their_body():
    assert (read_quote(quote()).version, read_quote(quote()).kind) == (4, "td10")
    newer = read_quote(quote("td15"))
    assert (newer.version, newer.kind) == (5, "td15")
    assert newer.body.octets["mr_service_td"] == bytes(48)


def test_signed_part_is_header_and_body_with_its_type():
    raw = quote()
    assert read_quote(raw).signed == raw[: HEADER.size + BODIES["td10"].size]
    newer = quote("td15")
    assert read_quote(newer).signed == newer[: HEADER.size + 6 + BODIES["td15"].size]


@pytest.mark.parametrize("scenario", ["good", "td15"])
def test_no_prefix_is_a_quote(scenario):
    raw = quote(scenario)
    for size in [*range(1200), *range(1200, len(raw), 37), len(raw) - 1]:
        with pytest.raises(EvidenceRejected, match=r"cut after|expected"):
            read_quote(raw[:size])


@pytest.mark.parametrize(
    ("at", "value", "message"),
    [
        (0, b"\x02\x00", "quote version is 2"),
        (0, b"\x06\x00", "quote version is 6"),
        (0, b"\x03\x00", "quote version is 3 for TEE type 0x81"),
        (2, b"\x03\x00", "attestation key type is 3"),
        (4, b"\x00\x00\x00\x00", "quote version is 4 for TEE type 0x0"),
        (4, b"\x82\x00\x00\x00", "TEE type 0x82"),
        (12, b"\x00", "QE vendor is"),
        (632, b"\xff\xff\xff\xff", "quote signature part is 4294967295 bytes"),
        (636 + 128, b"\x05\x00", "certification data type is 5, expected 6"),
    ],
)
def test_header_that_says_something_else(at, value, message):
    with pytest.raises(EvidenceRejected, match=message):
        read_quote(altered(quote(), at, value))


@pytest.mark.parametrize(
    ("number", "size"), [(1, 384), (2, 648), (3, 584), (4, 648), (3, 649), (9, 648)]
)
def test_body_type_or_size_that_does_not_fit(number, size):
    described = number.to_bytes(2, "little") + size.to_bytes(4, "little")
    with pytest.raises(EvidenceRejected, match=f"quote body is type {number} of {size} bytes"):
        read_quote(altered(quote("td15"), 48, described))


def test_certification_data_that_ends_before_the_part_does():
    raw = quote()
    at = 636 + 128 + 2
    size = int.from_bytes(raw[at : at + 4], "little")
    with pytest.raises(EvidenceRejected, match="is followed by 1 bytes"):
        read_quote(altered(raw, at, (size - 1).to_bytes(4, "little")))


def test_reserved_bytes_of_the_qe_report():
    at = 636 + 128 + 6 + 20
    with pytest.raises(EvidenceRejected, match="expected reserved bytes to be zero"):
        read_quote(altered(quote(), at, b"\x01"))


def test_newer_quote_of_an_enclave():
    raw = quote()
    header = altered(altered(raw[: HEADER.size], 0, b"\x05\x00"), 4, bytes(4))
    described = b"\x01\x00" + ENCLAVE_REPORT.size.to_bytes(4, "little")
    body = read_quote(raw).qe_report
    rest = raw[HEADER.size + BODIES["td10"].size :]
    found = read_quote(header + described + body + rest)
    assert (found.version, found.tee, found.kind) == (5, "sgx", "sgx")
    assert found.signed == header + described + body
    with pytest.raises(EvidenceRejected, match="quote body is type 1"):
        read_quote(altered(header, 4, b"\x81") + described + body + rest)


# --- the extension of PCK certificates ------------------------------------------------------------


def pck_with(value):
    encoded = pem_certificates(read_quote(quote()).pck_chain)[0]
    certificate = read_certificate(encoded, INTEL_SUITE)
    kept = {oid: one for oid, one in certificate.extensions.items() if oid != SGX}
    added = {SGX: Extension(critical=False, value=value)} if value else {}
    return replace(certificate, extensions=kept | added)


def test_extension_says_what_it_was_issued_for():
    found = read_pck(pck_with(sgx_extension(PPID, FMSPC, 200, 300)))
    assert (found.ppid, found.fmspc, found.pce_id) == (PPID, FMSPC, bytes(2))
    assert (found.components, found.pce_svn) == ((200,) * 16, 300)
    assert found.flags == {"dynamic_platform": False, "cached_keys": False, "smt": True}
    assert (found.sgx_type, found.instance) == ("scalable", PPID[::-1])


def test_certificate_without_the_extension():
    with pytest.raises(EvidenceRejected, match=rf"extension {SGX} is missing"):
        read_pck(pck_with(b""))


def test_no_prefix_is_an_extension():
    value = sgx_extension(PPID, FMSPC, 9, 11)
    for size in range(1, len(value)):
        with pytest.raises(EvidenceRejected, match="cut after"):
            read_pck(pck_with(value[:size]))


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        (PPID, PPID[:15] + b"", "cut after|tag"),
        (b"\x0a\x01\x01", b"\x0a\x01\x07", "SGX type is 7"),
        (b"\x01\x01\xff", b"\x01\x01\x01", "no boolean"),
    ],
)
def test_extension_with_a_value_of_another_kind(old, new, message):
    value = sgx_extension(PPID, FMSPC, 9, 11)
    assert old in value
    with pytest.raises(EvidenceRejected, match=message):
        read_pck(pck_with(value.replace(old, new)))


def test_part_that_is_there_twice():
    value = sgx_extension(PPID, FMSPC, 9, 11)
    fmspc, pce_id = b"\x0d\x01\x04", b"\x0d\x01\x03"
    assert value.count(pce_id) == 1
    with pytest.raises(EvidenceRejected, match="twice, expected each once"):
        read_pck(pck_with(value.replace(pce_id, fmspc)))


def test_machine_s_identity_is_in_its_certificate():
    encoded = pem_certificates(read_quote(quote()).pck_chain)[0]
    assert read_pck(read_certificate(encoded, INTEL_SUITE)).ppid == simulated_tdx().ppid
