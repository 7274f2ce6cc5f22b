"""Is this TPM quote authentic? Cryptography only, under a key that the caller already trusts.

The steps, in this order, the first fault ends it:

1. read the quote and its signature strictly: made by a TPM, a quote, of one safe bank;
2. the signature under the attestation key;
3. the values that came along are of exactly the quoted PCRs, and their digest is the quoted one;
4. the event log, where there is one, explains the firmware's PCRs.

Whose key it is, is told by the platform: a vendor's certificate, a paravisor's words or a manifest.

Checks that are deliberately not made: the qualified signer (the key itself is known, so its place
in a hierarchy adds nothing), the clock (it is the TPM's own) and the firmware version (of no
published meaning; it is shown).
"""

import hashlib
import hmac
from collections.abc import Mapping
from dataclasses import dataclass

from cleanroom.attestation.formats.event_log import measured, read_event_log, replay
from cleanroom.attestation.formats.signatures import require_signed
from cleanroom.attestation.formats.tpm import Quoted, read_quote, read_signature
from cleanroom.attestation.formats.tpm_parts import Quotation
from cleanroom.attestation.rejection import rejected

FIRMWARE_PCRS = range(8)
"""What the firmware measures before it starts the boot loader: its log must explain all of it."""


@dataclass(frozen=True, slots=True)
class AuthenticQuote:
    """A quote that its key vouches for; its extra data is not compared yet."""

    quoted: Quoted
    pcrs: Mapping[int, bytes]
    """The quoted values."""
    explained: tuple[int, ...]
    """Which of them the event log explains; none without a log."""


def carried(binding: bytes) -> bytes:
    """How a quote carries a binding: its SHA-256, for 64 bytes do not fit into every TPM."""
    return hashlib.sha256(binding).digest()


def authenticate(
    quotation: Quotation, public_key: bytes, event_log: bytes | None = None
) -> AuthenticQuote:
    """The quote, once steps 1 to 4 hold.

    Args:
        quotation: from anybody.
        public_key: the attestation key, SubjectPublicKeyInfo, DER; trusted already.
        event_log: what the firmware and the boot loader measured, crypto-agile.

    Raises:
        EvidenceRejected: the first step that does not hold.
    """
    # 1
    quoted, signature = read_quote(quotation.message), read_signature(quotation.signature)
    # 2
    require_signed(quoted.signed, signature.raw, public_key, "the TPM quote", signature.suite)
    # 3
    pcrs = {int(index): bytes.fromhex(value) for index, value in quotation.pcrs.items()}
    require_quoted(pcrs, quoted, signature.digest)
    # 4
    explained = () if event_log is None else explained_by(event_log, pcrs, quoted)
    return AuthenticQuote(quoted, pcrs, explained)


def require_quoted(pcrs: Mapping[int, bytes], quoted: Quoted, hashed: str) -> None:
    """Step 3: these are the values that were quoted (TPM Library, Part 3, §18.4).

    Raises:
        EvidenceRejected: other registers, values of another size, or another digest.
    """
    if tuple(sorted(pcrs)) != quoted.selection:
        raise rejected(
            "PCR values", found=f"of {sorted(pcrs)}", expected=f"of {list(quoted.selection)}"
        )
    size = hashlib.new(quoted.bank).digest_size
    if any(len(value) != size for value in pcrs.values()):
        raise rejected("PCR values", found="of another size", expected=f"{size} bytes each")
    values = b"".join(pcrs[index] for index in quoted.selection)
    if not hmac.compare_digest(hashlib.new(hashed, values).digest(), quoted.pcr_digest):
        raise rejected(
            "PCR values",
            found="not those that were quoted",
            expected="values with the quoted digest",
            cause="a register was extended between the quote and the reading of its value",
        )


def explained_by(event_log: bytes, pcrs: Mapping[int, bytes], quoted: Quoted) -> tuple[int, ...]:
    """Step 4: which of the quoted values the log explains.

    What runs after the firmware extends further registers without writing into this log, so only
    the firmware's own must be explained.

    Raises:
        EvidenceRejected: the log is malformed, or a register of the firmware holds something else.
    """
    events = read_event_log(event_log)
    touched = {event.register for event in measured(events)} | set(FIRMWARE_PCRS)
    replayed = replay(events, quoted.bank, touched)
    explained = tuple(index for index in sorted(touched) if pcrs.get(index) == replayed[index])
    for index in FIRMWARE_PCRS:
        if index in pcrs and index not in explained:
            raise rejected(
                f"PCR {index}",
                found=pcrs[index].hex(),
                expected=f"{replayed[index].hex()}, as the event log says",
                cause="the log is another boot's, or was altered",
            )
    return explained
