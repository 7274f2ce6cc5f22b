"""Parameters of a run as people type them."""

import pytest

from cleanroom.cli.run import _parameter
from cleanroom.errors import Usage


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("rounds=40", ("rounds", 40)),
        ("learning_rate=0.10", ("learning_rate", "0.1")),
        ("l2=1e-3", ("l2", "0.001")),
    ],
)
def test_a_number_is_taken_in_its_one_spelling(text, expected):
    assert _parameter(text) == expected


@pytest.mark.parametrize("text", ["0.1", "learning_rate=fast", "rounds=", "l2=nan"])
def test_what_has_no_name_or_is_no_number_is_refused(text):
    with pytest.raises(Usage, match=r"expected NAME=NUMBER such as learning_rate=0\.1"):
        _parameter(text)
