"""What launching an image on TDX will measure, put together from files and from a boot's event log.

MRTD comes from the firmware (`td_build`) or from whoever measured it, RTMR0 from what the host
decides (`td_configuration`), RTMR1 and RTMR2 from what is booted directly (`direct_boot`), each of
them else from the log, and RTMR3 from the log alone. Where a register is computed and the log
explains it too, both must say the same, event by event.
"""

from collections.abc import Mapping, Sequence

from cleanroom.attestation.formats.event_log import Event, measured, read_event_log, replay
from cleanroom.attestation.policy.tdx import TdImage
from cleanroom.attestation.rejection import rejected
from cleanroom.collateral.boot_events import BootEvent, extend_all
from cleanroom.errors import Usage

REGISTERS = {1: "rtmr0", 2: "rtmr1", 3: "rtmr2", 4: "rtmr3"}
"""Names of the registers by their number in an event log of TDX (UEFI 2.10 §38.4.1)."""
ZERO = bytes(48)


def compose_image(
    mrtd: str, booted: Mapping[str, Sequence[BootEvent]], event_log: bytes | None
) -> TdImage:
    """The registers that belong together.

    Args:
        mrtd: of the firmware, 96 hex digits.
        booted: computed events by the name of their register; may be empty.
        event_log: of a boot of the same image that is trusted (CCEL), if there is one.

    Raises:
        EvidenceRejected: the log is malformed, or says otherwise than what was computed.
        Usage: nothing says what RTMR1 and RTMR2 are.
    """
    if event_log is None and not {"rtmr1", "rtmr2"} <= booted.keys():
        raise Usage(
            "neither a kernel nor an event log is given, expected one: MRTD covers the firmware "
            "only, so that the host would choose what boots"
        )
    registers: dict[str, str] = {}
    if event_log is not None:
        events = read_event_log(event_log)
        values = replay(events, "sha384", REGISTERS)
        registers = {name: values[number].hex() for number, name in REGISTERS.items()}
        if values[4] == ZERO:
            registers["rtmr3"] = "zero"
        for name, computed in booted.items():
            _require_same(name, computed, events)
    registers |= {name: extend_all(computed).hex() for name, computed in booted.items()}
    return TdImage.from_plain({"mrtd": mrtd, **registers})


def _require_same(name: str, computed: Sequence[BootEvent], events: Sequence[Event]) -> None:
    told = [
        event.digests["sha384"] for event in measured(events) if REGISTERS[event.register] == name
    ]
    for index, event in enumerate(computed):
        if index == len(told) or told[index] != event.digest:
            raise rejected(
                f"event {index + 1} of {name.upper()} in the event log",
                found="missing" if index == len(told) else "another",
                expected=f"{event.name}, as computed",
                cause="the log is of another boot, or its firmware boots in another way",
            )
    if len(told) > len(computed):
        raise rejected(
            f"{name.upper()} in the event log",
            found=f"of {len(told)} events",
            expected=f"the {len(computed)} that are computed",
            cause="other firmware, a boot loader, a shim or a unified kernel image measures more: "
            "take this register from the log alone",
        )
