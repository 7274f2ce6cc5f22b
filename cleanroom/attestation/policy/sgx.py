"""What the parties accept from an SGX enclave: one entry of the manifest's `attestation`."""

from typing import Annotated, Literal

from pydantic import Field
from pydantic import StringConstraints as Text

from cleanroom.attestation.policy.base import Demand
from cleanroom.attestation.policy.dcap import DcapPolicy
from cleanroom.encoding import Record

EnclaveDigest = Annotated[str, Text(pattern=r"^[0-9a-f]{64}$")]
"""SHA-256 of an enclave or of its signer's key, 64 lower-case hex digits."""
HostData = Annotated[str, Text(pattern=r"^(genesis|any|[0-9a-f]{128})$")]
"""`genesis`, `any` or 128 lower-case hex digits."""


class EnclaveAttributeDemands(Record):
    """Attributes of the enclave (Intel SDM volume 3D, §35.7.1)."""

    debug: Demand = "forbid"
    """The host may read and write the enclave's memory."""
    provision_key: Demand = "forbid"
    """The enclave may derive a key that identifies the platform."""
    einittoken_key: Demand = "forbid"
    """The enclave may launch others."""
    cet: Demand = "any"
    """Control flow is enforced inside."""
    kss: Demand = "any"
    """The enclave has a configuration of its own (needed for `host_data`)."""
    aex_notify: Demand = "any"
    """The enclave is told when it was interrupted, against stepping attacks."""


class SgxPolicy(DcapPolicy):
    """One accepted kind of SGX enclave; all fields must hold together, never mix and match."""

    platform: Literal["sgx"]
    """The platform this entry is for."""
    measurements: list[EnclaveDigest] = Field(min_length=1, max_length=64)
    """MRENCLAVE of the enclaves that are accepted."""
    signers: Literal["any"] | Annotated[list[EnclaveDigest], Field(min_length=1, max_length=16)] = (
        "any"
    )
    """MRSIGNER of the keys that may have signed the enclave."""
    min_isv_svn: int = Field(default=0, ge=0, le=0xFFFF)
    """The lowest security version that is accepted of the enclave."""
    host_data: HostData
    """What CONFIGID must hold: `genesis` (this room's, then zeros), a value, or `any`."""
    enclave_attributes: EnclaveAttributeDemands = EnclaveAttributeDemands()
    """What is asked of each attribute."""
