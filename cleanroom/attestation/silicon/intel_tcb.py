"""Which TCB status a platform of Intel's has: levels matched, then statuses converged.

The procedure is that of Intel's Quote Verification Library (Checks/TcbLevelCheck,
TdxModuleCheck, TDRelaunchCheck), numbered as its comments are:

18.1, 18.2  the first level, newest first, at or below the PCK's components and PCE;
18.3        for TDX also at or below TEE_TCB_SVN, whose first two components are the module's own
            when the module has a major version;
18.4.1      the TDX module's own level, converged with the platform's;
18.4.3      for TDX 1.5: relaunch is advised when the platform was updated under the guest;
18.5        converged with the quoting enclave's level.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from cleanroom.attestation.claims.dcap import TcbStatus
from cleanroom.attestation.formats.intel_documents import (
    Component,
    IdentityStatus,
    IsvLevel,
    Level,
    LevelStatus,
    ModuleIdentity,
    PlatformLevel,
    TcbInfo,
)
from cleanroom.attestation.formats.pck import Pck
from cleanroom.attestation.rejection import rejected
from cleanroom.errors import EvidenceRejected

CONFIGURATION: frozenset[TcbStatus] = frozenset(
    {
        "ConfigurationNeeded",
        "ConfigurationAndSWHardeningNeeded",
        "OutOfDateConfigurationNeeded",
        "TDRelaunchAdvisedConfigurationNeeded",
    }
)
"""Statuses that ask for another configuration."""
CURRENT: frozenset[TcbStatus] = frozenset(
    {
        "UpToDate",
        "SWHardeningNeeded",
        "ConfigurationNeeded",
        "ConfigurationAndSWHardeningNeeded",
    }
)
"""Statuses of a platform whose firmware and microcode are not out of date."""


@dataclass(frozen=True, slots=True)
class Standing:
    """A status with its reasons."""

    status: TcbStatus
    date: datetime
    """All that was public before this moment is mended in the platform's level."""
    advisories: tuple[str, ...]
    """Intel's advisories that apply, sorted."""


@dataclass(frozen=True, slots=True)
class TdxLevels:
    """What a TD report says about the module and firmware under it."""

    svn: bytes
    """TEE_TCB_SVN when the guest was launched, 16 bytes."""
    svn_now: bytes | None
    """TEE_TCB_SVN_2, as it is now; TDX 1.5 only."""


def standing_of(
    info: TcbInfo, pck: Pck, enclave: IsvLevel, tdx: TdxLevels | None = None
) -> Standing:
    """The converged status of a platform.

    Args:
        info: Intel's levels of this kind of platform.
        pck: what the platform was certified for.
        enclave: the matched level of the quoting enclave.
        tdx: the guest's own; none for an enclave.

    Raises:
        EvidenceRejected: no level fits (Intel: "not supported").
    """
    levels = sorted(info.tcb_levels, key=_newest_first, reverse=True)
    fitting = [level for level in levels if _sgx_fits(level, pck)]
    if not fitting:
        raise _unsupported("the platform")
    if tdx is None:
        status: TcbStatus = fitting[0].tcb_status
        return _with_enclave(fitting[0], [], status, enclave)
    level = next((level for level in fitting if _tdx_fits(level, tdx.svn)), None)
    if level is None:
        raise _unsupported("the platform")
    module = module_level(info, tdx.svn)
    status = level.tcb_status
    if module is not None:
        status = converge(status, module.tcb_status)
    if tdx.svn_now is not None and _relaunch_mends(
        info, levels[0], tdx.svn_now, (fitting[0].tcb_status, status), (module, enclave)
    ):
        status = _relaunch(fitting[0].tcb_status, status)
    return _with_enclave(level, [module] if module is not None else [], status, enclave)


def converge(status: TcbStatus, other: IdentityStatus) -> TcbStatus:
    """The status of a platform, part of which (a module, an enclave) has one of its own."""
    match other, status:
        case "Revoked", _:
            return "Revoked"
        case "OutOfDate", "UpToDate" | "SWHardeningNeeded":
            return "OutOfDate"
        case "OutOfDate", "ConfigurationNeeded" | "ConfigurationAndSWHardeningNeeded":
            return "OutOfDateConfigurationNeeded"
        case _:
            return status


