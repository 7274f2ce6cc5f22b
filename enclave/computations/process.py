"""A whole computation in this process, on plain Arrow tables: what tests and benches look at.

No run comes here: workers walk the same steps over sealed inputs, in `enclave.worker.task` alone
and in `enclave.worker.driver` over a gang.
"""

from collections.abc import Mapping

import pyarrow as pa

from enclave.computations.keys import key_table
from enclave.computations.partition import partition, partitions_for
from enclave.computations.plan import Plan
from enclave.computations.registry import operations
from enclave.computations.release import Released, release


def compute(
    plan: Plan, inputs: Mapping[str, pa.Table], secret: bytes, partitions: int = 0
) -> tuple[Released, ...]:
    """Run a planned computation and pass its result through the gate.

    Args:
        plan: what to run.
        inputs: for each input its key and payload columns; of a model its bytes, in one row.
        secret: 32 bytes, drawn for this run after its inputs were fixed.
        partitions: into how many parts to cut; 0 chooses by the number of rows. The result is
            the same for any.

    Returns:
        One result for each output and recipient.
    """
    operation = operations[plan.op]
    rows = sum(table.num_rows for table in inputs.values())
    count = partitions or partitions_for(rows)
    spread = [
        partition(key_table(inputs[planned.name], planned.keys), count, secret)
        for planned in plan.inputs
    ]
    parts = [
        operation.match(plan, [tables[slot] for tables in spread], secret) for slot in range(count)
    ]
    found = operation.combine(plan, parts)
    payload = {
        planned.name: inputs[planned.name].select(list(planned.payload))
        for planned in plan.reads
        if planned.payload
    }
    outcomes = operation.outcomes(plan, found, payload)
    return tuple(result for rule, outcome in outcomes for result in release(outcome, rule))
