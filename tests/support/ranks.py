"""Ranks of a gang on this machine, each with its own process and credentials, without Ray."""

import secrets
import threading
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

from cleanroom.errors import ComputationFailed, WorkerLost
from enclave.computations.training.spread import Growth
from enclave.computations.training.steps import View
from enclave.worker.grower import Grower
from enclave.worker.ports import free_block
from enclave.worker.tunnel import Meeting
from tests.attacks.test_tunnel_strangers import node
from tests.support.seclusion import require_seclusion
from tests.support.workers import RunAuthority


class Ranks:
    """Credentials and meetings of so many ranks on this machine."""

    def __init__(self, count: int, directory: Path) -> None:
        authority, base, self.secret = RunAuthority(), free_block(), secrets.token_bytes(32)
        self.gang = tuple((f"127.0.0.{2 + rank}", base + rank) for rank in range(count))
        self.files = [node(directory / host, authority, host) for host, _ in self.gang]

    def meeting(self, rank: int) -> Meeting:
        return Meeting(rank, self.gang, self.secret)


@contextmanager
def grown_by(ranks: Ranks, growth: Growth, views: Sequence[View]) -> Iterator[list[Grower]]:
    """Every rank's process, each with its share of the rows."""
    require_seclusion()
    with ExitStack() as ended:
        made = []
        for rank, view in enumerate(views):
            directory = ranks.files[rank].directory
            made.append(Grower(ranks.meeting(rank), growth, view, directory))
            ended.callback(made[-1].end)
        yield made


def heard(growers: Sequence[Grower]) -> list[list[Any]]:
    """What each rank says until its end: words, then an error if there was one."""
    said: list[list[Any]] = [[] for _ in growers]

    def listen(rank: int) -> None:
        try:
            said[rank].extend(growers[rank].words())
        except (WorkerLost, ComputationFailed) as failed:
            said[rank].append(failed)

    threads = [threading.Thread(target=listen, args=(rank,)) for rank in range(len(growers))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return said
