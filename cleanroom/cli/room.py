"""`propose`, `attest`, `status`, `budget`, `log`: a party and its room."""

import json
from pathlib import Path

import click

from cleanroom.cli import console
from cleanroom.cli.context import Visit, room_options


@click.command()
@room_options
def propose(
    visit: Visit,
) -> None:
    """Send the manifest and every approval in approvals/ to the room, once it is verified."""
    approvals = visit.load_manifest().approvals()
    with visit.enter() as room:
        status = room.propose(approvals)
    if visit.as_json:
        console.emit_json("propose", status.to_json())
    else:
        console.emit(f"the room is {status.phase}: {status.approvals}")
    console.next_step(status.next_step)


@click.command()
@click.option("--save", type=click.Path(path_type=Path, dir_okay=False), help="Keep the proof.")
@room_options
def attest(
    visit: Visit,
    save: Path | None,
) -> None:
    """Verify the coordinator and its workers; show every check, what was found and expected."""
    from cleanroom.client.proof import Proof  # noqa: PLC0415 - start-up time

    with visit.enter() as room:
        verdict = room.verdict
        workers = room.workers() if room.trusted.approved else []
    if save is not None:
        proof = Proof(
            verified_at=verdict.room.result.issued_at,
            statement=verdict.room.statement,
            workers=[worker.admitted for worker in workers],
            collateral=visit.known_collateral(verdict.room.result.issued_at),
        )
        save.write_bytes(proof.to_bytes())
    if visit.as_json:
        plain = [worker.to_json() for worker in workers]
        console.emit_json("attest", {**verdict.to_json(), "workers": plain})
    else:
        for shown in (verdict, *workers):
            console.emit(f"{shown!r}\n")
    console.next_step("cleanroom status")


@click.command()
@room_options
def status(
    visit: Visit,
) -> None:
    """Show approvals, datasets and runs, and what each party does next."""
    with visit.enter() as room:
        told = room.status()
    if visit.as_json:
        console.emit_json("status", told.to_json())
    else:
        console.emit(repr(told))


@click.command()
@room_options
def budget(
    visit: Visit,
) -> None:
    """Show what is left of each dataset's privacy budget, as the verified log says."""
    with visit.enter() as room:
        told = room.budget()
    if visit.as_json:
        console.emit_json("budget", told.to_json())
    else:
        console.emit(repr(told))


@click.group()
def log() -> None:
    """Show and verify the room's log."""


@log.command()
@room_options
def show(
    visit: Visit,
) -> None:
    """Fetch the whole log, verify it against the signed head, and print it."""
    with visit.enter() as room:
        view = room.log()
    if visit.as_json:
        console.emit(json.dumps(view.to_json(), ensure_ascii=False))
    else:
        console.emit(repr(view))


@log.command()
@room_options
def verify(
    visit: Visit,
) -> None:
    """Verify that the log extends the one this party remembers; exit 4 if it does not."""
    with visit.enter() as room:
        view, head = room.log(), room.trusted.head
    if visit.as_json:
        console.emit_json("log-verify", {"size": head.size, "root": head.root.hex()})
    else:
        console.emit(f"the log holds: {head.size} entries, root {head.root.hex()}")
    console.say(f"{len(view.entries)} entries read, each in its place")
