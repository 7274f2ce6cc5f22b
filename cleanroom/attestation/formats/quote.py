"""DCAP quotes of SGX and TDX, byte by byte.

Offsets are those of Intel's "SGX Data Center Attestation Primitives: ECDSA Quote Library API"
(appendix A.3, A.4) and of "TDX DCAP Quoting Library API" (appendix A.3, for versions 4 and 5).
Reading says what the bytes are, not whether they are true: `silicon.dcap` does that.
"""

from dataclasses import dataclass
from typing import Literal

from cleanroom.attestation.formats.reader import Fields, Layout, Reader, Row
from cleanroom.attestation.rejection import rejected

Version = Literal[3, 4, 5]
Tee = Literal["sgx", "tdx"]
Body = Literal["sgx", "td10", "td15"]
"""Which report a quote carries: of an enclave, or of a guest of TDX 1.0 or 1.5."""
INTEL_QE_VENDOR = bytes.fromhex("939a7233f79c4ca9940a0db3957f0607")
"""Who made the quoting enclave: Intel."""
ECDSA_P256 = 2
"""The attestation key type; others were never used or are post-quantum drafts."""
SGX_TYPE, TDX_TYPE = 0x00, 0x81
KNOWN: dict[tuple[int, int], tuple[Version, Tee]] = {
    (3, SGX_TYPE): (3, "sgx"),
    (4, TDX_TYPE): (4, "tdx"),
    (5, SGX_TYPE): (5, "sgx"),
    (5, TDX_TYPE): (5, "tdx"),
}
"""Which versions are quotes of which TEE type."""
BODY_TYPES: dict[int, Body] = {1: "sgx", 2: "td10", 3: "td15"}
"""Body types of version 5."""
PCK_CHAIN, QE_REPORT_CERTIFICATION = 5, 6
"""Types of certification data: a PEM chain, and a QE report that holds other data."""
LARGEST_SIGNATURE_PART = 32 * 1024
"""Three certificates and an enclave report take less than 6 KiB; in bytes."""

TD_ATTRIBUTES = {
    "debug": 0,
    "hgs_plus_prof": 4,
    "perf_prof": 5,
    "pmt_prof": 6,
    "icssd": 16,
    "lass": 27,
    "sept_ve_disable": 28,
    "migratable": 29,
    "pks": 30,
    "kl": 31,
    "tpa": 62,
    "perfmon": 63,
}
"""ATTRIBUTES (Intel TDX Module 1.5 ABI Specification, §3.4.1)."""
HEADER = Layout(
    "quote header",
    48,
    "little",
    (
        Row(0, 2, "version", "number"),
        Row(2, 2, "att_key_type", "number"),
        Row(4, 4, "tee_type", "number"),
        Row(8, 2, "qe_svn", "number"),
        Row(10, 2, "pce_svn", "number"),
        Row(12, 16, "qe_vendor_id", "bytes"),
        Row(28, 20, "user_data", "bytes"),
    ),
)
_TD10_ROWS = (
    Row(0, 16, "tee_tcb_svn", "bytes"),
    Row(16, 48, "mr_seam", "bytes"),
    Row(64, 48, "mr_signer_seam", "bytes"),
    Row(112, 8, "seam_attributes", "bytes"),
    Row(120, 8, "td_attributes", "number"),
    Row(128, 8, "xfam", "number"),
    Row(136, 48, "mr_td", "bytes"),
    Row(184, 48, "mr_config_id", "bytes"),
    Row(232, 48, "mr_owner", "bytes"),
    Row(280, 48, "mr_owner_config", "bytes"),
    *(Row(328 + 48 * index, 48, f"rtmr{index}", "bytes") for index in range(4)),
    Row(520, 64, "report_data", "bytes"),
)
ENCLAVE_REPORT = Layout(
    "enclave report",
    384,
    "little",
    (
        Row(0, 16, "cpu_svn", "bytes"),
        Row(16, 4, "misc_select", "number"),
        Row(20, 12, "reserved", "zero"),
        Row(32, 16, "isv_ext_prod_id", "bytes"),
        Row(48, 16, "attributes", "bytes"),
        Row(64, 32, "mr_enclave", "bytes"),
        Row(96, 32, "reserved", "zero"),
        Row(128, 32, "mr_signer", "bytes"),
        Row(160, 32, "reserved", "zero"),
        Row(192, 64, "config_id", "bytes"),
        Row(256, 2, "isv_prod_id", "number"),
        Row(258, 2, "isv_svn", "number"),
        Row(260, 2, "config_svn", "number"),
        Row(262, 42, "reserved", "zero"),
        Row(304, 16, "isv_family_id", "bytes"),
        Row(320, 64, "report_data", "bytes"),
    ),
)
BODIES: dict[Body, Layout] = {
    "sgx": ENCLAVE_REPORT,
    "td10": Layout("TD report 1.0", 584, "little", _TD10_ROWS),
    "td15": Layout(
        "TD report 1.5",
        648,
        "little",
        (
            *_TD10_ROWS,
            Row(584, 16, "tee_tcb_svn2", "bytes"),
            Row(600, 48, "mr_service_td", "bytes"),
        ),
    ),
}


