"""What evidence says about itself before anybody vouches for it: for reading, never for deciding.

Rows of words only. No `Claims` come out of here, so nothing that relies on claims can take them.
"""

from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime
from types import MappingProxyType
from typing import NamedTuple

from cleanroom.attestation.binding import BINDING_LENGTH, Binding, binding_of
from cleanroom.attestation.evidence import Evidence, Platform
from cleanroom.attestation.formats import tpm
from cleanroom.attestation.formats.cca import read_collection, read_platform, read_realm
from cleanroom.attestation.formats.cose import read_sign1
from cleanroom.attestation.formats.hcl import read_hcl_report
from cleanroom.attestation.formats.nitro import read_document
from cleanroom.attestation.formats.quote import TD_ATTRIBUTES, read_quote
from cleanroom.attestation.formats.reader import Fields
from cleanroom.attestation.formats.signatures import Suite
from cleanroom.attestation.formats.snp import (
    GUEST_POLICY_BITS,
    PLATFORM_BITS,
    read_report,
    read_tcb,
)
from cleanroom.attestation.formats.tpm_parts import AzureParts, Quotation, TpmParts, read_parts
from cleanroom.attestation.rejection import rejected

SIGNED_BY: tuple[Suite, ...] = ("ecdsa-p256-sha256", "ecdsa-p384-sha384")
"""How COSE messages of the known platforms may be signed."""


class Saying(NamedTuple):
    """One thing that evidence says."""

    field: str
    """Its name in the format's specification, or in ours."""
    value: str


def sayings(evidence: Evidence) -> list[Saying]:
    """Everything that a person may want to read; nothing of it is verified.

    Raises:
        EvidenceRejected: it cannot be read.
    """
    devices = [
        (f"attached device {index}", f"{one.platform}, {len(one.report)} bytes")
        for index, one in enumerate(evidence.attached)
    ]
    return [Saying(*pair) for pair in (*_pairs(evidence), *devices)]


def claimed_binding(evidence: Evidence) -> Binding:
    """The 64 bytes that evidence carries itself: to look at evidence whose conversation is over.

    Raises:
        EvidenceRejected: it carries a digest of a binding, or other bytes.
    """
    found = dict(_pairs(evidence)).get("report data", "")
    raw = bytes.fromhex(found)
    if len(raw) != BINDING_LENGTH:
        raise rejected(
            "the report data",
            found=f"{len(raw)} bytes",
            expected=f"{BINDING_LENGTH} bytes",
            cause="this evidence carries no whole binding: say which one is expected",
        )
    return binding_of(raw)


Pairs = Iterator[tuple[str, str]]


def _pairs(evidence: Evidence) -> Pairs:
    reader = _READERS.get(evidence.platform)
    if reader is None:
        raise rejected(
            f"{evidence.platform} evidence", found="not readable without verifying", expected="that"
        )
    return reader(evidence)


def _snp(evidence: Evidence) -> Pairs:
    yield from _snp_report(evidence.report)


def _snp_report(raw: bytes) -> Pairs:
    report = read_report(raw)
    octets, numbers = report.fields.octets, report.fields.numbers
    yield "report version", str(report.version)
    yield "product", report.product or "not said (version 2)"
    yield "measurement", octets["measurement"].hex()
    yield "host data", octets["host_data"].hex()
    yield "report data", octets["report_data"].hex()
    yield "chip id", octets["chip_id"].hex()
    yield "signing key", report.signing_key
    yield "vmpl", str(numbers["vmpl"])
    yield "guest svn", str(numbers["guest_svn"])
    yield "guest policy", _bits(numbers["policy"], GUEST_POLICY_BITS)
    yield "platform", _bits(numbers["platform_info"], PLATFORM_BITS)
    for which in ("reported", "committed", "launch", "current"):
        raw_tcb = octets[f"{which}_tcb"]
        levels = read_tcb(raw_tcb, report.product) if report.product else {}
        told = " ".join(f"{name}={level}" for name, level in levels.items())
        yield f"{which} tcb", told or raw_tcb.hex()
    for name in ("id_key_digest", "author_key_digest", "family_id", "image_id"):
        yield name.replace("_", " "), octets[name].hex()


