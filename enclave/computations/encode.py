"""The bytes of a released result: Parquet that holds its rows and nothing else.

No dictionaries (they list values that no row has), no statistics or page index (they repeat cells
in the footer), no schema metadata (it carries whatever the owner's tools left there). Equal tables
give equal bytes. Never Arrow IPC, which pads with neighbours' bytes, and never pickle.
"""

import pyarrow as pa
import pyarrow.parquet as pq

from cleanroom.errors import OutputTooLarge
from enclave.computations.failure import Reason, value_free
from enclave.computations.release import Released

ROW_GROUP = 1 << 20
"""Rows of one row group."""


@value_free(Reason.ENCODE)
def encode(released: Released) -> memoryview:
    """Write a released result as Parquet; uncompressed, so that its length follows its columns.

    Returns:
        The file's bytes, not copied once more.

    Raises:
        OutputTooLarge: the file is longer than the output's `max_bytes`.
    """
    sink = pa.BufferOutputStream()
    pq.write_table(
        released.table,
        sink,
        row_group_size=ROW_GROUP,
        compression="none",
        use_dictionary=False,
        write_statistics=False,
        write_page_index=False,
        store_schema=False,
        version="2.6",
        coerce_timestamps=None,
    )
    encoded = memoryview(sink.getvalue()).cast("B")  # as ciphers take it
    if encoded.nbytes > released.max_bytes:
        raise OutputTooLarge(
            f"output {released.output!r} is longer than {released.max_bytes} bytes"
        )
    return encoded
