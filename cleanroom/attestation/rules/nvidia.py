"""The rules that policy entries of NVIDIA's devices share."""

from collections.abc import Iterator

from cleanroom.attestation.policy.nvidia import BlockValues, DriverFloors, VbiosFloors
from cleanroom.attestation.result import Finding
from cleanroom.attestation.rules.comparing import any_of, any_or_one_of, finding

ZERO = "0" * 96
"""What a measurement holds that nothing was measured into."""


def measured_as_listed(
    code: str, found: dict[str, str], listed: dict[str, BlockValues]
) -> Iterator[Finding]:
    """Each listed measurement has a listed value, and every other one is zero.

    One finding for each that does not hold; one for all if they do.
    """
    wrong = [
        index
        for index in sorted(found.keys() | listed.keys(), key=int)
        if not _accepted(found.get(index, ZERO), listed.get(index, [ZERO]))
    ]
    for index in wrong:
        value, allowed = found.get(index, ZERO), listed.get(index, [ZERO])
        yield finding(code, f"measurement {index}", value, any_of(allowed), passed=False)
    if not wrong:
        yield finding(code, "measurements", f"{len(found)} as listed", "as listed", passed=True)


def _accepted(found: str, allowed: BlockValues) -> bool:
    return allowed == "any" or found in allowed


def version_as_listed(
    code: str,
    check: str,
    found: str,
    allowed: str | list[str] | DriverFloors | VbiosFloors,
) -> Finding:
    """A version is a listed one, or not below the floor of its branch."""
    if isinstance(allowed, DriverFloors):
        return _at_least(code, check, found, allowed.at_least, base=10, branch=1)
    if isinstance(allowed, VbiosFloors):
        return _at_least(code, check, found, allowed.at_least, base=16, branch=2)
    return any_or_one_of(code, check, found, allowed)


def _at_least(
    code: str, check: str, found: str, floors: list[str], *, base: int, branch: int
) -> Finding:
    version = _numbers(found, base)
    passed = any(
        version[:branch] == floor[:branch] and version >= floor
        for floor in (_numbers(one, base) for one in floors)
    )
    return finding(code, check, found, f"at least {any_of(floors)}", passed=passed)


def _numbers(version: str, base: int) -> tuple[int, ...]:
    """The numbers of a version; none where it is not one, which is below every floor."""
    try:
        return tuple(int(part, base) for part in version.split("."))
    except ValueError:
        return ()
