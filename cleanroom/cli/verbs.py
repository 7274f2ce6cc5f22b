"""Every verb, where it lives, and its one line of help: nothing is imported before it is used.

Verbs that run the enclave come from whoever registers them under the entry-point group
`cleanroom.commands`; this package never imports them by name.
"""

from importlib import import_module
from importlib.metadata import entry_points
from typing import NamedTuple

import click

ENTRY_POINTS = "cleanroom.commands"


class Verb(NamedTuple):
    """A command that is imported when it is called."""

    target: str
    """`package.module:attribute`."""
    summary: str
    """What it does, one line."""


JOURNEY: dict[str, Verb] = {
    "init": Verb("cleanroom.cli.author:init", "write a manifest from a template"),
    "check": Verb("cleanroom.cli.author:check", "list every problem of a manifest"),
    "plan": Verb("cleanroom.cli.author:plan", "who contributes and who learns what"),
    "approve": Verb("cleanroom.cli.author:approve", "sign the manifest that `plan` showed"),
    "propose": Verb("cleanroom.cli.room:propose", "send manifest and approvals to the room"),
    "attest": Verb("cleanroom.cli.room:attest", "verify the room and show every check"),
    "attestation": Verb(
        "cleanroom.cli.attestation:attestation", "verify evidence by itself; profiles, collateral"
    ),
    "data": Verb("cleanroom.cli.data:data", "check, encrypt and upload datasets"),
    "run": Verb("cleanroom.cli.run:run", "run a computation"),
    "status": Verb("cleanroom.cli.room:status", "approvals, data, runs, and what to do next"),
    "cancel": Verb("cleanroom.cli.run:cancel", "cancel a run"),
    "result": Verb("cleanroom.cli.result:result", "fetch, decrypt and show results"),
    "receipt": Verb("cleanroom.cli.result:receipt", "fetch and verify receipts"),
    "budget": Verb("cleanroom.cli.room:budget", "what is left of each privacy budget"),
    "log": Verb("cleanroom.cli.room:log", "show and verify the room's log"),
    "manifest": Verb("cleanroom.cli.manifest:manifest", "format, show, explain a manifest"),
    "measure": Verb("cleanroom.cli.measure:measure", "what an image will measure, signed"),
    "key": Verb("cleanroom.cli.key:key", "make and show a party's keys"),
    "doctor": Verb("cleanroom.cli.doctor:doctor", "what this machine lacks"),
    "completion": Verb("cleanroom.cli.completion:completion", "print a shell completion script"),
}


def registered() -> dict[str, Verb]:
    """Verbs that other installed packages offer, by name."""
    return {name: verb for name, verb in _offered() if name not in JOURNEY}


def additions(name: str) -> list[object]:
    """What other installed packages add to a verb of the journey: one function each."""
    return [_imported(verb) for offered, verb in _offered() if name in JOURNEY and offered == name]


def _offered() -> list[tuple[str, Verb]]:
    return [
        (name, Verb(target, summary))
        for entry in entry_points(group=ENTRY_POINTS)
        for name, (target, summary) in entry.load().items()
    ]


def _imported(verb: Verb) -> object:
    module, _, attribute = verb.target.partition(":")
    found: object = getattr(import_module(module), attribute)
    return found


class LazyGroup(click.Group):
    """A group that knows its verbs by name and imports one only when it is called."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """The journey first, then what is registered."""
        del ctx
        return [*JOURNEY, *registered()]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import the verb's module."""
        del ctx
        verb = JOURNEY.get(cmd_name) or registered().get(cmd_name)
        if verb is None:
            return None
        command = _imported(verb)
        if not isinstance(command, click.Command):
            raise TypeError(f"{verb.target} is not a command")
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """List the verbs from the table, without importing any."""
        del ctx
        journey = [(name, verb.summary) for name, verb in JOURNEY.items()]
        others = [(name, verb.summary) for name, verb in registered().items()]
        with formatter.section("Verbs"):
            formatter.write_dl(journey)
        if others:
            with formatter.section("Verbs of the enclave"):
                formatter.write_dl(others)
