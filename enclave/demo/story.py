"""The demo as a story in stages: each stage does one thing and says what came of it.

Both parties act through the SDK, each in a directory of its own, exactly as two companies would;
the operator's processes run beside them. The truth is known here, so the end compares.
"""

import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from shutil import copyfile

import pyarrow.parquet as pq

from cleanroom.cli import console
from cleanroom.client.clock import system_clock
from cleanroom.client.drafting import compose_file
from cleanroom.client.growing import Growing
from cleanroom.client.identity import Identity
from cleanroom.client.manifest_file import ManifestFile
from cleanroom.client.memory import Memory
from cleanroom.client.results import Result
from cleanroom.client.room import Room, connect
from cleanroom.client.run import Run
from cleanroom.errors import InternalError
from cleanroom.manifest.author import block_text
from cleanroom.manifest.genesis import Genesis
from cleanroom.manifest.plan import exposure_in_words
from enclave.coordinator.initialise import WorkerPlatform
from enclave.demo import lending
from enclave.demo.kept import mark
from enclave.demo.tables import Tables, generate
from enclave.launching import LocalRoom
from enclave.local import begin

PARTIES = {"bank": "Bank plc", "shop": "Shop GmbH"}
DATASETS = {"bank": "customers", "shop": "baskets"}
ROUND_TO = 10
"""What the example manifest rounds the overlap to."""
STAGES = 11


@dataclass
class Stage:
    """Numbers the stages and times them."""

    done: int = 0
    seconds: dict[str, float] = field(default_factory=dict)

    @contextmanager
    def __call__(self, title: str) -> Iterator[None]:
        """Announce a stage, run it, and tell how long it took."""
        self.done += 1
        console.say(f"[{self.done:2}/{STAGES}] {title}")
        start = time.monotonic()
        yield
        self.seconds[title] = round(time.monotonic() - start, 2)
        console.say(f"        {self.seconds[title]:.1f} s")


def tell(
    directory: Path, *, rows: int, seed: int, keep: bool, workers_on: WorkerPlatform
) -> dict[str, object]:
    """Run the whole story in a new `directory` and return what came of it, as plain values.

    Args:
        directory: must not exist or be empty; everything is written below it.
        rows: rows of each party's table.
        seed: of the tables.
        keep: leave coordinator and workers running.
        workers_on: the platform that workers are simulated on; the coordinator's is SEV-SNP.

    Raises:
        CleanroomError: some step was refused, or the answer is not the truth.
    """
    start = time.monotonic()
    directory.mkdir(parents=True, exist_ok=True)
    mark(directory, [])
    stage = Stage()
    with stage("two companies and their data, seeded"):
        tables = _write_tables(directory, rows, seed)
        lending.write_tables(directory, rows, seed)
    with stage("keys of both parties; the operator makes a room"):
        identities = _make_keys(directory)
        begin(directory / "operator", "development", ("cpu",), workers_on)
    with stage("one manifest; both check, plan and approve it"):
        manifests = _agree(directory, identities)
    with ExitStack() as stack:
        room = _room(directory, manifests["bank"], keep=keep)
        stack.callback(room.stop)
        with stage("coordinator starts; both send their approvals"):
            address = room.start_coordinator()
            _propose(manifests, identities, address)
        with stage("two workers prove what they are and join"):
            room.start_workers(2, "cpu")
        mark(directory, room.process_ids())
        with stage("both parties verify the room before anything is sent"):
            rooms = _enter(manifests, identities, address, stack)
        with stage("both check, encrypt and upload their data"):
            _bring(directory, rooms)
        with stage("count the customers in common, on two Ray nodes"):
            counted = _finished(rooms["shop"].run("overlap"))
        with stage("rows of the customers in common, on one worker"):
            matched = _finished(rooms["bank"].run("matches"))
        with stage("one credit model of both parties' columns, on one worker"):
            trained = _finished(rooms["bank"].run("credit_model"))
        with stage("open the results, verify the receipts, compare with the truth"):
            told = _conclude(directory, rooms, counted, matched, tables)
            told |= lending.conclude(directory, rooms, trained)
            for party in PARTIES:
                _receipts(directory / party, rooms[party], (_quality(rooms[party], trained),))
        if keep:
            stack.pop_all()
            _how_to_go_on(directory, address)
    total = round(time.monotonic() - start, 1)
    console.say(f"done in {total} s; files are in {directory}")
    return {**told, "seconds": total, "stages": stage.seconds, "assurance": "simulated"}


