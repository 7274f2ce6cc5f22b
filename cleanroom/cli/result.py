"""`cleanroom result` and `receipt`: open what a run released, and prove it."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from cleanroom.attestation.words.reference import image_in_words
from cleanroom.cli import console
from cleanroom.cli.context import (
    Visit,
    collateral_option,
    json_option,
    load_manifest,
    manifest_option,
    room_options,
)
from cleanroom.client.growing import COLUMNS as ROUNDS
from cleanroom.client.growing import Growing
from cleanroom.client.points import COLUMNS as POINTS
from cleanroom.client.points import in_words
from cleanroom.client.receipts import Receipt

if TYPE_CHECKING:
    from collections.abc import Sequence

    from cleanroom.client.kept import KeptModel
    from cleanroom.client.results import Result

CURVES = ("curve", "gain", "lift", "found, highest scores first")
"""What `result show` prints of an evaluation."""
COURSE = ("last value", "last rounds")
"""What `result show` prints of a curve."""
SHOWN_ROWS = 20
"""`result show` prints no more rows."""


@click.group()
def result() -> None:
    """Fetch, decrypt and show results."""


@result.command()
@click.argument("run_id", metavar="RUN")
@click.option("--output", help="Which output, if you receive several.")
@click.option(
    "--out",
    type=click.Path(path_type=Path, dir_okay=False),
    help="A new .parquet or .csv file, of a model .ubj, .safetensors or .json; else RUN.parquet.",
)
@click.option("--plot", type=click.Path(path_type=Path, dir_okay=False), help="Save a plot (.svg).")
@click.option("--picture", help="Which plot; of an evaluation roc, lift or calibration.")
@room_options
def get(
    visit: Visit,
    run_id: str,
    *,
    output: str | None,
    out: Path | None,
    plot: Path | None,
    picture: str | None,
) -> None:
    """Fetch RUN's result, verify its receipt, decrypt it and write it to a file.

    A result that the gate withheld is written nowhere: the command ends with status 6.
    """
    with visit.enter() as room:
        with console.progress("fetch") as progress:
            opened = room.run_by_id(run_id).result(output, progress=progress).require()
        written = opened.save(out or Path(f"{run_id}.parquet"))
        if plot is not None:
            opened.save_plot(plot, picture)
    if visit.as_json:
        console.emit_json("result", {"file": str(written), **opened.to_json()})
    else:
        console.emit(str(written))
    console.next_step(f"cleanroom receipt get {run_id}")


@result.command()
@click.argument("run_id", metavar="RUN")
@click.option("--output", help="Which output, if you receive several.")
@room_options
def show(
    visit: Visit,
    run_id: str,
    output: str | None,
) -> None:
    """Fetch RUN's result and print its first rows."""
    with visit.enter() as room:
        run = room.run_by_id(run_id)
        opened = run.result(output).require()
    kept = run.kept
    if (lines := _in_words(opened)) and not visit.as_json:
        console.emit(console.table(*lines))
        console.say("the numbers: `cleanroom result get`; a picture: its --plot")
        _say_kept(kept)
        return
    table = opened.shown
    first = table.slice(0, SHOWN_ROWS).to_pydict()
    rows = list(zip(*first.values(), strict=True))
    if visit.as_json:
        left = [each.to_json() for each in kept]
        told = {**opened.to_json(), "rows": [list(row) for row in rows], "kept": left}
        console.emit_json("result-show", told)
        return
    console.emit(console.table(table.column_names, rows))
    if table.num_rows > SHOWN_ROWS:
        console.say(f"the first {SHOWN_ROWS} of {table.num_rows:,} rows")
    _say_kept(kept)


def _say_kept(kept: "Sequence[KeptModel]") -> None:
    """The models that the run left in the room."""
    for each in kept:
        console.say(repr(each))


