"""Real quotes of TPMs, as go-tpm-tools keeps them: a protobuf message `Attestation`."""

from collections.abc import Iterator
from datetime import UTC, datetime

from cleanroom.attestation.anchors import Anchors
from cleanroom.attestation.claims import TpmClaims
from cleanroom.attestation.collateral import Collateral
from cleanroom.attestation.evidence import Evidence
from cleanroom.attestation.formats.tpm_parts import Quotation, TpmParts
from cleanroom.attestation.formats.tpm_public import read_attestation_key
from cleanroom.attestation.platforms.tpm import authenticate
from cleanroom.attestation.policy import TpmPolicy
from tests.support.vectors import VECTORS, Case

NOW = datetime(2026, 6, 1, tzinfo=UTC)
BANKS = {4: "sha1", 11: "sha256", 12: "sha384"}


def fields_of(raw: bytes) -> Iterator[tuple[int, int | bytes]]:
    """The fields of a protobuf message: (number, value) each; enough for these samples."""
    at = 0

    def varint() -> int:
        nonlocal at
        value = shift = 0
        while True:
            octet = raw[at]
            at += 1
            value |= (octet & 0x7F) << shift
            shift += 7
            if octet < 0x80:
                return value

    while at < len(raw):
        tag = varint()
        value = varint()
        if tag & 7 == 2:
            value, at = raw[at : at + value], at + value
        yield tag >> 3, value


def grouped(raw: bytes) -> dict:
    """The fields of a message by number."""
    found = {}
    for number, value in fields_of(raw):
        found.setdefault(number, []).append(value)
    return found


class Sample:
    """A sample of go-tpm-tools: a key, three quotes and a log."""

    def __init__(self, case: Case) -> None:
        message = grouped((VECTORS / case["evidence"]).read_bytes())
        (self.key,), (self.log,) = message[1], message[3]
        self.quotes = dict(map(self.quote, message[2]))

    def quote(self, raw: bytes) -> tuple[str, dict]:
        """A bank, and the fields of its quotation."""
        parts = grouped(raw)
        bank = grouped(parts[3][0])
        values = dict(map(self.register, bank[2]))
        fields = {"message": parts[1][0], "signature": parts[2][0], "pcrs": values}
        return BANKS[bank[1][0]], fields

    def register(self, raw: bytes) -> tuple[str, str]:
        """A register and its value."""
        entry = grouped(raw)
        return str(entry.get(1, [0])[0]), entry[2][0].hex()

    @property
    def key_name(self) -> str:
        """What is registered."""
        return read_attestation_key(self.key).name

    def evidence(self, bank: str, log: bytes | None = None) -> Evidence:
        """The quote of a bank as evidence."""
        parts = TpmParts(quotation=Quotation(**self.quotes[bank]), key=self.key)
        return Evidence(platform="tpm", report=parts.to_bytes(), endorsements=[], event_log=log)

    def policy(self, claims: TpmClaims) -> TpmPolicy:
        """What pins the quote and leaves everything else at its default."""
        return TpmPolicy.from_plain(
            {
                "platform": "tpm",
                "memory": "open-to-host",
                "keys": [self.key_name],
                "boot": {
                    "bank": claims.boot.bank,
                    "pcrs": {index: [claims.boot.pcrs[index]] for index in ("4", "7")},
                },
                "host_data": "any",
            }
        )


def under(name: str, evidence: Evidence) -> TpmClaims:
    """The claims in evidence whose key is registered by this name."""
    anchors = Anchors("hardware", Anchors.vendor().fingerprints, frozenset({name}))
    return authenticate(evidence, anchors=anchors, collateral=Collateral(), now=NOW)


def authenticated(case: Case) -> TpmClaims:
    """The claims in the SHA-256 quote of a case, with its log."""
    sample = Sample(case)
    return under(sample.key_name, sample.evidence("sha256", sample.log))


def policy_of(case: Case) -> TpmPolicy:
    """What pins a case and leaves everything else at its default."""
    return Sample(case).policy(authenticated(case))
