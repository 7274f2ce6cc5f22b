"""`cleanroom doctor`: what this machine is and what it lacks."""

from pathlib import Path

import click

from cleanroom.cli import console
from cleanroom.cli.context import json_option
from cleanroom.cli.verbs import additions
from cleanroom.client.machine import Item, examine, require_fit

DEFAULT_PORT = 7443
"""Where a coordinator listens unless told otherwise."""
_MARKS = {"ok": "ok", "note": "note", "missing": "MISSING"}


@click.command()
@click.option(
    "--port", "ports", type=int, multiple=True, default=(DEFAULT_PORT,), show_default=True
)
@json_option
def doctor(ports: tuple[int, ...], *, as_json: bool) -> None:
    """Find what is missing on this machine before anything fails late."""
    items = [*examine(Path.cwd(), ports), *_added()]
    if as_json:
        plain = [
            {"name": i.name, "verdict": i.verdict, "found": i.found, "expected": i.expected}
            for i in items
        ]
        console.emit_json("doctor", {"items": plain})
    else:
        rows = [(_MARKS[i.verdict], i.name, i.found, i.expected) for i in items]
        console.emit(console.table(("", "what", "found", "expected"), rows))
    require_fit(items)
    console.next_step("cleanroom demo")


def _added() -> list[Item]:
    """What other installed packages have to say of this machine."""
    examined = [examine_more() for examine_more in additions("doctor") if callable(examine_more)]
    return [item for items in examined for item in items]
