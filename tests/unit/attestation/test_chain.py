"""Chains and certificates that are nearly right."""

from dataclasses import replace

import pytest
from cryptography import x509 as library
from cryptography.hazmat.primitives.asymmetric import padding
from cryptography.hazmat.primitives.hashes import SHA256, SHA384
from cryptography.hazmat.primitives.serialization import Encoding

from cleanroom.attestation.formats.amd_certificates import (
    AMD_SUITE,
    CSP_ID,
    HWID,
    PRODUCT_NAME,
    SPL,
    certified_chip,
    certified_tcb,
    csp_id,
    product_name,
)
from cleanroom.attestation.formats.snp import read_report
from cleanroom.attestation.formats.x509 import (
    BASIC_CONSTRAINTS,
    KEY_USAGE,
    Extension,
    read_certificate,
    require_authority,
)
from cleanroom.attestation.silicon.sev_snp import Chain, require_chain, require_report_signature
from cleanroom.errors import EvidenceRejected
from enclave.attester.issuing import PSS, _builder, name_of
from tests.support.platform import NOW, good_evidence, simulated_platform, verified


def good_chain():
    return Chain(
        *(read_certificate(encoded, AMD_SUITE) for encoded in good_evidence().endorsements)
    )


def changed_extension(certificate, oid, value):
    kept = {known: extension for known, extension in certificate.extensions.items() if known != oid}
    changed = {} if value is None else {oid: Extension(critical=False, value=value)}
    return replace(certificate, extensions=kept | changed)


def leaf_builder():
    platform = simulated_platform()
    return (
        _builder("SEV-VCEK", "SEV-Genoa", NOW, 365)
        .serial_number(7)
        .public_key(platform._chip_key.public_key())
    )


def signed(builder, *, suite=PSS, digest=SHA384):
    key = simulated_platform()._ask_key
    return builder.sign(key, digest(), rsa_padding=suite).public_bytes(Encoding.DER)


def unknown_extension(*, critical):
    oid = library.ObjectIdentifier("1.2.3.4")
    return leaf_builder().add_extension(library.UnrecognizedExtension(oid, b"x"), critical=critical)


def test_extension_that_nobody_here_understands_is_refused_once_it_is_critical():
    optional, critical = (
        replace(
            good_chain(), leaf=read_certificate(signed(unknown_extension(critical=flag)), AMD_SUITE)
        )
        for flag in (False, True)
    )
    require_chain(optional, NOW)
    with pytest.raises(EvidenceRejected, match=r"critical extension 1\.2\.3\.4 is unknown here"):
        require_chain(critical, NOW)


def test_intermediate_as_root():
    chain = good_chain()
    with pytest.raises(EvidenceRejected, match="SEV-Genoa is issued by another"):
        require_chain(replace(chain, root=chain.intermediate), NOW)


@pytest.mark.parametrize(
    "how",
    [
        {"suite": padding.PSS(padding.MGF1(SHA256()), 32), "digest": SHA256},
        {"suite": padding.PSS(padding.MGF1(SHA384()), 32)},
        {"suite": padding.PKCS1v15()},
    ],
)
def test_certificate_of_another_signature_suite(how):
    with pytest.raises(EvidenceRejected, match="expected rsa4096-pss-sha384"):
        read_certificate(signed(unknown_extension(critical=False), **how), AMD_SUITE)


@pytest.mark.parametrize("names", [[], ["SEV-VCEK", "SEV-VCEK"]])
def test_certificate_without_one_common_name(names):
    attributes = [attribute for name in names for attribute in name_of(name)]
    builder = unknown_extension(critical=False)
    other = library.CertificateBuilder(
        issuer_name=builder._issuer_name,
        subject_name=library.Name(attributes),
        public_key=builder._public_key,
        serial_number=7,
        not_valid_before=builder._not_valid_before,
        not_valid_after=builder._not_valid_after,
        extensions=builder._extensions,
    )
    with pytest.raises(EvidenceRejected, match=f"common name is there {len(names)} times"):
        read_certificate(signed(other), AMD_SUITE)


def test_extension_that_is_there_twice():
    encoded = good_evidence().endorsements[0]
    first, second = (bytes.fromhex("2b060104019c780103") + bytes([last]) for last in (1, 2))
    assert encoded.count(first) == encoded.count(second) == 1
    with pytest.raises(EvidenceRejected, match="twice, expected each once"):
        read_certificate(encoded.replace(second, first), AMD_SUITE)


def test_two_leaves_of_the_same_kind():
    other = simulated_platform().attester(bytes(48), bytes(32)).endorsements[0]
    evidence = good_evidence()
    both = [*evidence.endorsements, other]
    with pytest.raises(EvidenceRejected, match="SEV-VCEK certificate is there 2 times"):
        verified(evidence.model_copy(update={"endorsements": both}))


@pytest.mark.parametrize(
    ("oid", "value", "message"),
    [
        (BASIC_CONSTRAINTS, None, "is missing, expected in every authority"),
        (BASIC_CONSTRAINTS, bytes.fromhex("3000"), "no authority"),
        (BASIC_CONSTRAINTS, bytes.fromhex("30060101ff020101"), "an open path length"),
        (KEY_USAGE, None, "is missing, expected in every authority"),
        (KEY_USAGE, bytes.fromhex("03020780"), "no key that signs certificates"),
    ],
)
def test_intermediate_without_authority(oid, value, message):
    with pytest.raises(EvidenceRejected, match=message):
        require_authority(changed_extension(good_chain().intermediate, oid, value))


@pytest.mark.parametrize(
    ("read", "oid", "value", "message"),
    [
        (lambda leaf: certified_tcb(leaf, "Genoa"), f"{SPL}.3", None, "is missing"),
        (lambda leaf: certified_tcb(leaf, "Genoa"), f"{SPL}.3", b"\x02\x02\x01\x00", "is 256"),
        (lambda leaf: certified_tcb(leaf, "Turin"), f"{SPL}.8", b"\x02\x01\x01", "3.9 is missing"),
        (lambda leaf: certified_chip(leaf, "Genoa"), HWID, bytes(8), "is 8 bytes, expected 64"),
        (lambda leaf: certified_chip(leaf, "Turin"), HWID, bytes(64), "is 64 bytes, expected 8"),
        (product_name, PRODUCT_NAME, b"\x16\x05Genoa\x00", "followed by 1 bytes"),
        (product_name, PRODUCT_NAME, b"\x0c\x05Genoa", "no printable ASCII string"),
        (csp_id, CSP_ID, None, "is missing, expected in the leaf"),
    ],
)
def test_leaf_whose_extensions_are_off(read, oid, value, message):
    with pytest.raises(EvidenceRejected, match=message):
        read(changed_extension(good_chain().leaf, oid, value))


def test_leaf_key_of_another_kind():
    chain, report = good_chain(), read_report(good_evidence().report)
    with pytest.raises(EvidenceRejected, match="leaf key is another kind"):
        require_report_signature(report, chain.intermediate)
    with pytest.raises(EvidenceRejected, match="leaf key is unreadable"):
        require_report_signature(report, replace(chain.leaf, public_key=b"\x30\x00"))
