"""What can be wrong with a simulated TDX guest, as a table of which tests choose a row."""

from dataclasses import dataclass
from typing import Literal

TdxScenarioName = Literal[
    "good",
    "td15",
    "debug",
    "migratable",
    "service-td",
    "no-sept-ve-disable",
    "unnamed-attribute",
    "sw-hardening",
    "configuration",
    "old-tcb",
    "revoked-tcb",
    "unsupported-tcb",
    "old-module",
    "unknown-module",
    "relaunch",
    "old-qe",
    "other-qe",
    "other-key",
    "wrong-measurement",
    "wrong-kernel",
    "wrong-binding",
    "wrong-log",
    "no-log",
    "foreign-kind",
    "revoked-pck",
    "stale-collateral",
]
LEVELS = {
    9: "UpToDate",
    8: "SWHardeningNeeded",
    7: "ConfigurationNeeded",
    6: "OutOfDate",
    5: "Revoked",
}
"""Levels of the simulated kind of platform, by the security version of its components."""
ADVISORIES = {8: ["INTEL-SA-00615"], 7: ["INTEL-SA-00289"], 6: ["INTEL-SA-01036"]}
"""Advisories that apply at each level."""
MODULE_LEVELS = {5: "UpToDate", 3: "OutOfDate"}
"""Levels of the simulated TDX module, whose major version is 1."""
QE_LEVELS = {4: "UpToDate", 2: "OutOfDate"}
"""Levels of the simulated quoting enclave."""
ATTRIBUTES = 1 << 28
"""SEPT_VE_DISABLE: what today's clouds launch with."""


@dataclass(frozen=True, slots=True)
class TdxScenario:
    """How a quote, and what stands under it, differ from a good one."""

    td15: bool = False
    """A quote of version 5 with a TD report 1.5."""
    attributes: int = ATTRIBUTES
    level: int = 9
    """Which of `LEVELS` the platform is certified for."""
    module_version: int = 1
    """The TDX module's major version."""
    module_svn: int = 5
    """The module's security version when the guest was launched."""
    module_svn_now: int = 5
    """The same now; TD report 1.5 only."""
    qe_svn: int = 4
    other_qe: bool = False
    """The quoting enclave has another signer than Intel's identity says."""
    other_key: bool = False
    """The QE report speaks for another attestation key than the one that signs."""
    service_td: bool = False
    """A service guest is bound."""
    other_measurement: bool = False
    other_kernel: bool = False
    other_binding: bool = False
    other_log: bool = False
    """The log tells an event that was not measured."""
    has_log: bool = True
    other_kind: bool = False
    """The PCK certificate is of a kind of platform that the collateral is not about."""
    revoked: bool = False
    """The PCK certificate is on its authority's list."""
    collateral_days: tuple[int, int] = (-1, 365)
    """When Intel's documents are in force, in days from when the platform was made."""


SCENARIOS: dict[TdxScenarioName, TdxScenario] = {
    "good": TdxScenario(),
    "td15": TdxScenario(td15=True),
    "debug": TdxScenario(attributes=ATTRIBUTES | 1),
    "migratable": TdxScenario(attributes=ATTRIBUTES | 1 << 29),
    "service-td": TdxScenario(td15=True, service_td=True),
    "no-sept-ve-disable": TdxScenario(attributes=0),
    "unnamed-attribute": TdxScenario(attributes=ATTRIBUTES | 1 << 20),
    "sw-hardening": TdxScenario(level=8),
    "configuration": TdxScenario(level=7),
    "old-tcb": TdxScenario(level=6),
    "revoked-tcb": TdxScenario(level=5),
    "unsupported-tcb": TdxScenario(level=4),
    "old-module": TdxScenario(module_svn=3),
    "unknown-module": TdxScenario(module_version=7),
    "relaunch": TdxScenario(td15=True, module_svn=3),
    "old-qe": TdxScenario(qe_svn=2),
    "other-qe": TdxScenario(other_qe=True),
    "other-key": TdxScenario(other_key=True),
    "wrong-measurement": TdxScenario(other_measurement=True),
    "wrong-kernel": TdxScenario(other_kernel=True),
    "wrong-binding": TdxScenario(other_binding=True),
    "wrong-log": TdxScenario(other_log=True),
    "no-log": TdxScenario(has_log=False),
    "foreign-kind": TdxScenario(other_kind=True),
    "revoked-pck": TdxScenario(revoked=True),
    "stale-collateral": TdxScenario(collateral_days=(-90, -60)),
}
"""Every scenario by name."""
