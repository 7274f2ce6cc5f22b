"""What holds for every test: Hypothesis behaves the same everywhere, and Ray runs once at a time."""

import os

import pytest
from hypothesis import HealthCheck, settings

settings.register_profile(
    "ci",
    deadline=None,
    max_examples=50,
    derandomize=True,
    database=None,
    suppress_health_check=[HealthCheck.too_slow],  # a busy machine is no finding
)
settings.register_profile(
    "explore", parent=settings.get_profile("ci"), derandomize=False, max_examples=5000
)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "ci"))

WHOLE_ROOMS = ("cluster", "notebook")
"""Markers of tests that start coordinator, workers and Ray on this machine."""


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Keep tests that start whole rooms in one xdist worker, one after another."""
    for item in items:
        if any(item.get_closest_marker(name) for name in WHOLE_ROOMS):
            item.add_marker(pytest.mark.xdist_group("rooms"))
