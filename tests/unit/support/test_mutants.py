"""The mutant helper tells caught, surviving and unused mutants apart."""

import hmac

import pytest

from tests.support.mutants import (
    MutantSurvivedError,
    MutantUnusedError,
    assert_mutant_is_caught,
    hands_back,
    passes,
    returns,
)


class Door:
    """A guarded thing to attack."""

    @staticmethod
    def check(key: str) -> str:
        """Return the key once it fits."""
        if key != "right":
            raise ValueError("the key is wrong")
        return key

    def knock(self, key: str) -> str:
        """Open with `key`."""
        return f"opened with {self.check(key)}"


CHECK = f"{__name__}:Door.check"


def attack_with_a_wrong_key() -> None:
    with pytest.raises(ValueError, match="the key is wrong"):
        Door().knock("wrong")


def attack_that_never_knocks() -> None:
    assert Door


def attack_that_accepts_anything() -> None:
    try:
        Door().knock("wrong")
    except ValueError:
        return


@pytest.mark.parametrize("replacement", [passes, returns("right"), hands_back()])
def test_a_mutant_that_opens_the_door_is_caught(monkeypatch, replacement):
    assert_mutant_is_caught(monkeypatch, CHECK, replacement, attack_with_a_wrong_key)
    assert Door.check("right") == "right"


def test_the_check_is_back_afterwards(monkeypatch):
    assert_mutant_is_caught(monkeypatch, CHECK, passes, attack_with_a_wrong_key)
    with pytest.raises(ValueError, match="the key is wrong"):
        Door.check("wrong")


def test_an_attack_that_cannot_fail_lets_the_mutant_survive(monkeypatch):
    with pytest.raises(MutantSurvivedError, match=r"passes without .*Door.check"):
        assert_mutant_is_caught(monkeypatch, CHECK, passes, attack_that_accepts_anything)


def test_an_attack_elsewhere_does_not_count(monkeypatch):
    with pytest.raises(MutantUnusedError, match=r"never calls .*Door.check"):
        assert_mutant_is_caught(monkeypatch, CHECK, passes, attack_that_never_knocks)


def test_an_attack_that_fails_without_any_mutant_is_an_error_of_its_own(monkeypatch):
    def broken_attack() -> None:
        assert Door().knock("right") == "shut"

    with pytest.raises(AssertionError, match="shut"):
        assert_mutant_is_caught(monkeypatch, CHECK, passes, broken_attack)


def test_a_function_of_a_module_is_replaced_where_it_is_looked_up(monkeypatch):
    def attack() -> None:
        assert not hmac.compare_digest(b"a", b"b")

    assert_mutant_is_caught(monkeypatch, "hmac:compare_digest", returns(True), attack)
    assert not hmac.compare_digest(b"a", b"b")
