"""Trainings on a live gang of two workers of this machine: the manifest, the rows, the run."""

import json
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa

from cleanroom.client.models import Model, model_of
from cleanroom.manifest.model import Manifest
from cleanroom.protocol.work import Failed, Finished, Ready, Stop
from tests.support.manifests import changed
from tests.support.seclusion import require_seclusion
from tests.support.trainings import feature, halves, training_plain
from tests.support.workers import (
    Counterpart,
    ScriptedRoom,
    live_manifest,
    running_worker,
)

LEFT, RIGHT = [f"a{number}" for number in range(4)], [f"b{number}" for number in range(5)]


WEIGHT = {"name": "w", "type": "float64", "role": "weight", "bounds": ["0", "1000"]}


def two_classes(
    how: dict[str, Any], rows: int = 1500, decimals: int = 9, *, weighed: bool = False
) -> tuple[dict[str, Any], dict[str, pa.Table]]:
    """A plain manifest and two tables: nine features of two parties, a label that needs both.

    Args:
        how: what replaces or adds to the computation's fields.
        rows: people that both know.
        decimals: of the features; with few of them trees do not depend on the cut.
        weighed: whether rows have weights, of which some are nothing.
    """
    chance = np.random.default_rng(11)
    frame = pd.DataFrame(chance.normal(size=(rows, 9)), columns=[*LEFT, *RIGHT]).round(decimals)
    score = frame["a0"] - 2 * frame["b0"] + frame["a1"] * frame["b1"] + chance.normal(size=rows)
    frame["label"] = score > 0
    label = {"name": "label", "type": "bool", "role": "label"}
    left = [*map(feature, LEFT), label]
    if weighed:
        left.append(WEIGHT)
        frame["w"] = chance.integers(0, 5, rows) * 0.5
    plain = training_plain(left, [*map(feature, RIGHT)], how)
    return plain, halves(frame, [column["name"] for column in left], RIGHT)


def live_training(plain: dict[str, Any], count: int) -> Manifest:
    """The manifest in force today, for gangs of `count` workers of this very code."""
    living = live_manifest().to_plain()
    changes = {
        "attestation": living["attestation"],
        "metadata__not_before": living["metadata"]["not_before"],
        "metadata__not_after": living["metadata"]["not_after"],
        "computations__model__workers__count": count,
    }
    return Manifest.from_plain(changed(plain, **changes))


@dataclass
class TrainingGang:
    """A room of two workers and both tables."""

    room: ScriptedRoom
    data: dict[str, Any]
    workers: list[Counterpart]
    places: list[Path]
    runs: list[str] = field(default_factory=list)

    def started(self, **parameters: int) -> str:
        """Form the gang and give its orders; the run."""
        run = f"r-{secrets.token_hex(8)}"
        peers = self.room.provision(self.workers, run)
        ready = [worker.hear(Ready, Failed) for worker in self.workers]
        assert all(isinstance(answer, Ready) for answer in ready)
        for worker in self.workers:
            worker.say(self.room.order("model", self.data, worker, peers, run, 280, **parameters))
        self.runs.append(run)
        return run

    def ended(self, run: str, timeout: float = 90) -> Finished | Failed:
        """The head's last word; the others are stopped."""
        said = self.workers[0].hear(Finished, Failed, timeout=timeout)
        for worker in self.workers[1:]:
            worker.say(Stop(run=run))
        return said

    def tables(self, finished: Finished) -> dict[str, pa.Table]:
        """What the first recipient of each output would get."""
        found = {}
        for sealed in finished.outputs:
            found.setdefault(sealed.output.output, self.room.opened(finished.run, sealed))
        return found

    def model(self, finished: Finished):
        """The trained model."""
        return model_of(self.tables(finished)["model"])


@contextmanager
def training_gang(
    plain: dict[str, Any], tables: dict[str, pa.Table], base: Path, parts: int = 2
) -> Iterator[TrainingGang]:
    """A room whose computation `model` runs on two workers, with its data sealed."""
    if plain["computations"]["model"]["op"] == "train.gbdt":
        require_seclusion()
    room = ScriptedRoom(live_training(plain, count=2))
    sealed = base / "sealed"
    sealed.mkdir()
    data = {
        dataset: room.add(dataset, tables[side], sealed, parts=parts)
        for side, dataset in (("left", "customers"), ("right", "baskets"))
    }
    places = [base / "worker2", base / "worker3"]
    with (
        room.serving() as address,
        running_worker(room, address, places[0], "127.0.0.2"),
        running_worker(room, address, places[1], "127.0.0.3"),
    ):
        workers = sorted((room.worker() for _ in "ab"), key=lambda one: one.join.node_ip)
        yield TrainingGang(room, data, workers, places)


def written(model: Model) -> Any:
    """All of a model's trees, as numbers."""
    return json.loads(bytes(model.booster.save_raw("json")))
