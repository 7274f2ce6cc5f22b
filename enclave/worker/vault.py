"""Data keys in memory, for the one run that named them.

Keys come out of grants that were sealed to this worker, and are overwritten when the run ends.
NOTE: overwriting is best effort: Python and OpenSSL may have made copies; the subprocess that
decrypts ends with the run, and a worker's memory is encrypted by its platform.
"""

from collections.abc import Mapping

from cleanroom.crypto.sealing import CONTENT_KEY_LENGTH, Unsealer
from cleanroom.errors import RunRefused, SealBroken
from cleanroom.protocol.grant import KeyGrant, open_grant


class RunKeys:
    """The keys of one run by input; its `repr` shows the run only."""

    def __init__(self, run: str, grants: Mapping[str, KeyGrant], unsealer: Unsealer) -> None:
        """Open the grants of `run`.

        Raises:
            SealBroken: a grant was sealed to another worker or changed, or holds no data key.
            RunRefused: a grant is for another run or input.
        """
        self._run = run
        self._keys: dict[str, bytearray] = {}
        for name, granted in sorted(grants.items()):
            if granted.terms.run != run or granted.terms.input != name:
                self.erase()
                raise RunRefused("a key grant is for another run or input")
            self._keys[name] = _opened(granted, unsealer)

    @property
    def run(self) -> str:
        """The run that named these keys."""
        return self._run

    def key(self, name: str) -> memoryview:
        """The 32-byte key of an input, read-only and without a copy.

        Raises:
            RunRefused: the run has no such input, or its keys are erased.
        """
        if name not in self._keys:
            raise RunRefused("the run holds no key for this input")
        return memoryview(self._keys[name]).toreadonly()

    def erase(self) -> None:
        """Overwrite and forget every key; may be called again."""
        for key in self._keys.values():
            key[:] = bytes(len(key))
        self._keys.clear()

    def __repr__(self) -> str:
        return f"RunKeys({self._run!r})"


def _opened(granted: KeyGrant, unsealer: Unsealer) -> bytearray:
    key = open_grant(granted, unsealer)
    if len(key) != CONTENT_KEY_LENGTH:
        raise SealBroken(f"a data key has {len(key)} bytes, expected {CONTENT_KEY_LENGTH}")
    return bytearray(key)
