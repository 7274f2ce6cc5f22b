"""What a worker writes to stderr: one JSON line for each event, from a closed list of fields.

Events are constants in the source; fields are names, codes and sizes. No message of an exception,
no value, path or key is ever written.
"""

import json
import logging
import sys
from collections.abc import Mapping
from types import MappingProxyType

FIELDS = ("code", "run", "instance", "stage", "node", "item", "platform", "needed", "usable")
"""The only fields an event may carry; each is an identifier or a code, or a size in megabytes that
follows from rows and columns, which the room's log names as well."""
_LOGGER = logging.getLogger("enclave.worker")


class _JsonLines(logging.Formatter):
    """Writes the event and its allowed fields, never arguments or tracebacks."""

    def format(self, record: logging.LogRecord) -> str:
        line = {"level": record.levelname.lower(), "event": str(record.msg)}
        line |= {name: str(getattr(record, name)) for name in FIELDS if hasattr(record, name)}
        return json.dumps(line, sort_keys=True)


def open_diary() -> None:
    """Write this process's events to stderr; called once, by `main`."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(_JsonLines())
    _LOGGER.addHandler(handler)
    _LOGGER.setLevel(logging.INFO)
    _LOGGER.propagate = False


def note(event: str, **fields: str) -> None:
    """Write one event.

    Args:
        event: a constant of the source.
        fields: some of `FIELDS`.
    """
    _LOGGER.info(event, extra=dict(_allowed(fields)))


def _allowed(fields: Mapping[str, str]) -> Mapping[str, str]:
    unknown = sorted(set(fields) - set(FIELDS))
    if unknown:
        raise TypeError(f"a diary line has no fields {unknown}")
    return MappingProxyType(dict(fields))