def _write_tables(directory: Path, rows: int, seed: int) -> Tables:
    tables = generate(rows, overlap=rows * 3 // 10, seed=seed)
    for party, table in (("bank", tables.bank), ("shop", tables.shop)):
        (directory / party).mkdir(exist_ok=True)
        pq.write_table(table, directory / party / f"{DATASETS[party]}.parquet")
        console.say(f"        {party}: {table.num_rows:,} rows of {', '.join(table.column_names)}")
    return tables


def _make_keys(directory: Path) -> dict[str, Identity]:
    identities = {party: Identity.create(party, name) for party, name in PARTIES.items()}
    for party, identity in identities.items():
        identity.save(directory / party / f"{party}.key")
        public = directory / party / f"{party}.party.yaml"
        public.write_text(block_text({party: identity.public()}), encoding="utf-8")
    return identities


def _agree(directory: Path, identities: dict[str, Identity]) -> dict[str, ManifestFile]:
    now = system_clock()
    first = compose_file(
        directory / "bank" / "cleanroom.yaml",
        "partner",
        parties=[directory / party / f"{party}.party.yaml" for party in PARTIES],
        attestation=directory / "operator" / "attestation.yaml",
        name="partner",
        not_before=now,
        not_after=now + timedelta(days=1),
    )
    copyfile(first, directory / "shop" / "cleanroom.yaml")
    manifests = {p: ManifestFile.load(directory / p / "cleanroom.yaml") for p in PARTIES}
    for party, manifest in manifests.items():
        for line in exposure_in_words(manifest.check().manifest, party):
            console.say(f"        {line}")
        manifest.approve(identities[party])
    console.say(f"        both signed {manifests['bank'].digest}")
    return manifests


def _room(directory: Path, manifest: ManifestFile, *, keep: bool) -> LocalRoom:
    genesis = directory / "operator" / "genesis.json"
    genesis.write_bytes(Genesis.of(manifest.manifest).to_bytes())
    operator = directory.resolve() / "operator"
    return LocalRoom(operator, operator, operator / "genesis.json", outlive=keep)


def _propose(
    manifests: dict[str, ManifestFile], identities: dict[str, Identity], address: str
) -> None:
    for party, manifest in manifests.items():
        Memory(manifest.path.parent).remember(coordinator=address, allow_simulated=True)
        with connect(
            manifest, identity=identities[party], coordinator=address, allow_simulated=True
        ) as room:
            status = room.propose(manifest.approvals())
        console.say(f"        {party} proposed: the room is {status.phase}, {status.approvals}")


def _enter(
    manifests: dict[str, ManifestFile],
    identities: dict[str, Identity],
    address: str,
    stack: ExitStack,
) -> dict[str, Room]:
    rooms = {
        party: stack.enter_context(
            connect(manifest, identity=identities[party], coordinator=address, allow_simulated=True)
        )
        for party, manifest in manifests.items()
    }
    for party, room in rooms.items():
        findings = room.verdict.findings
        console.say(f"        {party}: {len(findings)} checks hold, {room.verdict.assurance}")
    return rooms


def _bring(directory: Path, rooms: dict[str, Room]) -> None:
    for party, dataset in (*DATASETS.items(), *lending.DATASETS.items()):
        path = directory / party / f"{dataset}.parquet"
        rooms[party].check(dataset, path).require()
        with console.progress(f"        {party}: encrypt and upload {dataset}") as progress:
            rooms[party].add(dataset, path, progress=progress)


def _quality(room: Room, trained: Run) -> Result:
    return room.run_by_id(trained.id).result("quality")


def _finished(run: Run) -> Run:
    shown, growing = ("", ""), Growing()
    for event in run.watch():
        growing.add(event)
        if (event.phase, event.stage) != shown and event.phase == "running":
            console.say(f"        {event.stage}")
        shown = (event.phase, event.stage)
    for name, blocks in growing.lines:
        console.say(f"        told while it went on: {name} {blocks}")
    return run.wait()


def _conclude(
    directory: Path, rooms: dict[str, Room], counted: Run, matched: Run, tables: Tables
) -> dict[str, object]:
    overlap = {party: room.run_by_id(counted.id).result() for party, room in rooms.items()}
    rows = {party: room.run_by_id(matched.id).result() for party, room in rooms.items()}
    count = _compare(overlap["bank"], rows["bank"], tables)
    for party in PARTIES:
        rows[party].save(directory / party / "matches.parquet")
        overlap[party].save_plot(directory / party / "overlap.svg")
        _receipts(directory / party, rooms[party], (overlap[party], rows[party]))
    console.say(f"        overlap, rounded to {ROUND_TO}: {count:,} (truth: {tables.overlap:,})")
    sample = rows["bank"].table.slice(0, 3)
    lines = [[str(cell) for cell in row.values()] for row in sample.to_pylist()]
    for line in console.table(sample.column_names, lines).splitlines():
        console.say(f"        {line}")
    return {"overlap": count, "truth": tables.overlap, "rows": rows["bank"].table.num_rows}


def _compare(overlap: Result, rows: Result, tables: Tables) -> int:
    """The rounded count, once both results are the truth."""
    found = int(overlap.table.column("overlap")[0].as_py())
    expected = (tables.overlap + ROUND_TO // 2) // ROUND_TO * ROUND_TO
    if found != expected or rows.table.num_rows != tables.overlap:
        raise InternalError("the room's answer is not the planted truth")
    return found


def _receipts(directory: Path, room: Room, results: tuple[Result, ...]) -> None:
    for result in results:
        name = result.receipt.claimed.computation
        path = result.receipt.save(directory / f"{name}.receipt.json")
        verified = result.receipt.verify(room.manifest, allow_simulated=True)
        console.say(
            f"        {path.parent.name}: receipt of {name} holds, {verified.predicate.engine}, "
            f"{len(verified.workers)} worker(s), {verified.predicate.assurance}"
        )


def _how_to_go_on(directory: Path, address: str) -> None:
    console.say(f"the room goes on at {address}; in another shell:")
    console.say(f"  cd {directory / 'bank'}")
    console.say("  cleanroom status")
    console.say("  cleanroom run overlap")
    console.say(f"end it with: cleanroom demo --clean --directory {directory}")
