"""Evidence as it travels: what the platform signed, and the certificates it came with.

Nothing here is trusted and nothing is parsed: a size is all that is checked.
"""

from typing import Annotated, Literal

from pydantic import Field, SerializerFunctionWrapHandler, model_serializer

from cleanroom.encoding import Bytes, Digest, Record, content_digest

LARGEST_REPORT = 64 * 1024
"""The largest signed structure of any platform (a TDX quote with its chain); in bytes."""
LARGEST_ENDORSEMENT = 512 * 1024
"""Intel's collateral for one platform takes about 20 KiB, AMD's certificate table 8; in bytes."""
MOST_ENDORSEMENTS = 8
"""A leaf, an intermediate and a root, with room for duplicates in several forms."""

LARGEST_EVENT_LOG = 4 * 1024 * 1024
"""Logs of today's firmware and kernels are below 64 KiB; in bytes."""

Platform = Literal[
    "sev-snp",
    "tdx",
    "sgx",
    "nitro",
    "cca",
    "azure-snp",
    "azure-tdx",
    "azure-aci",
    "gcp-vtpm",
    "tpm",
]
"""A kind of confidential machine; each has its row in `table`."""


class Evidence(Record):
    """What an attester hands over; proves nothing until `verify` has seen it."""

    platform: Platform
    """Which platform's rules apply."""
    report: Annotated[Bytes, Field(min_length=1, max_length=LARGEST_REPORT)]
    """What the hardware signed: an attestation report (`sev-snp`), or a quote (`tdx`, `sgx`)."""
    endorsements: Annotated[
        list[Annotated[Bytes, Field(min_length=1, max_length=LARGEST_ENDORSEMENT)]],
        Field(max_length=MOST_ENDORSEMENTS),
    ]
    """Certificates, in any order: DER, PEM, or AMD's certificate table (`auxblob`); for `tdx` and
    `sgx` nothing, or one `IntelCollateral` as its canonical bytes."""
    event_log: Annotated[Bytes, Field(min_length=1, max_length=LARGEST_EVENT_LOG)] | None = None
    """What was measured into the platform's registers; only where the platform has some."""

    @model_serializer(mode="wrap")
    def _said(self, write: SerializerFunctionWrapHandler) -> dict[str, object]:
        # What a platform does not have is not written, so that a part that another platform needs
        # changes neither the bytes nor the digest of evidence without it.
        written: dict[str, object] = write(self)
        return {name: value for name, value in written.items() if value is not None}

    @property
    def digest(self) -> Digest:
        """The name of this evidence: SHA-256 of its canonical bytes."""
        return content_digest(self.to_bytes())
