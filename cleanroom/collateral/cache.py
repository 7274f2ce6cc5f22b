"""A directory of what was fetched: contents by their digest, and which address gave which content.

Whoever can write the directory can only make verification fail: everything in it is signed by a
vendor, and judged where it is used. A damaged file counts as one that is not there.
"""

import hashlib
import os
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from http import HTTPStatus
from pathlib import Path
from types import MappingProxyType
from typing import Protocol

from pydantic import Field

from cleanroom.collateral.fetching import Answer, Fetch
from cleanroom.encoding import Digest, Instant, Record, content_digest
from cleanroom.errors import (
    CleanroomError,
    CollateralMissing,
    FileMissing,
    Overloaded,
    Unreachable,
)

KEPT_HEADERS = frozenset(
    {
        "tcb-info-issuer-chain",
        "sgx-enclave-identity-issuer-chain",
        "sgx-pck-crl-issuer-chain",
    }
)
"""Headers that carry content: Intel's issuer chains."""


class Source(Protocol):
    """Where answers come from."""

    def get(self, url: str, *, lasting: bool) -> Answer:
        """An answer of status 200.

        Args:
            url: the address at the vendor's.
            lasting: whether the address always gives the same content, as certificates do.

        Raises:
            CollateralMissing: the vendor has no such thing, or it is not kept here.
            TransportError: the vendor does not answer.
        """
        ...


class Kept(Record):
    """What one address gave."""

    url: str = Field(min_length=1, max_length=2048)
    digest: Digest
    """The content's name."""
    headers: dict[str, str]
    """Those of `KEPT_HEADERS` that were there."""
    fetched_at: Instant
    """When."""


class Cache:
    """Answers in a directory, which is made when something is kept."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory

    def keep(self, url: str, answer: Answer, now: datetime) -> Kept:
        """Keep an answer.

        Raises:
            FileMissing: the directory cannot be written.
        """
        kept = Kept(
            url=url,
            digest=content_digest(answer.body),
            headers={name: answer.headers[name] for name in KEPT_HEADERS & answer.headers.keys()},
            fetched_at=now.replace(microsecond=0),
        )
        _write(self._content(kept.digest), answer.body)
        _write(self._entry(url), kept.to_bytes())
        return kept

    def find(self, url: str) -> tuple[Kept, Answer]:
        """What was kept of an address.

        Raises:
            CollateralMissing: nothing, or it is damaged.
        """
        try:
            kept = Kept.from_bytes(self._entry(url).read_bytes())
            body = self._content(kept.digest).read_bytes()
        except (OSError, CleanroomError):
            raise _missing(url, "is not kept here") from None
        if kept.url != url or content_digest(body) != kept.digest:
            raise _missing(url, "is kept here but damaged")
        return kept, Answer(HTTPStatus.OK, MappingProxyType(kept.headers), body)

    def _content(self, digest: Digest) -> Path:
        return self._directory / "contents" / digest.removeprefix("sha256:")

    def _entry(self, url: str) -> Path:
        return self._directory / "addresses" / hashlib.sha256(url.encode()).hexdigest()


@dataclass(frozen=True, slots=True)
class Offline:
    """A source that asks nobody."""

    cache: Cache

    def get(self, url: str, *, lasting: bool) -> Answer:
        """What is kept of an address, however old: whether it is in force is judged later.

        Raises:
            CollateralMissing: nothing.
        """
        del lasting
        return self.cache.find(url)[1]


@dataclass(frozen=True, slots=True)
class Online:
    """A source that asks the vendor, and keeps what it says."""

    fetch: Fetch
    cache: Cache
    clock: Callable[[], datetime]

    def get(self, url: str, *, lasting: bool) -> Answer:
        """What the vendor says now; what lasts is asked for once.

        Raises:
            CollateralMissing: the vendor has no such thing.
            Overloaded: the vendor asks for patience.
            Unreachable: the vendor is out of order.
        """
        if lasting:
            try:
                return self.cache.find(url)[1]
            except CollateralMissing:
                return self._ask(url)
        return self._ask(url)

    def _ask(self, url: str) -> Answer:
        answer = self.fetch(url)
        if answer.status == HTTPStatus.TOO_MANY_REQUESTS:
            raise Overloaded(f"{_host(url)} asks for patience")
        if answer.status >= HTTPStatus.INTERNAL_SERVER_ERROR:
            raise Unreachable(f"{_host(url)} is out of order ({answer.status})")
        if answer.status != HTTPStatus.OK:
            raise _missing(url, f"is not there ({answer.status})")
        self.cache.keep(url, answer, self.clock())
        return answer


def _write(target: Path, content: bytes) -> None:
    draft = target.with_name(f".{target.name}.{os.getpid()}")
    try:
        target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        draft.write_bytes(content)
        draft.replace(target)
    except OSError:
        raise FileMissing("the directory of fetched collateral cannot be written") from None


def _host(url: str) -> str:
    return url.split("/", 3)[2]


def _missing(url: str, what: str) -> CollateralMissing:
    place = url.split("?", 1)[0]
    return CollateralMissing(f"{place} {what}, expected the vendor's answer")
