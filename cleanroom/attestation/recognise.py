"""Which kind of evidence some bytes are, so that a person need not say: a guess, and never trust.

Forms that are known: our own `Evidence` as canonical JSON, a SEV-SNP report (1184 bytes), a DCAP
quote, a Nitro document, a CCA token; each also as hex or base64 text. Parts of a TPM say nothing
about what they are of, so for them the platform must be said.
"""

import base64
import binascii
import re
from collections.abc import Sequence

from cleanroom.attestation.evidence import LARGEST_EVENT_LOG, LARGEST_REPORT, Evidence, Platform
from cleanroom.attestation.formats.cca import COLLECTION_TAG, WRAPPED_TAG
from cleanroom.attestation.formats.quote import SGX_TYPE, TDX_TYPE
from cleanroom.attestation.formats.snp import REPORT_SIZE
from cleanroom.attestation.rejection import rejected
from cleanroom.errors import CleanroomError

LARGEST_FILE = 2 * (LARGEST_REPORT + LARGEST_EVENT_LOG)
"""Evidence with a log, in base64; in bytes."""
_HEX = re.compile(rb"(?:0x)?((?:[0-9a-fA-F]{2}){16,})")
_BASE64 = re.compile(rb"[A-Za-z0-9+/\s]{40,}={0,2}")
_QUOTE_VERSIONS = (3, 4, 5)
NITRO_STARTS = (bytes.fromhex("8444a1013822"), bytes.fromhex("d28444a1013822"))
"""An array of four whose first member is the protected header {1: -35}, with or without tag 18."""


def recognise(
    raw: bytes,
    endorsements: Sequence[bytes] = (),
    event_log: bytes | None = None,
    platform: Platform | None = None,
) -> Evidence:
    """Some file's content as evidence.

    Args:
        raw: the file.
        endorsements: what came beside it: certificates, or Intel's collateral.
        event_log: what was measured, if the platform has such a log.
        platform: what it is of, where somebody says so.

    Raises:
        EvidenceRejected: no form that is known here.
    """
    if len(raw) > LARGEST_FILE:
        raise rejected(
            "the evidence", found=f"{len(raw)} bytes", expected=f"at most {LARGEST_FILE} bytes"
        )
    known = _record(raw)
    if known is None:
        plain = _plain(raw)
        found = platform or _platform_of(plain)
        known = Evidence.from_plain({"platform": found, "report": _text(plain), "endorsements": []})
    return _with(known, endorsements, event_log, platform)


def _with(
    evidence: Evidence,
    endorsements: Sequence[bytes],
    event_log: bytes | None,
    platform: Platform | None,
) -> Evidence:
    """The same evidence with what came beside it; whatever else it holds stays as it is."""
    changed: dict[str, object] = {"platform": platform or evidence.platform}
    changed["endorsements"] = [_text(one) for one in (*evidence.endorsements, *endorsements)]
    if event_log is not None:
        changed["event_log"] = _text(event_log)
    return Evidence.from_plain(evidence.to_plain() | changed)


def _text(raw: bytes) -> str:
    return base64.b64encode(raw).decode()


def _record(raw: bytes) -> Evidence | None:
    try:
        return Evidence.from_bytes(raw.strip())
    except CleanroomError:
        return None


def _platform_of(plain: bytes) -> Platform:
    if len(plain) == REPORT_SIZE and plain[0] < 16 and not any(plain[1:4]):
        return "sev-snp"
    version, tee = (int.from_bytes(plain[at:end], "little") for at, end in ((0, 2), (4, 8)))
    if version in _QUOTE_VERSIONS and plain[2:4] == b"\x02\x00" and tee in {SGX_TYPE, TDX_TYPE}:
        return "tdx" if tee == TDX_TYPE else "sgx"
    if plain.startswith(NITRO_STARTS):
        return "nitro"
    if plain.startswith((COLLECTION_TAG, WRAPPED_TAG)):
        return "cca"
    raise rejected(
        "the file",
        found="of no form that is known here",
        expected="evidence as JSON, a SEV-SNP report, a DCAP quote, a Nitro document, a CCA token",
        cause="say what it is of: --platform",
    )


def _plain(raw: bytes) -> bytes:
    """The bytes behind hex or base64 text; binary as it stands."""
    text = raw.strip()
    found = _HEX.fullmatch(text)
    if found:
        return bytes.fromhex(found[1].decode())
    if _BASE64.fullmatch(text):
        try:
            return base64.b64decode(b"".join(text.split()), validate=True)
        except binascii.Error:
            return raw
    return raw
