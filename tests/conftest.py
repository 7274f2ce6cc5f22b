"""What holds for every test: Hypothesis is the same everywhere, and Ray runs once at a time."""

import os
import sys

import absl.logging
import pytest
from hypothesis import HealthCheck, settings
from xdist.scheduler import LoadScopeScheduling

# NOTE: dp-accounting brings absl, which keeps the standard error of its import and closes it when
# somebody configures logging, as import-linter does: that would be pytest's own
absl.logging.get_absl_handler().python_handler.stream = sys.__stderr__

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

WHOLE_ROOMS = ("tests/cluster/", "tests/notebooks/")
"""Where tests live that start coordinator, workers and Ray on this machine."""


class RoomsTogether(LoadScopeScheduling):
    """Tests that start whole rooms share one process, one after another; all others spread.

    NOTE: `--dist loadgroup` would say the same by markers, but xdist 3.8 hides the groups in node
    ids that pytest 9.2 computes afresh.
    """

    def _split_scope(self, nodeid: str) -> str:
        return "rooms" if nodeid.startswith(WHOLE_ROOMS) else nodeid


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: object) -> RoomsTogether:
    """Spread tests over the processes that `-n` asks for."""
    return RoomsTogether(config, log)
