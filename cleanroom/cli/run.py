"""`cleanroom run` and `cancel`: ask for a run, follow it, end it."""

import json
from typing import TYPE_CHECKING

import click

from cleanroom.cli import console
from cleanroom.cli.context import Visit, room_options
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
    """Run COMPUTATION and follow it; Ctrl-C stops following, not the run."""
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
    shown = ("", "")
    for event in started.watch():
        if as_json:
            console.say(json.dumps(event.to_plain()))
        elif (event.phase, event.stage) != shown:
            shown = (event.phase, event.stage)
            console.say(event_line(event))


def event_line(event: "RunEvent") -> str:
    """One event in one line."""
    detail = f"  {event.stage}" if event.phase == "running" else ""
    return f"  {event.at:%H:%M:%S}  {event.phase}{detail}"


def _parameter(text: str) -> tuple[str, "Choice"]:
    from cleanroom.manifest.choices import spelled  # noqa: PLC0415 - pydantic

    name, separator, number = text.partition("=")
    try:
        if separator:
            return name, spelled(number)
    except ParameterOutOfRange:
        pass
    raise Usage(f"the parameter is {text!r}, expected NAME=NUMBER such as learning_rate=0.1")