def module_identity(info: TcbInfo, svn: bytes) -> ModuleIdentity | None:
    """Intel's identity of the TDX module's major version; none for the first modules.

    Raises:
        EvidenceRejected: Intel knows no module of this version.
    """
    version = svn[1]
    if version == 0:
        return None
    for identity in info.module_identities:
        if identity.id == f"TDX_{version:02X}":
            return identity
    raise rejected(
        "the TDX module", found=f"TDX_{version:02X}", expected="a version that Intel lists"
    )


def module_level(info: TcbInfo, svn: bytes) -> IsvLevel | None:
    """The level of the TDX module; none for the first modules, whose level is the platform's.

    Raises:
        EvidenceRejected: no level fits.
    """
    identity = module_identity(info, svn)
    return isv_level(identity.tcb_levels, svn[0], "the TDX module") if identity else None


def isv_level(levels: Sequence[IsvLevel], svn: int, what: str) -> IsvLevel:
    """The newest level at or below a security version.

    Raises:
        EvidenceRejected: no level fits.
    """
    for level in sorted(levels, key=lambda one: one.tcb.isv_svn, reverse=True):
        if svn >= level.tcb.isv_svn:
            return level
    raise _unsupported(what)


def _newest_first(level: PlatformLevel) -> tuple[tuple[int, ...], int, tuple[int, ...]]:
    return _svns(level.tcb.sgx), level.tcb.pce_svn, _svns(level.tcb.tdx or ())


def _svns(components: Sequence[Component]) -> tuple[int, ...]:
    return tuple(component.svn for component in components)


def _sgx_fits(level: PlatformLevel, pck: Pck) -> bool:
    enough = all(have >= need.svn for have, need in zip(pck.components, level.tcb.sgx, strict=True))
    return enough and pck.pce_svn >= level.tcb.pce_svn


def _tdx_fits(level: PlatformLevel, svn: bytes) -> bool:
    if level.tcb.tdx is None:
        return False
    # From major version 1 on, components 0 and 1 are the module's, which has levels of its own.
    first = 2 if svn[1] > 0 else 0
    return all(
        have >= need.svn for have, need in zip(svn[first:], level.tcb.tdx[first:], strict=True)
    )


def _relaunch_mends(
    info: TcbInfo,
    latest: PlatformLevel,
    svn_now: bytes,
    statuses: tuple[LevelStatus, TcbStatus],
    parts: tuple[IsvLevel | None, IsvLevel],
) -> bool:
    """Whether the module was updated to the latest after the guest had been launched."""
    (platform, converged), (module, enclave) = statuses, parts
    outdated = module is not None and module.tcb_status == "OutOfDate"
    if enclave.tcb_status != "UpToDate" or platform not in CURRENT or not outdated:
        return False
    if converged not in {"OutOfDate", "OutOfDateConfigurationNeeded"} or latest.tcb.tdx is None:
        return False
    identity = module_identity(info, svn_now)
    newest = (
        max(level.tcb.isv_svn for level in identity.tcb_levels)
        if identity
        else latest.tcb.tdx[0].svn
    )
    return svn_now[0] >= newest and svn_now[2] >= latest.tcb.tdx[2].svn


def _relaunch(platform: LevelStatus, converged: TcbStatus) -> TcbStatus:
    if platform in CONFIGURATION or converged in CONFIGURATION:
        return "TDRelaunchAdvisedConfigurationNeeded"
    return "TDRelaunchAdvised"


def _with_enclave(
    level: PlatformLevel, modules: list[IsvLevel], status: TcbStatus, enclave: IsvLevel
) -> Standing:
    parts: list[Level] = [level, *modules, enclave]
    return Standing(
        status=converge(status, enclave.tcb_status),
        date=min(part.tcb_date for part in parts),
        advisories=tuple(sorted({name for part in parts for name in part.advisory_ids})),
    )


def _unsupported(what: str) -> EvidenceRejected:
    return rejected(
        f"the TCB of {what}",
        found="below every level that Intel lists",
        expected="a level that is supported",
        cause="update the host's firmware, microcode and TDX module",
    )