@dataclass(frozen=True, slots=True)
class Quote:
    """A quote's fields; nothing is verified yet."""

    version: Version
    tee: Tee
    kind: Body
    body: Fields
    signed: bytes
    """What the attestation key signs: header, body and (version 5) the body's type and size."""
    signature: bytes
    """r ‖ s, big-endian, 64 bytes."""
    attestation_key: bytes
    """x ‖ y of a P-256 point, 64 bytes."""
    qe_report: bytes
    """The quoting enclave's own report, 384 bytes."""
    qe_fields: Fields
    qe_signature: bytes
    """Of the platform's PCK over `qe_report`; r ‖ s, 64 bytes."""
    qe_auth: bytes
    """Chosen by the quoting enclave."""
    pck_chain: bytes
    """PEM: the PCK certificate, its authority, the root."""


def read_quote(raw: bytes) -> Quote:
    """Read a quote, strictly up to its declared length.

    What follows the declared length is not part of the quote: buffers of fixed size are common.

    Raises:
        EvidenceRejected: another version, key type, maker or body; a length that does not fit.
    """
    reader = Reader(raw, "quote")
    header = HEADER.read(reader.take(HEADER.size, "header"))
    version, tee = _known(header)
    kind = _body_kind(reader, version, tee)
    body = BODIES[kind].read(reader.take(BODIES[kind].size, "body"))
    signed = raw[: len(raw) - reader.left]
    size = reader.number(4, "signature part's length", "little")
    if size > LARGEST_SIGNATURE_PART:
        raise rejected(
            "quote signature part",
            found=f"{size} bytes",
            expected=f"at most {LARGEST_SIGNATURE_PART} bytes",
        )
    part = Reader(reader.take(size, "signature part"), "quote signature part")
    signature, key = part.take(64, "signature"), part.take(64, "attestation key")
    certified = part if version == 3 else _certification(part, QE_REPORT_CERTIFICATION)
    qe_report = certified.take(ENCLAVE_REPORT.size, "QE report")
    qe_signature = certified.take(64, "QE report signature")
    qe_auth = certified.take(certified.number(2, "QE data's length", "little"), "QE data")
    chain = _certification(certified, PCK_CHAIN)
    return Quote(
        version=version,
        tee=tee,
        kind=kind,
        body=body,
        signed=signed,
        signature=signature,
        attestation_key=key,
        qe_report=qe_report,
        qe_fields=ENCLAVE_REPORT.read(qe_report),
        qe_signature=qe_signature,
        qe_auth=qe_auth,
        pck_chain=chain.take(chain.left, "PCK chain"),
    )


def _known(header: Fields) -> tuple[Version, Tee]:
    version, tee_type = header.numbers["version"], header.numbers["tee_type"]
    if header.numbers["att_key_type"] != ECDSA_P256:
        raise rejected(
            "attestation key type",
            found=str(header.numbers["att_key_type"]),
            expected="2 (ECDSA P-256)",
        )
    if header.octets["qe_vendor_id"] != INTEL_QE_VENDOR:
        raise rejected("QE vendor", found=header.octets["qe_vendor_id"].hex(), expected="Intel")
    known = KNOWN.get((version, tee_type))
    if known is None:
        raise rejected(
            "quote version",
            found=f"{version} for TEE type {tee_type:#x}",
            expected="3 or 5 (SGX), 4 or 5 (TDX)",
        )
    return known


def _body_kind(reader: Reader, version: Version, tee: Tee) -> Body:
    if version < 5:
        return "sgx" if tee == "sgx" else "td10"
    number, size = reader.number(2, "body type", "little"), reader.number(4, "body size", "little")
    kind = BODY_TYPES.get(number)
    if kind is None or (kind == "sgx") != (tee == "sgx") or size != BODIES[kind].size:
        raise rejected(
            "quote body",
            found=f"type {number} of {size} bytes",
            expected="the report of an enclave, or of a guest of TDX 1.0 or 1.5",
        )
    return kind


def _certification(reader: Reader, expected: int) -> Reader:
    """The one certification data that is left, which must be of this type."""
    found = reader.number(2, "certification data type", "little")
    if found != expected:
        raise rejected(
            "certification data type",
            found=str(found),
            expected=str(expected),
            cause="the platform's PCK certificates must be inside the quote, as a chain",
        )
    size = reader.number(4, "certification data's length", "little")
    inner = Reader(reader.take(size, "certification data"), "certification data")
    reader.end()
    return inner
