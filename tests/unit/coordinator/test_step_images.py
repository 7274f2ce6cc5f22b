"""The room keeps what builders signed, shows it, and is not in force after it has ended."""

from datetime import timedelta

import pytest

from cleanroom.errors import ReferenceValuesRefused
from enclave.coordinator import events
from enclave.coordinator.room import step
from enclave.coordinator.state import Room
from tests.support.histories import History
from tests.support.manifests import NOW, approvals, simulated_policy
from tests.support.signed_values import image_statement, naming, signed_values

ENDS = NOW + timedelta(days=20)
"""When the statement of the builders ends, long before manifest and approvals."""


def begun():
    return History.begin(**{"attestation__worker-snp": naming(simulated_policy())})


def proposed(history, values, *parties):
    return history.apply(
        events.Proposed(
            at=history.now,
            manifest=history.manifest.to_bytes(),
            approvals=approvals(history.manifest, *parties),
            reference_values=values,
        )
    )


def in_force():
    history = begun()
    proposed(history, signed_values())
    for name in history.manifest.datasets:
        history.offer(name)
    return history


def test_a_proposal_brings_what_builders_signed():
    history = begun()
    values = signed_values()
    proposed(history, [*values, *signed_values(what=image_statement(version="1.3.0")), *values])
    assert {one.to_bytes() for one in history.room.reference_values} == {
        one.to_bytes() for one in values
    }
    assert len(history.room.reference_values) == 2
    assert history.room.images_until == ENDS
    assert history.room.phase_at(NOW) == "active"


@pytest.mark.parametrize(
    ("values", "match"),
    [
        ([], "of 'worker-snp' are missing"),
        (signed_values("bob-provide"), "1 builders signed"),
        (signed_values(what=image_statement(version="2.0.0")), "of 'worker-snp' are missing"),
    ],
    ids=["none", "too few", "of another statement"],
)
def test_a_proposal_without_all_of_it_changes_nothing(values, match):
    history = begun()
    before = history.room
    with pytest.raises(ReferenceValuesRefused, match=match):
        proposed(history, values)
    assert history.room is before


def test_a_later_proposal_cannot_exchange_what_builders_signed():
    history = begun()
    proposed(history, signed_values("ann-provide", "bob-provide"), "bank")
    held = history.room.reference_values
    proposed(history, signed_values("bob-provide", "cy-provide"), "shop")
    assert history.room.reference_values == held
    assert history.room.phase_at(NOW) == "active"


def test_the_second_party_need_not_bring_it_again():
    history = begun()
    proposed(history, signed_values(), "bank")
    proposed(history, [], "shop")
    assert history.room.in_force(NOW).manifest == history.manifest


def test_an_image_that_ended_between_two_approvals_activates_nothing():
    history = begun()
    proposed(history, signed_values(), "bank")
    history.now = ENDS + timedelta(seconds=1)
    with pytest.raises(ReferenceValuesRefused, match="are not valid on"):
        proposed(history, [], "shop")


def test_nothing_is_in_force_once_an_image_has_ended():
    history = in_force()
    assert history.room.in_force(ENDS).manifest == history.manifest
    history.now = ENDS + timedelta(seconds=1)
    assert history.room.phase_at(history.now) == "proposed"
    with pytest.raises(ReferenceValuesRefused, match="that it names ended at 2027-02-04T12:00:00Z"):
        history.submit()


def test_a_run_never_outlasts_the_image():
    history = in_force()
    history.now = ENDS - timedelta(seconds=10)
    history.submit()
    assert history.run().deadline == ENDS


def test_a_restarted_room_still_has_what_builders_signed():
    history = in_force()
    again = Room(genesis=history.room.genesis, at=NOW)
    for event in history.happened:
        again = step(
            again, events.Journalled.from_bytes(events.Journalled(event=event).to_bytes()).event
        ).room
    assert again == history.room


def test_proposals_without_names_are_the_same_bytes_as_before():
    history = History.begin()
    made = events.Proposed(at=NOW, manifest=history.manifest.to_bytes(), approvals=[])
    assert b"reference_values" not in made.to_bytes()
