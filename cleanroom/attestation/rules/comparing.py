"""How a rule says what it found: one claim against what an entry allows, as a `Finding`.

A rule compares claims with one entry and gives findings, passed or not; it decides nothing else.
"""

from collections.abc import Iterator, Mapping, Sequence

from cleanroom.attestation.claims import Vouched
from cleanroom.attestation.policy import Demand
from cleanroom.attestation.result import Finding
from cleanroom.encoding import Digest

ACCEPTED: Mapping[Demand, tuple[str, ...]] = {
    "require": ("set",),
    "forbid": ("clear",),
    "any": ("clear", "set"),
}
"""What a bit may be, by what an entry demands of it."""


def finding(code: str, check: str, found: str, expected: str, *, passed: bool) -> Finding:
    """One comparison, in words."""
    return Finding(code=code, check=check, found=found, expected=expected, passed=passed)


def assurance_as_asked(code: str, claims: Vouched, roots: list[Digest] | None) -> Finding:
    """Simulated evidence only under a root that the entry pins; hardware only without one."""
    if roots is None:
        passed, expected = claims.assurance == "hardware", "hardware"
    else:
        passed = claims.assurance == "simulated" and claims.anchor in roots
        expected = f"simulated under {any_of(roots)}"
    return finding(code, "assurance", claims.assurance, expected, passed=passed)


def one_of(code: str, check: str, found: str | int, allowed: Sequence[str | int]) -> Finding:
    """What was found is in a list; an empty list accepts nothing."""
    return finding(code, check, str(found), any_of(allowed), passed=found in allowed)


def any_or_one_of(code: str, check: str, found: str, allowed: str | list[str]) -> Finding:
    """The same, where an entry may say `any` instead of a list."""
    if allowed == "any":
        return finding(code, check, found, "any", passed=True)
    return finding(code, check, found, any_of(allowed), passed=found in allowed)


def unresolved(code: str, check: str, found: str) -> Finding:
    """The entry names reference values that nobody put in place: it accepts nothing."""
    return finding(code, check, found, "what the named reference values say", passed=False)


def any_of(allowed: Sequence[str | int]) -> str:
    """A list of allowed values in words, the first four of it."""
    shown = [str(one) for one in allowed[:4]]
    rest = len(allowed) - len(shown)
    return " or ".join(shown) + (f" or {rest} more" if rest else "") or "none"


def bits_as_asked(
    code: str, where: str, bits: Mapping[str, bool], demands: Mapping[str, Demand]
) -> Iterator[Finding]:
    """Each named bit is set or clear as an entry demands."""
    for name, demand in demands.items():
        found = "set" if bits[name] else "clear"
        accepted = ACCEPTED[demand]
        expected = " or ".join(accepted)
        yield finding(code, f"{where} {name}", found, expected, passed=found in accepted)


def at_least(code: str, check: str, found: Mapping[str, int], floors: Mapping[str, int]) -> Finding:
    """Each component that has a floor is at or above it."""
    passed = all(found[component] >= floor for component, floor in floors.items())
    expected = f"at least {levels_text(floors)}" if floors else "any"
    return finding(code, check, levels_text(found), expected, passed=passed)


def levels_text(levels: Mapping[str, int]) -> str:
    """Patch levels in words."""
    return ", ".join(f"{component} {level}" for component, level in levels.items())