def _dcap(evidence: Evidence) -> Pairs:
    quote = read_quote(evidence.report)
    yield "quote version", str(quote.version)
    yield "body", quote.kind
    yield from _body(quote.body)


def _body(body: Fields) -> Pairs:
    for name, octets in body.octets.items():
        yield name.replace("_", " "), octets.hex()
    for name, number in body.numbers.items():
        named = name == "td_attributes"
        yield name.replace("_", " "), _bits(number, TD_ATTRIBUTES) if named else str(number)


def _nitro(evidence: Evidence) -> Pairs:
    message = read_sign1(evidence.report, "Nitro document", SIGNED_BY, tag_optional=True)
    document = read_document(message.payload)
    signed = datetime.fromtimestamp(min(document.timestamp // 1000, 2**33), UTC)
    yield "module id", document.module_id
    yield "timestamp", f"{signed:%Y-%m-%dT%H:%M:%SZ}"
    for number, content in sorted(document.pcrs.items()):
        if any(content) or number < 3:
            yield f"pcr {number}", content.hex()
    yield "report data", document.user_data.hex()
    yield "nonce", document.nonce.hex()
    yield "public key", document.public_key.hex()


def _cca(evidence: Evidence) -> Pairs:
    signed_platform, signed_realm = read_collection(evidence.report)
    platform = read_platform(read_sign1(signed_platform, "platform token", SIGNED_BY).payload)
    realm = read_realm(read_sign1(signed_realm, "realm token", SIGNED_BY).payload)
    yield "implementation id", platform.implementation_id.hex()
    yield "instance id", platform.instance_id.hex()
    yield "lifecycle", f"{platform.lifecycle_number:#06x} ({platform.lifecycle})"
    yield "report data", realm.challenge.hex()
    yield "realm initial measurement", realm.initial.hex()
    for index, value in enumerate(realm.extensible):
        yield f"realm extensible measurement {index}", value.hex()
    yield "realm personalisation", realm.personalization.hex()


def _azure(evidence: Evidence) -> Pairs:
    parts = read_parts(AzureParts, evidence.report)
    report = read_hcl_report(parts.hcl_report)
    yield "vm id", report.words.vm_id
    yield "secure boot", str(report.words.secure_boot)
    yield "console", str(report.words.console)
    yield from _quoted(parts.quotation)
    pairs: Pairs = iter(())
    if report.below == "snp":
        pairs = _snp_report(report.report)
    elif parts.td_quote is not None:
        pairs = _body(read_quote(parts.td_quote).body)
    for name, value in pairs:
        yield f"processor: {name}", value


def _tpm(evidence: Evidence) -> Pairs:
    yield from _quoted(read_parts(TpmParts, evidence.report).quotation)


def _quoted(quotation: Quotation) -> Pairs:
    quoted = tpm.read_quote(quotation.message)
    yield "digest of the binding", quoted.extra_data.hex()
    for index, value in sorted(quotation.pcrs.items(), key=lambda pcr: int(pcr[0])):
        yield f"pcr {index}", value


def _bits(word: int, names: Mapping[str, int]) -> str:
    told = [name for name, bit in names.items() if word >> bit & 1]
    return f"{word:#x} ({', '.join(told) or 'none of the named bits'})"


_READERS: Mapping[Platform, Callable[[Evidence], Pairs]] = MappingProxyType(
    {
        "sev-snp": _snp,
        "azure-aci": _snp,
        "tdx": _dcap,
        "sgx": _dcap,
        "nitro": _nitro,
        "cca": _cca,
        "azure-snp": _azure,
        "azure-tdx": _azure,
        "gcp-vtpm": _tpm,
        "tpm": _tpm,
    }
)
