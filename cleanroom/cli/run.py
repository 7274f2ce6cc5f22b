"""`cleanroom run` and `cancel`: ask for a run, follow it, end it."""

import json
import sys
from typing import TYPE_CHECKING

import click

from cleanroom.cli import console
from cleanroom.cli.context import Visit, room_options
from cleanroom.client.growing import Growing
from cleanroom.errors import ParameterOutOfRange, Usage

if TYPE_CHECKING:
    from cleanroom.client.run import Run
    from cleanroom.manifest.choices import Choice
    from cleanroom.protocol.run import RunEvent


@click.command()
@click.argument("computation")
@click.option("-p", "--param", "--parameter", "parameters", multiple=True, metavar="NAME=NUMBER")
@click.option("--no-watch", is_flag=True, help="Return as soon as the run is submitted.")
@room_options
def run(
    visit: Visit,
    computation: str,
    parameters: tuple[str, ...],
    *,
    no_watch: bool,
) -> None:
    """Run COMPUTATION and follow it; Ctrl-C asks whether to cancel it, or stops following."""
    chosen = dict(_parameter(text) for text in parameters)
    with visit.enter() as room:
        started = room.run(computation, versions=None, **chosen)
        console.say(f"run {started.id}")
        if not no_watch:
            _follow(started, as_json=visit.as_json)
            started.wait()
        if visit.as_json:
            console.emit_json("run", started.to_json())
        else:
            console.emit(started.id)
    console.next_step(f"cleanroom result get {started.id}")


@click.command()
@click.argument("run_id", metavar="RUN")
@room_options
def cancel(
    visit: Visit,
    run_id: str,
) -> None:
    """Cancel RUN; only its submitter may."""
    with visit.enter() as room:
        ended = room.run_by_id(run_id).cancel()
        if visit.as_json:
            console.emit_json("cancel", ended.to_json())
        else:
            console.emit(f"{ended.id} is {ended.phase}")


def _follow(started: "Run", *, as_json: bool) -> None:
    try:
        _told(started, as_json=as_json)
    except KeyboardInterrupt:
        if not (
            sys.stdin.isatty() and click.confirm("cancel the run? it counts as used", err=True)
        ):
            console.say(f"the run goes on; to end it: cleanroom cancel {started.id}")
            raise
        console.say(f"{started.cancel().id} is cancelled")


def _told(started: "Run", *, as_json: bool) -> None:
    growing, shown, lost = Growing(), "", 0
    for event in started.watch():
        if as_json:
            console.say(json.dumps(event.to_plain()))
            continue
        if event.lost > lost:
            console.say(lost_line(event))
        lost = event.lost
        line = event_line(event, growing.add(event).line)
        if sys.stderr.isatty():
            console.again(line, same=shown == _stage(event))
        elif shown != _stage(event) or event.live:
            console.say(line)
        shown = _stage(event)
    if sys.stderr.isatty() and not as_json:
        console.say("")


def _stage(event: "RunEvent") -> str:
    return f"{event.phase} {event.stage}"


def event_line(event: "RunEvent", curves: str = "") -> str:
    """One event in one line."""
    detail = f"  {event.stage} {event.percent:>3} %" if event.phase == "running" else ""
    return f"  {event.at:%H:%M:%S}  {event.phase}{detail}  {curves}".rstrip()


def lost_line(event: "RunEvent") -> str:
    """That a worker was lost, and where the run goes on."""
    where = f"resumed at round {event.resumed}" if event.resumed else "others go on"
    return f"  {event.at:%H:%M:%S}  worker lost, {where}"


def _parameter(text: str) -> tuple[str, "Choice"]:
    from cleanroom.manifest.choices import spelled  # noqa: PLC0415 - pydantic

    name, separator, number = text.partition("=")
    try:
        if separator:
            return name, spelled(number)
    except ParameterOutOfRange:
        pass
    raise Usage(f"the parameter is {text!r}, expected NAME=NUMBER such as learning_rate=0.1")
