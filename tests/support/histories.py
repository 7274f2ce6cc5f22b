"""Events for rooms without a network: what services would make of honest callers, at fixed times.

Owned by the tests of `room.step`: evidence is not verified by `step`, so a join here carries some.
"""

import hashlib
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from cleanroom.attestation.evidence import Evidence
from cleanroom.crypto.envelope import Envelope
from cleanroom.crypto.sealing import Unsealer
from cleanroom.encoding import content_digest
from cleanroom.ledger.entry import Entry, OutputRecord
from cleanroom.manifest.genesis import Genesis
from cleanroom.manifest.model import Manifest
from cleanroom.protocol.dataset import DatasetOffer, DatasetVersion, Part, sign_version
from cleanroom.protocol.join import Join
from cleanroom.protocol.reattestation import Reattested
from cleanroom.protocol.run import Delivery, RunRequest, sign_request
from cleanroom.protocol.snapshot import Snapshot
from cleanroom.protocol.work import Check, SealedOutput
from enclave.coordinator import effects as do
from enclave.coordinator import events
from enclave.coordinator.room import Step, step
from enclave.coordinator.state import Room, Run
from tests.support.manifests import NOW, approvals, good_manifest, signer
from tests.support.platform import good_result

_SEALED = b"a sealed key, which step never opens"
_KEYS: dict[str, bytes] = {}


def _seal_key(name: str) -> bytes:
    if name not in _KEYS:
        seed = hashlib.sha512(name.encode()).digest()
        _KEYS[name] = Unsealer(seed + seed[:32]).public_key
    return _KEYS[name]


def instance(number: int) -> str:
    """The n-th worker's name."""
    return f"w-{number:016x}"


def run_name(number: int) -> str:
    """The n-th run's name."""
    return f"r-{number:016x}"


