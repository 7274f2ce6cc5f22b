"""The bytes of a released result: Parquet that holds its rows and nothing else.

No dictionaries (they list values that no row has), no statistics or page index (they repeat cells
in the footer), no schema metadata (it carries whatever the owner's tools left there). Equal tables
give equal bytes. Never Arrow IPC, which pads with neighbours' bytes, and never pickle.
"""

import io
from dataclasses import dataclass
from typing import Protocol

import pyarrow as pa
import pyarrow.parquet as pq

from cleanroom.errors import OutputTooLarge
from enclave.computations.failure import Reason, value_free
from enclave.computations.release import Released

ROW_GROUP = 1 << 20
"""Rows of one row group."""


class Sink(Protocol):
    """Takes the bytes of a file piece by piece, such as a cipher before a file."""

    def write(self, piece: bytes) -> int:
        """Take the next piece; returns its length."""
        ...


@value_free(Reason.ENCODE)
def encode_into(released: Released, sink: Sink) -> None:
    """Write a released result as Parquet; uncompressed, so that its length follows its columns.

    Row group by row group, each put together in memory of its own: how the table is chunked does
    not show in the bytes, and the file is never in memory as a whole.

    Raises:
        OutputTooLarge: the file is longer than the output's `max_bytes`; what `sink` has taken by
            then is good for nothing.
    """
    table = released.table
    with (
        pa.PythonFile(_Bounded(sink, released.output, released.max_bytes), mode="w") as file,
        pq.ParquetWriter(
            file,
            table.schema,
            compression="none",
            use_dictionary=False,
            write_statistics=False,
            write_page_index=False,
            store_schema=False,
            version="2.6",
            coerce_timestamps=None,
        ) as writer,
    ):
        for start in range(0, table.num_rows, ROW_GROUP) or (0,):
            writer.write_table(table.slice(start, ROW_GROUP).combine_chunks(), ROW_GROUP)


@value_free(Reason.ENCODE)
def encode(released: Released) -> memoryview:
    """The bytes that `encode_into` writes, in memory.

    Raises:
        OutputTooLarge: the file is longer than the output's `max_bytes`.
    """
    written = io.BytesIO()
    encode_into(released, written)
    return written.getbuffer()


@dataclass(slots=True)
class _Bounded:
    """A sink that refuses more than `most` bytes."""

    sink: Sink
    output: str
    most: int
    held: int = 0
    closed: bool = False

    def write(self, piece: bytes) -> int:
        self.held += len(piece)
        if self.held > self.most:
            raise OutputTooLarge(f"output {self.output!r} is longer than {self.most} bytes")
        return self.sink.write(piece)

    def tell(self) -> int:
        return self.held

    def flush(self) -> None:
        """Nothing is held back."""

    def close(self) -> None:
        self.closed = True
