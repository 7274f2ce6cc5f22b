"""Mutants in tables: which defence is taken away, and by which attack somebody then gets through.

`assert_mutant_is_caught` asks that an attack's test fails. Here more is asked: it must fail because
the attack *succeeded*. A mutant whose attack is then stopped by a second defence names the error of
that defence, so that depth is written down and not taken for granted.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from itertools import count
from typing import Any

import pytest

from tests.support.mutants import assert_mutant_is_caught


@dataclass(frozen=True)
class Mutant:
    """One check gone, and the story that must notice."""

    check: str
    """`module:function` or `module:Class.method`, as the attacked code looks it up."""
    replacement: Callable[..., Any]
    """Stands in for the check."""
    story: Callable[..., object]
    """The attack's test."""
    given: Mapping[str, Any] = field(default_factory=dict)
    """Arguments of the story; the others are fixtures."""
    second: str = ""
    """The error of the defence that still holds; empty where the attack succeeds."""

    @property
    def name(self) -> str:
        """What a test run shows."""
        return f"{self.story.__name__.removeprefix('test_')}-without-{self.check.split(':')[1]}"


def shown(mutant: Mutant) -> str:
    """For `ids`."""
    return mutant.name


def assert_gets_through(
    monkeypatch: pytest.MonkeyPatch, mutant: Mutant, story: Callable[[], object] | None = None
) -> None:
    """Fail unless the attack is stopped as things are, and gets through without the check.

    Args:
        monkeypatch: pytest's fixture.
        mutant: from a table.
        story: the mutant's story without arguments, where it needs more than `given`.

    Raises:
        MutantSurvivedError: the attack is stopped without the check as well, and not by the
            defence that the mutant names.
        MutantUnusedError: the attack never came to the check.
    """
    attack = story or partial(mutant.story, **mutant.given)
    attempts = count()

    def attempt() -> None:
        if next(attempts) == 0:  # nothing is taken away yet
            attack()
            return
        try:
            attack()
        except (pytest.fail.Exception, Exception) as failure:
            if _stopped_by(failure) == mutant.second:
                raise

    assert_mutant_is_caught(monkeypatch, mutant.check, mutant.replacement, attempt)


def _stopped_by(failure: BaseException) -> str:
    """The name of the error that stopped an attack; empty where nothing did."""
    if isinstance(failure, AssertionError) and "Regex pattern did not match" in str(failure):
        return type(failure.__context__).__name__
    if isinstance(failure, AssertionError | pytest.fail.Exception):
        return ""
    return type(failure).__name__
