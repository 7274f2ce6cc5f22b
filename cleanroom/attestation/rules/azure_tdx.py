"""The rules of an entry for Azure over TDX; `compare` lists every rule."""

from collections.abc import Iterator

from cleanroom.attestation.claims import AzureTdxClaims
from cleanroom.attestation.policy import AzureTdxPolicy, Demand
from cleanroom.attestation.result import Finding
from cleanroom.attestation.rules.azure import compare_guest
from cleanroom.attestation.rules.comparing import bits_as_asked, finding, one_of
from cleanroom.attestation.rules.dcap import compare_platform


def compare(claims: AzureTdxClaims, policy: AzureTdxPolicy, _genesis: bytes) -> list[Finding]:
    """Every finding of one entry, passed or not, in the order of the rules."""
    return [
        *compare_platform(claims, policy),
        *check_measurement(claims, policy),
        *check_td_attributes(claims, policy),
        *compare_guest(claims, policy),
    ]


def check_measurement(claims: AzureTdxClaims, policy: AzureTdxPolicy) -> Iterator[Finding]:
    """The paravisor is a listed one."""
    allowed = policy.measurements
    yield one_of("azure-tdx-measurement", "measurement", claims.measurement, allowed)


def check_td_attributes(claims: AzureTdxClaims, policy: AzureTdxPolicy) -> Iterator[Finding]:
    """Each attribute of the guest is as asked, and none is set without a name here."""
    demands: dict[str, Demand] = policy.td_attributes.model_dump(exclude={"unnamed"})
    code = "azure-tdx-attributes"
    yield from bits_as_asked(code, "TD attribute", claims.td_attributes, demands)
    asked, unknown = policy.td_attributes.unnamed, claims.td_attributes_unknown
    yield finding(
        f"{code}-unnamed",
        "TD attributes without a name",
        ", ".join(str(bit) for bit in unknown) or "none",
        "none" if asked == "forbid" else "any",
        passed=asked == "any" or not unknown,
    )
