"""Keys of one run, in memory."""

from datetime import UTC, datetime

import pytest

from cleanroom.crypto.sealing import Unsealer
from cleanroom.errors import RunRefused, SealBroken
from cleanroom.protocol.grant import GrantTerms, grant
from enclave.worker.vault import RunKeys

RUN = "r-00000000000000aa"
KEY = bytes(range(32))


def granted(unsealer, key=KEY, run=RUN, name="left"):
    terms = GrantTerms(
        lineage="3f0f5a1e-7c3b-4c55-9f1a-0d2f6f6f1e11",
        manifest="sha256:" + "0" * 64,
        run=run,
        input=name,
        dataset="customers",
        version="sha256:" + "1" * 64,
        columns=["email"],
        worker="w-0000000000000001",
        expires_at=datetime(2027, 1, 1, tzinfo=UTC),
    )
    return grant(terms, key, unsealer.public_key)


def test_a_grant_for_this_worker_opens():
    unsealer = Unsealer.generate()
    keys = RunKeys(RUN, {"left": granted(unsealer)}, unsealer)
    assert bytes(keys.key("left")) == KEY


def test_a_key_cannot_be_written_by_who_uses_it():
    unsealer = Unsealer.generate()
    keys = RunKeys(RUN, {"left": granted(unsealer)}, unsealer)
    with pytest.raises(TypeError, match="read-only"):
        keys.key("left")[0] = 1


def test_erased_keys_are_overwritten_even_where_somebody_still_looks():
    unsealer = Unsealer.generate()
    keys = RunKeys(RUN, {"left": granted(unsealer)}, unsealer)
    looking = keys.key("left")
    keys.erase()
    assert bytes(looking) == bytes(32)
    with pytest.raises(RunRefused, match="holds no key"):
        keys.key("left")


def test_a_grant_for_another_worker_does_not_open():
    with pytest.raises(SealBroken):
        RunKeys(RUN, {"left": granted(Unsealer.generate())}, Unsealer.generate())


@pytest.mark.parametrize("changed", [{"run": "r-00000000000000bb"}, {"name": "right"}])
def test_a_grant_for_another_run_or_input_is_refused(changed):
    unsealer = Unsealer.generate()
    with pytest.raises(RunRefused, match="another run or input"):
        RunKeys(RUN, {"left": granted(unsealer, **changed)}, unsealer)


def test_a_grant_that_holds_no_data_key_is_refused():
    unsealer = Unsealer.generate()
    with pytest.raises(SealBroken, match="31 bytes, expected 32"):
        RunKeys(RUN, {"left": granted(unsealer, key=KEY[:31])}, unsealer)


def test_the_repr_shows_the_run_only():
    unsealer = Unsealer.generate()
    keys = RunKeys(RUN, {"left": granted(unsealer)}, unsealer)
    assert repr(keys) == f"RunKeys({RUN!r})"
