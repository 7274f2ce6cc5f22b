"""Each check of a firmware for TDX is taken away: code runs that its measurement does not hold."""

import pytest

from tests.attacks import test_firmware_hostile as hostile
from tests.support.breaches import Mutant, assert_gets_through, shown
from tests.support.mutants import passes
from tests.unit.collateral import test_td_launch as launch

TDVF = "cleanroom.collateral.tdvf"
LAUNCH = "cleanroom.collateral.td_launch"
MUTANTS = [
    Mutant(
        f"{TDVF}:_require_boot_measured",
        passes,
        hostile.test_a_firmware_that_leaves_its_code_unmeasured,
    ),
    Mutant(
        f"{TDVF}:_require_boot_measured",
        passes,
        hostile.test_a_firmware_whose_second_boot_volume_is_unmeasured,
    ),
    Mutant(f"{TDVF}:_require_boot_measured", passes, hostile.test_a_firmware_without_a_boot_volume),
    Mutant(
        f"{TDVF}:_require_apart",
        passes,
        hostile.test_a_firmware_that_has_its_code_replaced_by_a_later_section,
    ),
    Mutant(f"{LAUNCH}:_require_same", passes, launch.test_a_log_of_another_kernel_is_refused),
    Mutant(f"{LAUNCH}:_require_same", passes, launch.test_a_log_of_another_command_line_is_refused),
]


@pytest.mark.parametrize("mutant", MUTANTS, ids=shown)
def test_without_the_check_the_firmware_gets_through(mutant, monkeypatch):
    assert_gets_through(monkeypatch, mutant)
