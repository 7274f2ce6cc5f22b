"""How the command line speaks: results, progress, errors, and what to do next.

Nothing here decides anything; a terminal gets colour, a pipe gets plain lines.
"""

import json
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

import click

from cleanroom.client.display import aligned
from cleanroom.errors import CleanroomError, Problem

SCHEMA = "cleanroom.dev/cli/{name}/v1"
CLEAR, NEW_LINE = "\r\x1b[2K", "\n"
"""To the start of the line, which is emptied; and to the next one."""


def emit(text: str) -> None:
    """Write a result to standard output."""
    click.echo(text)


def emit_json(name: str, content: dict[str, object]) -> None:
    """Write a result as one JSON document that names its schema."""
    click.echo(json.dumps({"schema": SCHEMA.format(name=name), **content}, ensure_ascii=False))


def say(text: str) -> None:
    """Write a line of progress to standard error."""
    click.echo(text, err=True)


def again(text: str, *, same: bool) -> None:
    """Write a line of progress to a terminal that may be written again.

    Args:
        text: the line.
        same: whether it takes the place of the last one; otherwise that one stays.
    """
    click.echo(f"{CLEAR if same else NEW_LINE}{text}", err=True, nl=False)


def next_step(text: str) -> None:
    """Tell a person at a terminal what comes next."""
    if sys.stderr.isatty():
        click.secho(f"next: {text}", err=True, fg="cyan")


def fail(error: CleanroomError, *, as_json: bool) -> None:
    """Write an error to standard error: what, every single problem, one fix.

    A note on the error is an excerpt of the author's file that shows the problems in place.
    """
    if as_json:
        say(json.dumps(error_plain(error), ensure_ascii=False))
        return
    excerpts: list[str] = getattr(error, "__notes__", [])
    for excerpt in excerpts:
        say(excerpt.rstrip())
    if not excerpts:
        click.secho(f"error[{error.code}]", err=True, fg="red", bold=True, nl=False)
        say(f": {error.message}")
    for problem in () if excerpts else error.problems:
        say(f"   | {problem_line(problem)}")
        if problem.hint:
            say(f"   |   help: {problem.hint}")
    if error.hint:
        say(f"   = fix: {error.hint}")
    say(f"   = more: cleanroom manifest explain {error.code}")


def error_plain(error: CleanroomError) -> dict[str, object]:
    """An error as plain JSON values."""
    return {
        "schema": SCHEMA.format(name="error"),
        "code": error.code,
        "slug": error.slug,
        "message": error.message,
        "hint": error.hint,
        "exit": error.exit_status,
        "problems": [
            {"where": p.where, "line": p.line, "column": p.column, "message": p.message}
            for p in error.problems
        ],
    }


def problem_line(problem: Problem) -> str:
    """One problem in one line: place, then message."""
    place = f"{problem.line}:{problem.column} " if problem.line else ""
    where = f"{problem.where}: " if problem.where else ""
    return f"{place}{where}{problem.message}"


def table(headers: Sequence[str], rows: Sequence[Sequence[object]]) -> str:
    """Aligned columns, with a rule under the headers."""
    return "\n".join(aligned([headers, *rows], ruled=True))


@contextmanager
def progress(title: str) -> Iterator[Callable[[int, int | None], None]]:
    """A progress bar on a terminal, one closing line elsewhere.

    Yields:
        A function of bytes done, and bytes in all once that is known.
    """
    if not sys.stderr.isatty():
        seen = [0]

        def count(done: int, _total: int | None) -> None:
            seen[0] = max(seen[0], done)

        yield count
        say(f"{title}: {seen[0] / 1_000_000:,.1f} MB")
        return
    from rich.console import Console  # noqa: PLC0415 - only where a bar is shown
    from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn  # noqa: PLC0415

    columns = (TextColumn("{task.description}"), BarColumn(), TextColumn("{task.percentage:.0f}%"))
    with Progress(*columns, TimeRemainingColumn(), console=Console(stderr=True)) as bar:
        task = bar.add_task(title, total=None)
        yield lambda done, total: bar.update(task, completed=done, total=total)
