"""Attack: recognise people by the names they are given, across recipients, runs or guesses."""

import itertools
import re

import numpy as np
import pyarrow as pa

from tests.support.intersections import PARTIES, emails, rows_plan, run
from tests.support.mutants import assert_mutant_is_caught

PEOPLE = pa.table({"id": emails(np.arange(300)), "v": pa.array(range(300))})
TWICE = pa.concat_tables([PEOPLE, PEOPLE])
ANN, BEA, CEM = PARTIES[:3]


def released_to(*recipients, tables=(PEOPLE, PEOPLE), **changes):
    plan = rows_plan(["id"], tables, recipients, **changes)
    return {each.recipient: each.table for each in run(plan, tables)}


def identities_reach_their_owner_only():
    tables = released_to(ANN, BEA, CEM)
    real = set(PEOPLE["id"].to_pylist())
    for owner, column in ((ANN, "a.id"), (BEA, "b.id")):
        for recipient, table in tables.items():
            got = set(table[column].to_pylist())
            assert got == real if recipient == owner else not got & real


def test_an_identity_reaches_its_owner_only():
    assert identities_reach_their_owner_only() is None


def test_a_gate_that_forgets_who_owns_an_identity_is_noticed(monkeypatch):
    def names(pseudonyms, place):
        del pseudonyms, place
        return PEOPLE["id"].cast(pa.large_string()).combine_chunks()

    assert_mutant_is_caught(
        monkeypatch,
        "enclave.computations.pseudonyms:Pseudonyms.texts",
        names,
        identities_reach_their_owner_only,
    )


def test_pseudonyms_are_one_for_each_person_and_say_nothing():
    table = released_to(ANN, CEM)[CEM]
    names = table["a.id"].to_pylist()
    assert len(set(names)) == 300
    assert all(re.fullmatch("[0-9a-f]{32}", name) for name in names)


def test_a_person_with_several_rows_has_one_pseudonym_in_an_output():
    table = released_to(CEM, tables=(TWICE, PEOPLE), duplicates="all")[CEM]
    names = {}
    for name, value in zip(table["a.id"].to_pylist(), table["a.v"].to_pylist(), strict=True):
        names.setdefault(value, set()).add(name)
    assert len(table) == 600
    assert len(names) == 300
    assert all(len(each) == 1 for each in names.values())


def test_two_identities_of_one_person_have_the_same_pseudonym():
    table = released_to(CEM)[CEM]
    assert table["a.id"].to_pylist() == table["b.id"].to_pylist()


def test_no_two_recipients_or_runs_share_a_pseudonym():
    views = [released_to(CEM, "dora") for _ in range(3)]
    drawn = [set(table["a.id"].to_pylist()) for view in views for table in view.values()]
    assert all(not here & there for here, there in itertools.combinations(drawn, 2))


def test_the_order_of_rows_does_not_link_recipients_or_name_places_in_a_file():
    """Rows in a common order would join two recipients' pseudonyms line by line."""
    first, second = released_to(CEM, "dora").values()
    assert first["a.v"].to_pylist() != second["a.v"].to_pylist()
    for table in (first, second):
        assert table["a.v"].to_pylist() != sorted(table["a.v"].to_pylist())


def test_a_recipient_with_an_input_of_its_own_gets_no_other_files_order():
    shuffled = PEOPLE.take(pa.array(np.random.default_rng(3).permutation(300)))
    table = released_to(BEA, tables=(shuffled, PEOPLE))[BEA]
    assert table["b.v"].to_pylist() == list(range(300))