@dataclass
class History:
    """A room and everything that has happened to it; each method is one event."""

    manifest: Manifest
    room: Room
    now: datetime = NOW
    happened: list[events.Event] = field(default_factory=list)
    entries: list[Entry] = field(default_factory=list)
    effects: list[do.Effect] = field(default_factory=list)
    """Of the last event."""

    @classmethod
    def begin(cls, **changes: Any) -> "History":
        """A room that was just started."""
        return cls.started(good_manifest(**changes))

    @classmethod
    def started(cls, manifest: Manifest) -> "History":
        """A room for this manifest that was just started."""
        history = cls(manifest, Room(genesis=Genesis.of(manifest), at=NOW))
        history.boot()
        return history

    @classmethod
    def active(cls, **changes: Any) -> "History":
        """A room with everybody's approval and a version of each dataset."""
        return cls.begin(**changes).agreed()

    def agreed(self) -> "History":
        """The room once everybody has approved and brought a version of each dataset."""
        self.propose()
        for name in self.manifest.datasets:
            self.offer(name)
        return self

    def apply(self, event: events.Event) -> Step:
        """Apply any event."""
        made = step(self.room, event)
        self.room = made.room
        self.happened.append(event)
        self.entries += made.entries
        self.effects = list(made.effects)
        return made

    def wait(self, seconds: float) -> None:
        """Let time pass."""
        self.now += timedelta(seconds=seconds)

    def told(self) -> list[str]:
        """Kinds of the log's entries."""
        return [entry.content.kind for entry in self.entries]

    def run(self, number: int = 1) -> Run:
        """The n-th run now."""
        return self.room.run(run_name(number))

    def boot(self) -> Step:
        """The coordinator starts."""
        epoch = self.room.epoch + 1
        return self.apply(events.Booted(at=self.now, sign_key=bytes(32), epoch=epoch))

    def propose(self, *parties: str, manifest: Manifest | None = None, **times: Any) -> Step:
        """A manifest with approvals of `parties`, all by default."""
        proposed = manifest or self.manifest
        return self.apply(
            events.Proposed(
                at=self.now,
                manifest=proposed.to_bytes(),
                approvals=approvals(proposed, *parties, **times),
            )
        )

    def version(self, dataset: str, name: str = "0" * 32, **changes: Any) -> DatasetOffer:
        """An offer by the dataset's owner."""
        manifest = self.manifest
        owner = manifest.datasets[dataset].owner
        plain: dict[str, Any] = {
            "lineage": manifest.metadata.lineage,
            "manifest": manifest.digest,
            "dataset": dataset,
            "owner": owner,
            "version": name,
            "rows": 5,
            "parts": [Part(index=0, digest=content_digest(b"part"), size=4, rows=5)],
            "sealed_key": content_digest(_SEALED),
            "sealed_at": NOW,
        }
        record = DatasetVersion(**(plain | changes))
        envelope = sign_version(record, signer(owner, "provide"))
        return DatasetOffer(version=envelope, sealed_key=_SEALED)

    def offer(
        self, dataset: str, *, party: str = "", missing: tuple[int, ...] = (), **changes: Any
    ) -> Step:
        """An owner adds a version."""
        return self.apply(
            events.DatasetOffered(
                at=self.now,
                party=party or self.manifest.datasets[dataset].owner,
                offer=self.version(dataset, **changes),
                missing=list(missing),
            )
        )

    def join(self, number: int = 1, **changes: Any) -> Step:
        """The n-th worker joins."""
        plain: dict[str, Any] = {
            "role": "cpu",
            "manifest": self.manifest.digest,
            "worker_nonce": bytes(32),
            "room_nonce": bytes(32),
            "node_ip": "10.0.0.1",
            "seal_key": _seal_key(instance(number)),
            "sign_key": hashlib.sha256(instance(number).encode()).digest(),
            "evidence": Evidence(platform="sev-snp", report=b"r", endorsements=[]),
        }
        policy = changes.pop("policy", "worker-snp")
        return self.apply(
            events.WorkerJoined(
                at=self.now,
                join=Join(**(plain | changes)),
                instance=instance(number),
                result=good_result().model_copy(update={"policy": policy}),
            )
        )

    def ask(self, number: int = 1) -> Step:
        """It is time that the n-th worker shows fresh evidence, or that it had answered."""
        nonce = hashlib.sha256(f"{number}/{len(self.happened)}".encode()).digest()
        return self.apply(events.EvidenceDue(at=self.now, instance=instance(number), nonce=nonce))

    def show(self, number: int = 1, *, nonce: bytes = b"", policy: str = "worker-snp") -> Step:
        """The n-th worker shows it; `step` does not verify evidence."""
        asked = self.room.workers[instance(number)].asked
        shown = Reattested(
            nonce=nonce or asked or bytes(32),
            evidence=Evidence(platform="sev-snp", report=b"fresh", endorsements=[]),
        )
        return self.apply(
            events.EvidenceShown(
                at=self.now,
                instance=instance(number),
                reattested=shown,
                result=good_result().model_copy(update={"policy": policy}),
            )
        )

    def leave(self, number: int = 1) -> Step:
        """The n-th worker's lease ends."""
        return self.apply(events.WorkerLeft(at=self.now, instance=instance(number)))

    def request(self, computation: str = "matches", number: int = 1, **changes: Any) -> Envelope:
        """A signed request; its idempotency key is the run's number."""
        plain: dict[str, Any] = {
            "lineage": self.manifest.metadata.lineage,
            "manifest": self.manifest.digest,
            "computation": computation,
            "submitter": "bank",
            "parameters": {},
            "versions": {},
            "idempotency": number.to_bytes(16, "big"),
            "submitted_at": self.now,
            "expires_at": self.now + timedelta(minutes=5),
        }
        request = RunRequest(**(plain | changes))
        return sign_request(request, signer(request.submitter, "submit"))

    def submit(
        self, computation: str = "matches", number: int = 1, *, party: str = "", **changes: Any
    ) -> Step:
        """The n-th run is asked for."""
        envelope = self.request(computation, number, **changes)
        caller = party or str(changes.get("submitter", "bank"))
        return self.apply(
            events.RunRequested(at=self.now, party=caller, request=envelope, run=run_name(number))
        )

    def equip(self, worker: int, run: int = 1) -> Step:
        """A node of the gang is equipped."""
        return self.apply(
            events.WorkerEquipped(
                at=self.now,
                run=run_name(run),
                instance=instance(worker),
                request=b"request",
                port_base=7000,
            )
        )

    def ready(self, worker: int, run: int = 1, *, passed: bool = True) -> Step:
        """A node of the gang is ready."""
        return self.apply(
            events.WorkerReady(
                at=self.now,
                run=run_name(run),
                instance=instance(worker),
                preflight=[Check(item="swap", passed=passed)],
            )
        )

    def outputs(self, run: int = 1, size: int = 10) -> list[SealedOutput]:
        """Exactly what the run's computation releases."""
        computation = self.run(run).computation
        return [
            SealedOutput(
                output=OutputRecord(
                    output=name,
                    recipient=recipient,
                    digest=content_digest(f"{run}/{name}/{recipient}".encode()),
                    size=size,
                    suppressed=False,
                ),
                sealed_key=_SEALED,
            )
            for name, rule in computation.outputs.items()
            for recipient in rule.recipients
        ]

    def snapshot(
        self,
        worker: int = 1,
        run: int = 1,
        *,
        content: bytes = b"learned",
        rounds: int = 10,
        stored: int | None = None,
    ) -> Step:
        """The head has stored a snapshot."""
        taken = Snapshot(
            run=run_name(run),
            digest=content_digest(content),
            size=len(content),
            rounds=rounds,
            sealed_key=_SEALED,
        )
        return self.apply(
            events.SnapshotTaken(
                at=self.now,
                instance=instance(worker),
                snapshot=taken,
                stored=len(content) if stored is None else stored,
            )
        )

    def report(
        self, worker: int = 1, run: int = 1, outputs: list[SealedOutput] | None = None
    ) -> Step:
        """The head reports its outputs."""
        return self.apply(
            events.OutputsReported(
                at=self.now,
                run=run_name(run),
                instance=instance(worker),
                report=content_digest(b"report"),
                outputs=self.outputs(run) if outputs is None else outputs,
            )
        )

    def check(
        self, run: int = 1, *, stored: dict[str, int] | None = None, opened: int | None = None
    ) -> Step:
        """The blobs were looked up and the keys opened."""
        reported = self.run(run).outputs
        sizes = {sealed.output.digest: sealed.output.size for sealed in reported}
        deliveries = [
            Delivery(run=run_name(run), output=sealed.output, sealed_key=_SEALED)
            for sealed in reported[:opened]
        ]
        return self.apply(
            events.OutputsChecked(
                at=self.now,
                run=run_name(run),
                stored=sizes if stored is None else stored,
                deliveries=deliveries,
            )
        )

    def release(self, run: int = 1) -> Step:
        """The receipt is composed."""
        return self.apply(events.ReleaseDue(at=self.now, run=run_name(run)))

    def fail(self, worker: int = 1, run: int = 1, code: str = "CR-6005") -> Step:
        """A worker says that the run cannot go on."""
        return self.apply(
            events.RunFailed(at=self.now, run=run_name(run), instance=instance(worker), code=code)
        )

    def time_out(self, run: int = 1) -> Step:
        """Somebody looks at the clock."""
        return self.apply(events.RunTimedOut(at=self.now, run=run_name(run)))

    def cancel(self, party: str = "bank", run: int = 1) -> Step:
        """A party does not want the run."""
        return self.apply(events.RunCancelled(at=self.now, party=party, run=run_name(run)))

    def complete(self, worker: int = 1, run: int = 1) -> None:
        """Everything from the report to the release."""
        self.report(worker, run)
        self.check(run)
        self.release(run)
