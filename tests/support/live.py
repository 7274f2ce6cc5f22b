"""A training that tells its curve while it goes on, through the real gate, and what was told."""

import secrets
from collections.abc import Mapping
from typing import Any

import pyarrow as pa

from cleanroom.client.opening import read_table
from cleanroom.manifest.model import Manifest
from cleanroom.protocol.run import LiveValue
from enclave.computations.encode import encode
from enclave.computations.keys import key_table
from enclave.computations.release import release
from enclave.computations.training.operation import Train
from tests.support.manifests import changed

CURVE = {"kind": "curve", "recipients": ["bank", "shop"], "min_test": 10, "live": True}


def told(
    plain: dict[str, Any],
    tables: Mapping[str, pa.Table],
    parameters: Mapping[str, int] | None = None,
    **changes: Any,
) -> tuple[list[tuple[int, LiveValue]], list[int], dict[str, pa.Table]]:
    """Train, and listen.

    Returns:
        Values as they were told, each with the percent of its time; each percent that was told;
        and the tables of the outputs that were not withheld.
    """
    manifest = Manifest.from_plain(changed(plain, **changes))
    computation = manifest.computations["model"]
    values: list[tuple[int, LiveValue]] = []
    percents: list[int] = []

    def tell(percent: int, live: Any) -> None:
        percents.append(percent)
        values.extend((percent, each) for each in live)

    train = Train()
    plan = train.plan(computation, manifest.datasets, parameters or {})
    keys = [key_table(tables[each.name], each.keys) for each in plan.inputs]
    found = train.combine(plan, [train.match(plan, keys, secrets.token_bytes(32))])
    payload = {each.name: tables[each.name].select(list(each.payload)) for each in plan.inputs}
    released = [
        one
        for rule, outcome in train.outcomes(plan, found, payload, tell)
        for one in release(outcome, rule)
    ]
    outputs = {
        one.output: read_table(bytes(encode(one)), computation.outputs[one.output])
        for one in released
        if not one.suppressed
    }
    return values, percents, outputs
