"""One question to a character device, by ioctl: opened, asked, closed; patient where that helps.

The drivers of confidential guests limit how often the platform is asked. Only what passes by itself
is asked again, with longer and longer pauses; everything else is said at once, in words. The system
call is an argument, so that tests answer in the kernel's place.
"""

import errno
import fcntl
import os
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

TRIES = 8
"""How often a busy platform is asked before giving up."""
FIRST_PAUSE_S = 0.05
"""The first pause; each one is twice as long as the one before, together 6.35 s; in seconds."""
PATIENT = frozenset({errno.EBUSY, errno.EINTR, errno.EAGAIN})
"""Rate limited, in use, or interrupted: asking again is right."""
WORDS: Mapping[int, str] = {
    errno.ENOENT: "is not there",
    errno.ENXIO: "has no platform behind it",
    errno.ENODEV: "has no platform behind it",
    errno.EACCES: "may not be opened by this process",
    errno.EPERM: "may not be opened by this process",
    errno.ENOTTY: "does not know the request",
    errno.EBUSY: "stays busy",
    errno.EAGAIN: "stays busy",
    errno.EINTR: "is interrupted again and again",
    errno.ETIMEDOUT: "did not answer in time",
    errno.EIO: "was refused by the platform",
}
"""What the kernel's errors say about a device."""

Ioctl = Callable[[int, int, bytearray], object]
"""`fcntl.ioctl`: a descriptor, the request's number, and its argument, which is written into."""
Pause = Callable[[float], None]
"""Waits for some seconds."""


def pauses() -> Iterator[float]:
    """How long to wait after each try but the last; in seconds."""
    return (FIRST_PAUSE_S * 2**tried for tried in range(TRIES - 1))


def why(refused: OSError) -> str:
    """What an error of the kernel says, in words and without a path."""
    number = refused.errno or 0
    return WORDS.get(number, f"fails with {errno.errorcode.get(number, 'an unknown error')}")


@dataclass(frozen=True, slots=True)
class Driver:
    """A character device that is asked by ioctl."""

    device: Path
    ioctl: Ioctl = field(default=fcntl.ioctl, repr=False)
    """The system call, `fcntl.ioctl` except in tests."""
    pause: Pause = field(default=time.sleep, repr=False)

    def ask(self, number: int, call: bytearray) -> None:
        """Ask once, and again while the device is busy; the answer is in `call`.

        Args:
            number: of the request, from the driver's header.
            call: its argument; begins anew with every try.

        Raises:
            OSError: the device is missing, refuses, or stays busy; `call` is as the kernel left it.
        """
        descriptor = os.open(self.device, os.O_RDWR | os.O_CLOEXEC)
        try:
            asked = bytes(call)
            for wait in pauses():
                try:
                    self.ioctl(descriptor, number, call)
                except OSError as refused:
                    if refused.errno not in PATIENT:
                        raise
                else:
                    return
                self.pause(wait)
                call[:] = asked
            self.ioctl(descriptor, number, call)
        finally:
            os.close(descriptor)
