"""Evidence as it travels: what the platform signed, and the certificates it came with.

Nothing here is trusted and nothing is parsed: a size is all that is checked.
"""

from typing import Annotated, Literal, Self

from pydantic import Field, SerializerFunctionWrapHandler, model_serializer, model_validator

from cleanroom.attestation.collateral import Collateral
from cleanroom.encoding import Bytes, Digest, Record, content_digest

LARGEST_REPORT = 64 * 1024
"""The largest signed structure of any platform (a TDX quote with its chain); in bytes."""
LARGEST_ENDORSEMENT = 512 * 1024
"""Intel's collateral for one platform takes about 20 KiB, AMD's certificate table 8; in bytes."""
LARGEST_COLLATERAL = 512 * 1024
"""What vendors say about all machines of a room stays far below one message; in bytes."""
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
Device = Literal["nvidia-gpu", "nvidia-switch"]
"""A kind of device beside a machine; each has its row in `devices`. A device alone is no machine:
its evidence counts only as `attached` to that of one."""
LARGEST_DEVICE_REPORT = 8 * 1024
"""NVML_CC_GPU_ATTESTATION_REPORT_SIZE; in bytes."""
LARGEST_DEVICE_CHAIN = 16 * 1024
"""NVML's buffer for a chain has 5 KiB; in bytes."""
MOST_DEVICES = 32
"""A board of today has eight GPUs and four switches."""


def is_empty(attached: object) -> bool:
    """Whether nothing is attached: then nothing about it is written."""
    return attached == []


class DeviceEvidence(Record):
    """What a device beside a machine hands over; proves nothing until it is verified there."""

    platform: Device
    """Which device's rules apply."""
    report: Annotated[Bytes, Field(min_length=1, max_length=LARGEST_DEVICE_REPORT)]
    """What the device signed: an SPDM request and its response."""
    endorsements: Annotated[
        list[Annotated[Bytes, Field(min_length=1, max_length=LARGEST_DEVICE_CHAIN)]],
        Field(max_length=1),
    ]
    """The device's chain, PEM, leaf first."""

    @property
    def digest(self) -> Digest:
        """The name of this evidence: SHA-256 of its canonical bytes."""
        return content_digest(self.to_bytes())


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
    attached: Annotated[list[DeviceEvidence], Field(max_length=MOST_DEVICES)] = Field(
        default=[], exclude_if=is_empty
    )
    """Evidence of devices beside the machine, each bound to this one as `composite` says."""

    collateral: Collateral | None = None
    """What vendors say, as the attester had it when it collected this; signed by them, so it may
    be about other machines of the room, too."""

    @model_validator(mode="after")
    def _bounded(self) -> Self:
        size = 0 if self.collateral is None else len(self.collateral.to_bytes())
        if size > LARGEST_COLLATERAL:
            raise ValueError(f"collateral is {size} bytes, expected at most {LARGEST_COLLATERAL}")
        return self

    @model_serializer(mode="wrap")
    def _said(self, write: SerializerFunctionWrapHandler) -> dict[str, object]:
        # What a platform does not have is not written, so that a part that another platform needs
        # changes neither the bytes nor the digest of evidence without it.
        written: dict[str, object] = write(self)
        return {name: value for name, value in written.items() if value is not None}

    def carrying(self, collateral: Collateral) -> "Evidence":
        """The same with what its sender knows from vendors; unchanged where that is nothing."""
        if collateral == Collateral():
            return self
        return Evidence(**{**dict(self), "collateral": collateral})

    @property
    def digest(self) -> Digest:
        """The name of this evidence: SHA-256 of its canonical bytes."""
        return content_digest(self.to_bytes())
