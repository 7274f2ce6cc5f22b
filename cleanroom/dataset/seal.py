"""Sealing: a conforming table becomes encrypted Parquet parts under a key of its own.

Every part is Parquet Modular Encryption with AES-GCM for every page, header and the footer, under
one fresh 32-byte key for the version. The encryption context of a part holds the room's lineage,
dataset, owner, version and the part's index, so that no part opens in another place. Parts are
sealed by two threads and handed out in order as soon as they are done: a table larger than memory
can be sealed while it is uploaded. A failure leaves no file behind. The key is for the owner to
seal to the coordinator; it is not written here.
"""

import secrets
from collections import deque
from collections.abc import Callable, Generator, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path
from typing import BinaryIO

import pyarrow as pa
import pyarrow.parquet as pq
from pyarrow.parquet import encryption

from cleanroom.crypto.sealing import CONTENT_KEY_LENGTH
from cleanroom.dataset.check import Conforming, Progress, silent
from cleanroom.dataset.context import DatasetContext
from cleanroom.errors import DataOversized
from cleanroom.protocol.dataset import MOST_PARTS, Part

ALGORITHM = "AES_GCM_V1"
"""AES-256-GCM for pages too: the CTR variant leaves them unauthenticated."""
COMPRESSION = "lz4"
"""Halves what travels for little time; see `bench/sealing.py`."""
PART_BYTES = 128 * 1024 * 1024
"""A part ends when it holds so much, before compression, in bytes."""
ROW_GROUP_ROWS = 1 << 20
"""A row group holds at most so many rows."""
ROW_GROUP_BYTES = 64 * 1024 * 1024
"""Row groups are cut to about so much, before compression, in bytes."""
THREADS = 2
"""Parts that are sealed at the same time; so many and one more are in memory."""


@dataclass(frozen=True, slots=True)
class SealedPart:
    """One finished part: its record, and where its ciphertext lies."""

    part: Part
    """Index, digest, size and rows, as the dataset version will name them."""
    path: Path
    """The ciphertext file."""


@dataclass(frozen=True, slots=True)
class SealedDataset:
    """A dataset version whose parts are all sealed; made only by `seal`."""

    context: DatasetContext
    """What the parts are bound to."""
    rows: int
    """Rows in all parts together."""
    sealed_parts: tuple[SealedPart, ...]
    """In order of their index."""
    key: bytes = field(repr=False)
    """The 32-byte data key of this version; seal it to the coordinator, store it nowhere."""

    @property
    def version(self) -> str:
        """16 random bytes as 32 hexadecimal digits."""
        return self.context.version

    @property
    def parts(self) -> list[Part]:
        """The records of the parts, for the dataset version that the owner signs."""
        return [sealed.part for sealed in self.sealed_parts]

    @property
    def paths(self) -> list[Path]:
        """The ciphertext files, in order of their index."""
        return [sealed.path for sealed in self.sealed_parts]


def seal(
    table: Conforming,
    *,
    lineage: str,
    dataset: str,
    owner: str,
    directory: Path,
    on_part: Callable[[SealedPart], None] | None = None,
    progress: Progress = silent,
) -> SealedDataset:
    """Seal a whole table as a new version of a dataset.

    Args:
        table: what `conforming` vouches for; identities are normalised on the way.
        lineage: the room's lineage.
        dataset: the dataset's name in the manifest.
        owner: the party that owns it.
        directory: where the ciphertext files go; it must exist.
        on_part: called in the caller's thread for each part in order, while later parts are still
            being sealed: upload here. What it raises ends the sealing.
        progress: called with sealed rows after each part.

    Raises:
        DataMismatch: a value, or the number of rows, breaks the manifest.
        DataOversized: there are more rows than `rows.max`, or more parts than a version may have.
        DataUnreadable: the source is damaged.
    """
    context = DatasetContext(lineage, dataset, owner, secrets.token_hex(16))
    key = secrets.token_bytes(CONTENT_KEY_LENGTH)
    done: list[SealedPart] = []
    sealing = _Sealing(table, context, key, directory)
    try:
        with closing(sealing.parts()) as parts:  # no thread writes any more when files are removed
            for sealed in parts:
                done.append(sealed)
                if on_part is not None:
                    on_part(sealed)
                progress(sum(one.part.rows for one in done), table.source.rows)
    except BaseException:
        sealing.discard()
        raise
    return SealedDataset(context, sum(one.part.rows for one in done), tuple(done), key)