def _in_words(opened: "Result") -> tuple[tuple[str, ...], list[tuple[str, ...]]] | None:
    """What draws better than it reads, in lines of blocks; None for any other table."""
    if opened.table.column_names == POINTS:
        return CURVES, list(in_words(opened.table))
    if opened.table.column_names == ROUNDS:
        return COURSE, list(Growing.of(opened.table).lines)
    return None


@result.command()
@click.argument("run_id", metavar="RUN")
@click.option(
    "--out",
    type=click.Path(path_type=Path, dir_okay=False),
    help="A new .json or .html file; by default the JSON is printed.",
)
@room_options
def card(visit: Visit, run_id: str, out: Path | None) -> None:
    """The model card of RUN: what was trained, on what, how good it is, and what proves it."""
    with visit.enter() as room:
        made = room.run_by_id(run_id).model_card()
    written = "" if out is None else str(made.save(out))
    if visit.as_json:
        console.emit_json("model-card", {"file": written, "card": made.to_plain()})
    else:
        console.emit(written or made.to_bytes().decode())
    console.next_step(f"cleanroom receipt get {run_id}")


@click.group()
def receipt() -> None:
    """Fetch and verify receipts."""


@receipt.command("get")
@click.argument("run_id", metavar="RUN")
@click.option("--out", type=click.Path(path_type=Path, dir_okay=False), help="RUN.receipt.json")
@room_options
def get_receipt(
    visit: Visit,
    run_id: str,
    out: Path | None,
) -> None:
    """Fetch RUN's receipt, verify it, and write it to a file."""
    with visit.enter() as room:
        written = room.run_by_id(run_id).receipt().save(out or Path(f"{run_id}.receipt.json"))
    if visit.as_json:
        console.emit_json("receipt-get", {"file": str(written)})
    else:
        console.emit(str(written))
    console.next_step(f"cleanroom receipt verify {written}")


@receipt.command("show")
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False))
@json_option
def show_receipt(file: Path, *, as_json: bool) -> None:
    """Print what a receipt claims; `verify` says whether it is true."""
    loaded = Receipt.load(file)
    if as_json:
        console.emit_json("receipt", loaded.to_json())
        return
    claimed = loaded.claimed
    rows = [
        ("run", claimed.run),
        ("computation", claimed.computation),
        ("submitter", claimed.submitter),
        ("engine", claimed.engine),
        ("assurance", claimed.assurance),
        ("released", f"{claimed.released_at:%Y-%m-%d %H:%M:%S} UTC"),
        ("runs used", f"{claimed.runs_used} of {claimed.runs_allowed}"),
        *((f"input {name}", part.version) for name, part in claimed.inputs.items()),
        *((f"output {o.output} for {o.recipient}", o.digest) for o in claimed.outputs),
    ]
    console.emit(console.table(("claim", "value"), rows))


@receipt.command("verify")
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False))
@manifest_option
@click.option("--allow-simulated", is_flag=True, help="Accept a receipt of simulated platforms.")
@collateral_option
@json_option
def verify_receipt(
    file: Path,
    manifest_path: Path | None,
    *,
    allow_simulated: bool,
    bundle: Path | None,
    as_json: bool,
) -> None:
    """Verify a receipt offline, with nothing but the manifest; exit 4 if it does not hold."""
    manifest = load_manifest(manifest_path)
    verified = Receipt.load(file).verify(
        manifest, allow_simulated=allow_simulated, collateral=bundle
    )
    predicate = verified.predicate
    images = {name: image_in_words(values) for name, values in verified.room.images.items()}
    if as_json:
        told: dict[str, object] = {"run": predicate.run, "assurance": predicate.assurance}
        console.emit_json("receipt-verify", told | {"images": images})
        return
    findings = sum(len(worker.findings) for worker in verified.workers)
    console.emit(
        f"{predicate.run} holds ({predicate.assurance}): {len(predicate.outputs)} outputs, "
        f"{len(verified.workers)} workers, {len(verified.room.result.findings) + findings} checks, "
        f"log of {verified.room.head.size} entries"
    )
    for name, words in images.items():
        console.say(f"image of {name}: {words}")
