"""Intel's signed JSON: TCB info (version 3) and enclave identity (version 2), as served.

Fields are those of Intel's PCS API, version 4. What a later minor version adds is ignored: these
are documents that we only read. Signatures and time windows are judged by `silicon.dcap`.
"""

import re
from datetime import datetime
from functools import lru_cache
from typing import Annotated, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError
from pydantic import StringConstraints as Text

from cleanroom.attestation.rejection import rejected
from cleanroom.encoding import Instant

_SERVED = re.compile(
    rb'\s*\{\s*"(tcbInfo|enclaveIdentity)"\s*:\s*(\{.*\})\s*,'
    rb'\s*"signature"\s*:\s*"([0-9a-fA-F]{128})"\s*\}\s*',
    re.DOTALL,
)
"""The signed object stands first, and its signature after it, last."""
LevelStatus = Literal[
    "UpToDate",
    "SWHardeningNeeded",
    "ConfigurationNeeded",
    "ConfigurationAndSWHardeningNeeded",
    "OutOfDate",
    "OutOfDateConfigurationNeeded",
    "Revoked",
]
"""What Intel says about a level of the platform."""
IdentityStatus = Literal["UpToDate", "OutOfDate", "Revoked"]
"""What Intel says about a level of an enclave or module."""
Svn = Annotated[int, Field(ge=0, le=0xFFFF)]
Hex = Annotated[str, Text(pattern=r"^([0-9a-fA-F]{2})*$", to_lower=True)]
Advisories = Annotated[
    list[Annotated[str, Text(pattern=r"^[A-Z0-9-]{1,32}$")]], Field(max_length=256)
]


class Document(BaseModel):
    """A part of what Intel serves: strict in types, open to new fields, not a record of ours."""

    model_config = ConfigDict(strict=True, frozen=True, extra="ignore", hide_input_in_errors=True)


class Component(Document):
    """One of the 16 parts of a TCB."""

    svn: Svn


Components = Annotated[tuple[Component, ...], Field(min_length=16, max_length=16)]


class PlatformTcb(Document):
    """Security versions that a level asks for."""

    sgx: Components = Field(alias="sgxtcbcomponents")
    pce_svn: Svn = Field(alias="pcesvn")
    tdx: Components | None = Field(default=None, alias="tdxtcbcomponents")


class Level(Document):
    """What every level says."""

    tcb_date: Instant = Field(alias="tcbDate")
    """All that was public before this moment is mended in it."""
    advisory_ids: Advisories = Field(default=[], alias="advisoryIDs")
    """Intel's advisories that apply at this level."""


class PlatformLevel(Level):
    """One level of a platform's TCB."""

    tcb: PlatformTcb
    tcb_status: LevelStatus = Field(alias="tcbStatus")


class IsvTcb(Document):
    """The security version that a level asks for."""

    isv_svn: Svn = Field(alias="isvsvn")


class IsvLevel(Level):
    """One level of an enclave or of the TDX module."""

    tcb: IsvTcb
    tcb_status: IdentityStatus = Field(alias="tcbStatus")


IsvLevels = Annotated[tuple[IsvLevel, ...], Field(min_length=1, max_length=64)]


class Module(Document):
    """Who signed the TDX module, and with which attributes."""

    mr_signer: Hex = Field(alias="mrsigner")
    attributes: Hex
    attributes_mask: Hex = Field(alias="attributesMask")


class ModuleIdentity(Module):
    """A major version of the TDX module, `TDX_01` and on, with its levels."""

    id: Annotated[str, Text(pattern=r"^TDX_[0-9A-Fa-f]{2}$", to_upper=True)]
    tcb_levels: IsvLevels = Field(alias="tcbLevels")


class Dated(Document):
    """What every signed document says about itself."""

    issue_date: Instant = Field(alias="issueDate")
    next_update: Instant = Field(alias="nextUpdate")
    tcb_evaluation_data_number: int = Field(alias="tcbEvaluationDataNumber", ge=0, le=2**31)
    """Raised by Intel with each TCB recovery."""


class TcbInfo(Dated):
    """The levels of one kind of platform, newest first or not."""

    id: Literal["SGX", "TDX"]
    version: Literal[3]
    fmspc: Hex
    pce_id: Hex = Field(alias="pceId")
    tcb_type: Literal[0] = Field(alias="tcbType")
    module: Module | None = Field(default=None, alias="tdxModule")
    module_identities: Annotated[tuple[ModuleIdentity, ...], Field(max_length=64)] = Field(
        default=(), alias="tdxModuleIdentities"
    )
    tcb_levels: tuple[PlatformLevel, ...] = Field(alias="tcbLevels", min_length=1, max_length=256)


class EnclaveIdentity(Dated):
    """What a quoting enclave must be."""

    id: Literal["QE", "TD_QE"]
    version: Literal[2]
    miscselect: Hex
    miscselect_mask: Hex = Field(alias="miscselectMask")
    attributes: Hex
    attributes_mask: Hex = Field(alias="attributesMask")
    mr_signer: Hex = Field(alias="mrsigner")
    isv_prod_id: Svn = Field(alias="isvprodid")
    tcb_levels: IsvLevels = Field(alias="tcbLevels")


AnyDocument = TypeVar("AnyDocument", TcbInfo, EnclaveIdentity)


def signed_part(served: bytes, name: Literal["tcbInfo", "enclaveIdentity"]) -> tuple[bytes, bytes]:
    """The exact bytes of the inner object, and their signature (r ‖ s, 64 bytes).

    Raises:
        EvidenceRejected: the answer is not of this form.
    """
    found = _SERVED.fullmatch(served)
    if found is None or found[1] != name.encode():
        raise rejected(
            f"Intel's {name}", found="of another form", expected="the object, then its signature"
        )
    return found[2], bytes.fromhex(found[3].decode())


@lru_cache(maxsize=64)
def read_tcb_info(inner: bytes) -> TcbInfo:
    """Intel's levels of one kind of platform.

    Raises:
        EvidenceRejected: it is not JSON of this kind and version.
    """
    return _read(TcbInfo, inner)


@lru_cache(maxsize=16)
def read_enclave_identity(inner: bytes) -> EnclaveIdentity:
    """What Intel says a quoting enclave must be.

    Raises:
        EvidenceRejected: it is not JSON of this kind and version.
    """
    return _read(EnclaveIdentity, inner)


def _read(kind: type[AnyDocument], inner: bytes) -> AnyDocument:
    try:
        return kind.model_validate_json(inner)
    except ValidationError as invalid:
        place = ".".join(str(step) for step in invalid.errors(include_input=False)[0]["loc"])
        raise rejected(
            f"Intel's {kind.__name__}",
            found=f"malformed at {place}" if place else "not JSON",
            expected="PCS version 4",
        ) from None


def require_in_force(document: Dated, now: datetime, what: str) -> None:
    """Refuse a document outside its time window.

    Raises:
        EvidenceRejected: `now` is before its issue or after the next update.
    """
    if not document.issue_date <= now <= document.next_update:
        raise rejected(
            what,
            found=f"not valid on {now:%Y-%m-%d}",
            expected=f"{document.issue_date:%Y-%m-%d} to {document.next_update:%Y-%m-%d}",
            cause="fetch Intel's collateral again, and check the clock",
        )
