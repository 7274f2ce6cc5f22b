"""What the coordinator tells its operator: one JSON line for each thing, allowed fields only.

A record's message is one of our constants; whatever else somebody attaches is left out unless its
name is on the list. No secret, no row, no count and no text of a party's is ever on the list.
"""

import json
import logging
import sys
from typing import TextIO

NAME = "cleanroom.coordinator"
ALLOWED = (
    *("kind", "run", "instance", "code", "method", "address", "epoch", "entries", "failure"),
    "platform",
)
"""Fields that may be printed: names that the room gave, codes, and numbers about itself."""


class AllowedFields(logging.Formatter):
    """Formats a record as JSON with the allowed fields only."""

    def format(self, record: logging.LogRecord) -> str:
        """One line, without arguments, exceptions or stack."""
        fields = {name: vars(record)[name] for name in ALLOWED if name in vars(record)}
        at = self.formatTime(record, "%Y-%m-%dT%H:%M:%S%z")
        line = {"at": at, "level": record.levelname.lower(), "message": record.msg, **fields}
        return json.dumps(line, default=str)


def logger() -> logging.Logger:
    """The coordinator's logger."""
    return logging.getLogger(NAME)


def to_stream(stream: TextIO = sys.stderr) -> logging.Handler:
    """Print the coordinator's records to a stream; returns what prints, to be removed again."""
    printing = logging.StreamHandler(stream)
    printing.setFormatter(AllowedFields())
    log = logger()
    log.addHandler(printing)
    log.setLevel(logging.INFO)
    log.propagate = False
    return printing
