"""A CCA entry in words: what it accepts, what it leaves open, what mends a finding."""

from cleanroom.attestation.policy.cca import CcaPolicy

FREE_HOST_DATA = (
    "the personalization value is free: somebody else may set up a first manifest of their own"
)
REGISTERED = (
    "no vendor vouches for the registered keys: that each one is inside of real hardware is known "
    "only from whoever registered it"
)
ANY_SOFTWARE = "the platform's firmware, which sees the realm's memory, may be any"
ANY_CONFIG = "the platform may be configured in any way that its implementation allows"
DEBUGGED = "the platform may be in a state where somebody debugs it"
HINTS = {
    "cca-assurance": "development_roots in the manifest and a simulated room belong together",
    "cca-platform": "run on a platform that the manifest registers, or register this one's key",
    "cca-lifecycle": "use a platform that is in its secured state",
    "cca-config": "configure the platform as the manifest lists, or list this configuration",
    "cca-software": "update the platform's firmware to the listed versions, or list this one",
    "cca-rim": "launch the realm that the manifest lists, or list its initial measurement",
    "cca-rem": "list what the realm measures after its launch, or measure nothing",
    "cca-host-data": "launch the realm with this room's genesis as its personalization value",
}
"""What usually mends a failed finding, by its code."""


def described(policy: CcaPolicy) -> list[str]:
    """What this entry accepts, one phrase each."""
    return [
        "realms of Arm CCA",
        f"platforms: {len(policy.platforms)} registered",
        *(f"initial measurement {measurement}" for measurement in policy.initial_measurements),
    ]


def left_open(policy: CcaPolicy) -> list[str]:
    """One sentence for each thing that this entry does not close."""
    said = [REGISTERED]
    if policy.host_data == "any":
        said.append(FREE_HOST_DATA)
    if policy.software == "any":
        said.append(ANY_SOFTWARE)
    if policy.platform_configs == "any":
        said.append(ANY_CONFIG)
    if set(policy.lifecycles) != {"secured"}:
        said.append(DEBUGGED)
    said += [
        f"{name.upper()} is free: what the realm measures there after its launch is not compared"
        for name, asked in policy.extended_measurements.model_dump().items()
        if asked == "any"
    ]
    return said