@dataclass(frozen=True, slots=True)
class _Sealing:
    """One version in the making."""

    table: Conforming
    context: DatasetContext
    key: bytes = field(repr=False)
    directory: Path

    def parts(self) -> Generator[SealedPart, None, None]:
        """Seal part after part on `THREADS` threads and yield them in order."""
        waiting: deque[Future[SealedPart]] = deque()
        with ThreadPoolExecutor(THREADS, thread_name_prefix="seal") as pool:
            try:
                for index, batches in enumerate(_grouped(self.table.raw_batches())):
                    _one_of_few(index)
                    waiting.append(pool.submit(self._seal_part, index, batches))
                    if len(waiting) > THREADS:
                        yield waiting.popleft().result()
                while waiting:
                    yield waiting.popleft().result()
            finally:
                pool.shutdown(wait=True, cancel_futures=True)

    def discard(self) -> None:
        """Remove every file of this version, whole or not."""
        for path in self.directory.glob(f"{self.context.version}-*"):
            path.unlink(missing_ok=True)

    def _seal_part(self, index: int, batches: list[pa.RecordBatch]) -> SealedPart:
        conformed = [self.table.conform(batch) for batch in batches]
        rows = pa.Table.from_batches(conformed, self.table.schema)
        path = self.directory / f"{self.context.version}-{index:05d}.part"
        with path.open("xb") as file:
            digesting = _Digesting(file)
            with pa.PythonFile(digesting, mode="w") as sink:
                _write(rows, sink, self.key, self.context.of_part(index))
        part = Part(index=index, digest=digesting.digest, size=digesting.size, rows=rows.num_rows)
        return SealedPart(part, path)


def _one_of_few(index: int) -> None:
    if index >= MOST_PARTS:
        raise DataOversized(f"the table needs more than {MOST_PARTS} parts")


def _grouped(batches: Iterator[pa.RecordBatch]) -> Iterator[list[pa.RecordBatch]]:
    """Collect batches into parts of about `PART_BYTES`."""
    part: list[pa.RecordBatch] = []
    held = 0
    for batch in batches:
        part.append(batch)
        held += batch.nbytes
        if held >= PART_BYTES:
            yield part
            part, held = [], 0
    if part:
        yield part


def _write(rows: pa.Table, sink: pa.NativeFile, key: bytes, context: bytes) -> None:
    properties = encryption.create_encryption_properties(
        key, aad_prefix=context, store_aad_prefix=False, encryption_algorithm=ALGORITHM
    )
    with pq.ParquetWriter(
        sink,
        rows.schema,
        compression=COMPRESSION,
        use_dictionary=False,
        write_statistics=False,
        store_schema=False,
        encryption_properties=properties,
    ) as writer:
        writer.write_table(rows, row_group_size=_row_group_rows(rows))


def _row_group_rows(rows: pa.Table) -> int:
    wanted = ROW_GROUP_BYTES * max(1, rows.num_rows) // max(1, rows.nbytes)
    return int(max(1, min(ROW_GROUP_ROWS, wanted)))


class _Digesting:
    """A file that names what is written through it, so that no byte is read again."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._hash = sha256()
        self.size = 0
        self.closed = False

    @property
    def digest(self) -> str:
        return "sha256:" + self._hash.hexdigest()

    def write(self, content: bytes) -> int:
        self._hash.update(content)
        self.size += len(content)
        return self._file.write(content)

    def tell(self) -> int:
        return self.size

    def flush(self) -> None:
        self._file.flush()

    def close(self) -> None:
        self.closed = True
