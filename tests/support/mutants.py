"""Show that an attack test would notice if the defence were gone.

A test of a defence is worth something only if it fails without that defence. Here one check is
replaced by something that lets everything pass (the mutant), and the attack test must fail:

    def test_the_replay_story_notices_a_missing_nonce_check(monkeypatch):
        assert_mutant_is_caught(
            monkeypatch,
            "cleanroom.attestation.verifier:check_binding",
            passes,
            test_evidence_replayed_from_another_session,
        )

The name to replace is the one that the attacked code *looks up*: a function that was imported with
`from … import check` is replaced in the importing module. A mutant that is never called proves
nothing and is reported as such.
"""

import importlib
import inspect
from collections.abc import Callable
from typing import Any

import pytest


class MutantSurvivedError(AssertionError):
    """An attack test passed although the check that it is about was gone."""


class MutantUnusedError(AssertionError):
    """The attack never came to the check that was replaced."""


def passes(*_args: Any, **_kwargs: Any) -> None:
    """A check that has no objection and returns nothing."""


def returns(value: Any) -> Callable[..., Any]:
    """A check that has no objection and returns `value`."""
    return lambda *_args, **_kwargs: value


def hands_back(position: int = 0) -> Callable[..., Any]:
    """A check that has no objection and returns its argument at `position`, as it came."""
    return lambda *args, **_kwargs: args[position]


def assert_mutant_is_caught(
    monkeypatch: pytest.MonkeyPatch,
    check: str,
    replacement: Callable[..., Any],
    attack: Callable[[], object],
) -> None:
    """Fail unless `attack` passes as things are, and fails with `check` replaced.

    Args:
        monkeypatch: pytest's fixture; the replacement is undone before this returns.
        check: `module:function` or `module:Class.method`, as the attacked code looks it up.
        replacement: stands in for the check: `passes`, `returns(x)`, `hands_back()` or your own.
        attack: the attack test, without arguments (`functools.partial` binds fixtures).

    Raises:
        MutantSurvivedError: the attack test also passes without the check.
        MutantUnusedError: the attack test never called the check.
    """
    attack()
    called = False

    def mutant(*args: Any, **kwargs: Any) -> Any:
        nonlocal called
        called = True
        return replacement(*args, **kwargs)

    owner, name = _place(check)
    with monkeypatch.context() as patch:
        patch.setattr(owner, name, _as_bound_in(owner, name, mutant))
        noticed = _fails(attack)
    if not called:
        raise MutantUnusedError(f"the attack never calls {check}")
    if not noticed:
        raise MutantSurvivedError(f"the attack test passes without {check}")


def _place(check: str) -> tuple[Any, str]:
    module, _, path = check.partition(":")
    *outer, name = path.split(".")
    owner: Any = importlib.import_module(module)
    for part in outer:
        owner = getattr(owner, part)
    return owner, name


def _as_bound_in(owner: Any, name: str, mutant: Callable[..., Any]) -> Any:
    """Keep the kind of what is replaced: a static or class method stays one."""
    original = inspect.getattr_static(owner, name)
    return type(original)(mutant) if isinstance(original, staticmethod | classmethod) else mutant


def _fails(attack: Callable[[], object]) -> bool:
    """Whether the attack test fails now; a skip is no failure."""
    try:
        attack()
    except pytest.skip.Exception:
        return False
    except (pytest.fail.Exception, Exception):  # noqa: BLE001 - any failure counts
        return True
    return False
