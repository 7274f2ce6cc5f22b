"""A firmware that would measure like another, or leave something unmeasured."""

from dataclasses import replace

import pytest

from cleanroom.collateral.authenticode import authenticode
from cleanroom.collateral.td_build import measure_build
from cleanroom.collateral.tdvf import read_tdvf
from cleanroom.errors import ImageUnreadable
from tests.support.firmware import BOOT, CONFIGURATION, HAND_OFF, PAGE, ROWS, firmware, program
from tests.support.firmware import with_row as but


def mrtd(raw, order="page"):
    return measure_build(read_tdvf(raw), order)


def altered(raw, at):
    return raw[:at] + bytes([raw[at] ^ 1]) + raw[at + 1 :]


@pytest.mark.parametrize("at", [0, 255, 256, PAGE - 1, PAGE, 2 * PAGE - 1])
def test_a_firmware_with_one_other_byte_of_code(at):
    assert mrtd(altered(firmware(), at)) != mrtd(firmware())


def test_a_firmware_whose_code_is_loaded_elsewhere():
    assert mrtd(firmware(but(BOOT, address=BOOT.address - 4 * PAGE))) != mrtd(firmware())


def test_a_firmware_whose_pages_are_swapped():
    swapped = replace(BOOT, content=BOOT.content[PAGE:] + BOOT.content[:PAGE])
    assert mrtd(firmware((swapped, *ROWS[1:]))) != mrtd(firmware())


def test_a_firmware_whose_sections_are_launched_in_another_order():
    measures = {mrtd(firmware(rows)) for rows in (ROWS, ROWS[::-1], (*ROWS[1:], BOOT))}
    assert len(measures) == 3


def test_a_firmware_that_asks_for_one_more_page():
    assert mrtd(firmware(but(HAND_OFF, size=2 * PAGE))) != mrtd(firmware())


def test_a_firmware_that_leaves_its_code_unmeasured():
    with pytest.raises(ImageUnreadable, match="MRTD would not say which firmware runs"):
        mrtd(firmware(but(BOOT, attributes=0)))


def test_a_firmware_whose_second_boot_volume_is_unmeasured():
    second = replace(BOOT, address=0xFFFD0000, attributes=0)
    with pytest.raises(ImageUnreadable, match="MRTD would not say which firmware runs"):
        mrtd(firmware((*ROWS, second)))


def test_a_firmware_without_a_boot_volume():
    with pytest.raises(ImageUnreadable, match="boot firmware volume is missing"):
        mrtd(firmware(ROWS[1:]))


def test_a_firmware_that_has_its_code_replaced_by_a_later_section():
    """Which of two contents of one page runs would be the hypervisor's choice."""
    over = replace(BOOT, content=b"\xcc" * PAGE, size=PAGE, attributes=0, kind=CONFIGURATION.kind)
    with pytest.raises(ImageUnreadable, match="inside another section"):
        mrtd(firmware((*ROWS, over)))


def test_a_firmware_with_two_sets_of_metadata():
    """A hypervisor that searches from the start finds another set than one from the end."""
    with pytest.raises(ImageUnreadable, match="with 2 places of TDX metadata"):
        mrtd(firmware(places=2))


def test_a_firmware_that_asks_for_all_memory():
    with pytest.raises(ImageUnreadable, match="sections' memory is"):
        mrtd(firmware(but(HAND_OFF, size=1 << 40, address=1 << 40)))


def test_a_firmware_cut_anywhere():
    raw = firmware()
    for end in range(0, len(raw), 97):
        with pytest.raises(ImageUnreadable):
            mrtd(raw[:end])


def test_a_kernel_with_code_appended_after_its_sections():
    assert authenticode(program(trailing=b"\xcc" * 16)) != authenticode(program())


def test_a_kernel_that_calls_its_code_a_signature():
    """What is said to be signatures is left out, so it must stand after all that runs."""
    signed = program(certificates=b"\xcc" * 16)
    assert authenticode(signed) == authenticode(program())
    at = signed.index((len(signed) - 16).to_bytes(4, "little") + (16).to_bytes(4, "little")) + 4
    more = signed[:at] + (16 + 512).to_bytes(4, "little") + signed[at + 4 :]
    with pytest.raises(ImageUnreadable, match="the program's end"):
        authenticode(more)
