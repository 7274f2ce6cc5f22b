"""Whatever happens to a room, its privacy budgets bound everything that was ever released."""

from contextlib import suppress

from hypothesis import given
from hypothesis import strategies as st

from cleanroom.errors import CleanroomError
from cleanroom.ledger.budget import Balance, balance_of
from cleanroom.ledger.loss import NOTHING
from cleanroom.manifest.budgets import limits_of, losses_of
from tests.support.budgets import budgeted
from tests.support.histories import History

CHANGES = budgeted(epsilon="1", cost="0.3", shop="0.7")
small = st.integers(1, 5)
ACTIONS = st.one_of(
    st.tuples(st.just("boot")),
    st.tuples(st.just("wait"), st.sampled_from([1, 901])),
    st.tuples(st.just("join"), small),
    st.tuples(st.just("leave"), small),
    st.tuples(st.just("submit"), st.sampled_from(["overlap", "matches"]), small),
    st.tuples(st.just("submit"), st.just("overlap"), small),
    st.tuples(st.just("complete"), small, small),
    st.tuples(st.just("fail"), small, small),
    st.tuples(st.just("time_out"), small),
    st.tuples(st.just("cancel"), st.just("bank"), small),
)


@given(st.lists(ACTIONS, max_size=40))
def test_what_is_spent_covers_what_is_released_and_never_exceeds_a_budget(schedule):
    history = History.active(**CHANGES)
    for name, *arguments in schedule:
        with suppress(CleanroomError):
            getattr(history, name)(*arguments)
    manifest, room = history.manifest, history.room
    assert room.balance == balance_of(history.entries)
    granted = {one.content.run for one in history.entries if one.content.kind == "keys-granted"}
    for dataset, limit in limits_of(manifest).items():
        due = NOTHING
        for run in granted:
            losses = losses_of(manifest, room.run(run).computation)
            due = due.plus(losses.get(dataset, NOTHING))
        taken = room.balance.taken_of(dataset)
        assert limit.covers(taken)
        assert taken.covers(due)
        assert due.covers(room.balance.spent_of(dataset))
    charged = {name for name in room.live if losses_of(manifest, room.run(name).computation)}
    assert set(room.balance.open) == charged


@given(st.lists(ACTIONS, max_size=40))
def test_what_was_spent_is_never_given_back(schedule):
    history = History.active(**CHANGES)
    for name, *arguments in schedule:
        with suppress(CleanroomError):
            getattr(history, name)(*arguments)
    balance, before = Balance(), {}
    for entry in history.entries:
        balance = balance.posted(entry.content)
        for dataset, loss in before.items():
            assert balance.spent_of(dataset).covers(loss)
        before = dict(balance.spent)
