"""Random tables whose keys collide often: few values of every type, nulls, and several chunks."""

import datetime as dt

import pyarrow as pa
from hypothesis import strategies as st

KEYS = {
    pa.string(): st.sampled_from(
        [
            "",
            "a",
            "A",
            "a ",
            "ä",
            "a\u0308",
            "longer than twelve bytes!",
            "longer than twelve bytes?",
            "\0",
        ]
    ),
    pa.int64(): st.sampled_from([0, 1, -1, 2**63 - 1, -(2**63), 7]),
    pa.int32(): st.integers(-2, 2),
    pa.bool_(): st.booleans(),
    pa.date32(): st.dates(dt.date(1969, 12, 30), dt.date(1970, 1, 3)),
    pa.timestamp("us", tz="UTC"): st.datetimes(
        dt.datetime(2026, 1, 1),  # noqa: DTZ001 - hypothesis adds the zone
        dt.datetime(2026, 1, 1, 0, 0, 0, 3),  # noqa: DTZ001 - as above
        timezones=st.just(dt.UTC),
    ),
}


@st.composite
def cases(draw, least=2, most=5):
    """Key columns, and as many tables with them."""
    kinds = draw(st.lists(st.sampled_from(list(KEYS)), min_size=1, max_size=3))
    on = [f"k{number}" for number in range(len(kinds))]
    tables = []
    for _ in range(draw(st.integers(least, most))):
        rows = draw(st.integers(0, 30))
        columns = [
            pa.array(draw(st.lists(st.none() | KEYS[kind], min_size=rows, max_size=rows)), kind)
            for kind in kinds
        ]
        chunks = draw(st.integers(1, 4))
        table = pa.table([*columns, pa.array(range(rows), pa.int64())], names=[*on, "v"])
        step = max(1, -(-rows // chunks))
        tables.append(
            pa.concat_tables([table.slice(at, step) for at in range(0, max(rows, 1), step)])
        )
    return on, tables
