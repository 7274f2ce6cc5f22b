"""`cleanroom completion`: a script that completes verbs and options in a shell."""

import click
from click.shell_completion import get_completion_class

from cleanroom.cli import console
from cleanroom.errors import Usage


@click.command()
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
def completion(shell: str) -> None:
    """Print a completion script for SHELL; add it to your shell's start-up file."""
    from cleanroom.cli.main import cleanroom  # noqa: PLC0415 - main imports the verbs' table

    kind = get_completion_class(shell)
    if kind is None:
        raise Usage(f"there is no completion for {shell}")
    console.emit(kind(cleanroom, {}, "cleanroom", "_CLEANROOM_COMPLETE").source())
