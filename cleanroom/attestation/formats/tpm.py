"""What a TPM 2.0 quotes: TPMS_ATTEST and TPMT_SIGNATURE, byte by byte, and all of it big-endian.

Source: TCG "Trusted Platform Module Library, Part 2: Structures" (rev. 1.59): §10.12.12
TPMS_ATTEST, §10.12.8 TPMS_QUOTE_INFO, §10.9.7 TPML_PCR_SELECTION, §11.3.4 TPMT_SIGNATURE. Reading
says what the bytes are, not whether they are true: `silicon.tpm` does that.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from cleanroom.attestation.formats.reader import Reader
from cleanroom.attestation.formats.signatures import Suite, der_signature
from cleanroom.attestation.rejection import rejected

GENERATED = 0xFF544347
"""TPM_GENERATED_VALUE: a restricted key signs nothing else that starts so."""
ATTEST_QUOTE = 0x8018
"""TPM_ST_ATTEST_QUOTE."""
Bank = Literal["sha256", "sha384"]
"""A bank of PCRs; SHA-1 banks are refused, for collisions are cheap."""
BANKS: Mapping[int, Bank] = {0x000B: "sha256", 0x000C: "sha384"}
"""TPM_ALG_ID of the hash of a bank."""
LAST_PCR = 23
LONGEST = 512
"""The longest buffer in a quote: a signature of RSA-4096; in bytes."""
RSASSA, RSAPSS, ECDSA = 0x0014, 0x0016, 0x0018
SCHEMES: Mapping[tuple[int, int], tuple[Suite, Bank]] = {
    (RSASSA, 0x000B): ("rsa-pkcs1-sha256", "sha256"),
    (RSASSA, 0x000C): ("rsa-pkcs1-sha384", "sha384"),
    (RSAPSS, 0x000B): ("rsa-pss-sha256", "sha256"),
    (ECDSA, 0x000B): ("ecdsa-p256-sha256", "sha256"),
    (ECDSA, 0x000C): ("ecdsa-p384-sha384", "sha384"),
}
"""How an attestation key may sign, by scheme and hash; the hash is also that of the PCR digest."""


@dataclass(frozen=True, slots=True)
class Quoted:
    """A quote's fields; nothing is verified yet."""

    signed: bytes
    """All of it: what the attestation key signs."""
    extra_data: bytes
    """What the caller of TPM2_Quote chose; what carries the binding."""
    resets: int
    """How often the TPM was reset since its hierarchy was made."""
    restarts: int
    """How often it was restarted or resumed since the last reset."""
    firmware_version: int
    bank: Bank
    selection: tuple[int, ...]
    """Which PCRs, ascending."""
    pcr_digest: bytes
    """Hash of the values of the selection, one after the other."""


@dataclass(frozen=True, slots=True)
class TpmSignature:
    """How an attestation key signed."""

    suite: Suite
    digest: Bank
    """The hash of the scheme, which also makes the PCR digest."""
    raw: bytes
    """PKCS #1 bytes for RSA, DER for ECDSA."""


def read_quote(raw: bytes) -> Quoted:
    """Read TPMS_ATTEST, strictly.

    Raises:
        EvidenceRejected: not made by a TPM, no quote, of several banks or of one that is not safe,
            malformed, or followed by more bytes.
    """
    reader = Reader(raw, "TPM quote")
    _require(reader, 4, "magic", GENERATED)
    _require(reader, 2, "type", ATTEST_QUOTE)
    _buffer(reader, "qualified signer")
    extra_data = _buffer(reader, "extraData")
    reader.take(8, "clock")
    resets = reader.number(4, "reset count", "big")
    restarts = reader.number(4, "restart count", "big")
    reader.take(1, "clock safety")
    firmware_version = reader.number(8, "firmware version", "big")
    bank, selection = _selection(reader)
    pcr_digest = _buffer(reader, "PCR digest")
    reader.end()
    return Quoted(
        signed=raw,
        extra_data=extra_data,
        resets=resets,
        restarts=restarts,
        firmware_version=firmware_version,
        bank=bank,
        selection=selection,
        pcr_digest=pcr_digest,
    )


def read_signature(raw: bytes) -> TpmSignature:
    """Read TPMT_SIGNATURE, strictly.

    Raises:
        EvidenceRejected: another scheme or hash than those that are known here, or malformed.
    """
    reader = Reader(raw, "TPM signature")
    scheme, hashed = (reader.number(2, what, "big") for what in ("scheme", "hash"))
    if (scheme, hashed) not in SCHEMES:
        raise rejected(
            "TPM signature scheme",
            found=f"{scheme:#06x} with hash {hashed:#06x}",
            expected="RSASSA, RSAPSS or ECDSA with SHA-256 or SHA-384",
        )
    suite, digest = SCHEMES[scheme, hashed]
    value = _point(reader) if scheme == ECDSA else _buffer(reader, "signature")
    reader.end()
    return TpmSignature(suite, digest, value)


def _require(reader: Reader, size: int, field: str, expected: int) -> None:
    found = reader.number(size, field, "big")
    if found != expected:
        raise rejected(f"TPM quote {field}", found=f"{found:#x}", expected=f"{expected:#x}")


def _buffer(reader: Reader, field: str) -> bytes:
    """A TPM2B: a length of two bytes, and as many bytes."""
    size = reader.number(2, f"{field}'s length", "big")
    if size > LONGEST:
        raise rejected(
            f"{reader.what} {field}", found=f"{size} bytes", expected=f"at most {LONGEST} bytes"
        )
    return reader.take(size, field)


def _point(reader: Reader) -> bytes:
    halves = [_buffer(reader, "r").lstrip(b"\0"), _buffer(reader, "s").lstrip(b"\0")]
    size = max(len(half) for half in halves)
    if not all(halves):
        raise rejected("TPM signature", found="zero", expected="an ECDSA signature")
    return der_signature(b"".join(half.rjust(size, b"\0") for half in halves))


def _selection(reader: Reader) -> tuple[Bank, tuple[int, ...]]:
    banks = reader.number(4, "number of PCR banks", "big")
    if banks != 1:
        raise rejected("TPM quote", found=f"of {banks} PCR banks", expected="one")
    algorithm = reader.number(2, "PCR bank", "big")
    if algorithm not in BANKS:
        raise rejected("PCR bank", found=f"{algorithm:#06x}", expected="SHA-256 or SHA-384")
    bits = reader.number(reader.number(1, "size of select", "big"), "select", "little")
    selection = tuple(index for index in range(bits.bit_length()) if bits >> index & 1)
    if not selection or selection[-1] > LAST_PCR:
        raise rejected("PCR selection", found=f"{bits:#x}", expected=f"some of 0 to {LAST_PCR}")
    return BANKS[algorithm], selection
