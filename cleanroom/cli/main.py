"""The entry point `cleanroom`: finds the verb, runs it, and turns errors into exit statuses."""

import os
import sys
from contextlib import suppress
from typing import NoReturn

import click

from cleanroom.cli import console
from cleanroom.cli.verbs import LazyGroup
from cleanroom.errors import CleanroomError, InternalError, Usage

INTERRUPTED = 130
"""The exit status after Ctrl-C, as shells have it."""
EPILOGUE = """\b
Exit status: 0 ok, 1 bug, 2 usage, 3 invalid manifest or data, 4 not trusted,
5 approval missing, 6 refused by a privacy rule, 7 unreachable, 8 run failed,
10 differences, 130 interrupted."""


@click.group(
    cls=LazyGroup,
    epilog=EPILOGUE,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)
@click.version_option(package_name="attested-cleanroom", prog_name="cleanroom")
def cleanroom() -> None:
    """Compute together on confidential data: agreed, attested, and provable afterwards."""


def main(arguments: list[str] | None = None) -> None:
    """Run the command line and exit with its status."""
    # NOTE: gRPC writes handshake failures to stderr by itself; ours are told in words.
    os.environ.setdefault("GRPC_VERBOSITY", "NONE")
    _leave(run(sys.argv[1:] if arguments is None else arguments))


def _leave(status: int) -> NoReturn:
    """End the process at once, with nothing unwritten.

    NOTE: threads of gRPC and Arrow may still wind down when the interpreter destroys them, and end
    the process by SIGABRT after the work is done. Nothing of ours is left to do by then.
    """
    with suppress(OSError, ValueError):
        sys.stdout.flush()
    with suppress(OSError, ValueError):
        sys.stderr.flush()
    os._exit(status)


def run(arguments: list[str]) -> int:
    """Run one command and return its exit status."""
    try:
        outcome = cleanroom.main(args=arguments, prog_name="cleanroom", standalone_mode=False)
    except click.exceptions.NoArgsIsHelpError as asked:
        asked.show()
        return Usage.exit_status
    except (click.Abort, KeyboardInterrupt):
        console.say("interrupted; nothing is half done")
        return INTERRUPTED
    except BrokenPipeError:
        sys.stderr.close()
        return 0
    except Exception as raised:  # noqa: BLE001 - the last place to tell it in words
        error = _told(raised)
        console.fail(error, as_json="--json" in arguments)
        return error.exit_status
    return outcome if isinstance(outcome, int) else 0


def _told(raised: Exception) -> CleanroomError:
    """What to tell about an exception; with CLEANROOM_DEBUG=1 an unexpected one goes on up."""
    if isinstance(raised, CleanroomError):
        return raised
    if isinstance(raised, click.ClickException):
        return Usage(raised.format_message(), hint=_help_hint(raised))
    if os.environ.get("CLEANROOM_DEBUG"):
        raise raised
    # NOTE: the message of an unexpected error may hold a value of somebody's data.
    return InternalError(f"unexpected {type(raised).__name__} in this command")


def _help_hint(wrong: click.ClickException) -> str:
    context = getattr(wrong, "ctx", None)
    return f"see `{context.command_path} --help`" if context else Usage.fix
