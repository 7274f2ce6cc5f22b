"""Draws the phases of a run from `TRANSITIONS`: `python -m enclave.coordinator.diagram FILE`.

A development tool; a test compares `docs/room.md` with what it would write.
"""

import sys
from pathlib import Path

from cleanroom.protocol.run import FINAL
from enclave.coordinator.phases import FIRST, TRANSITIONS
from enclave.coordinator.standing import STANDINGS

OPENING = """\
# The phases of a run

Generated from `enclave/coordinator/phases.py` by `python -m enclave.coordinator.diagram`;
do not edit.

A run moves along this table only. Its use of `max_runs` and `max_releases` is reserved when it is
submitted, spent when it is granted its keys, and returned only if it ends before that.

A training without noise that loses a worker waits for another gang, at most three times and within
the time it has from its submission. Its first grant has spent its use: the others spend no more.
"""
MEANINGS = {
    "submitted": "accepted and in the log; waits for free workers of its role",
    "authorized": "its gang is chosen; a gang of two or more prepares its cluster",
    "provisioned": "every node has its certificate and token; none has a key",
    "running": "its keys are granted, which the log said first",
    "output-check": "the head has reported the results; the room looks them up",
    "release-pending": "everything about the results holds; the receipt is composed",
    "released": "the keys of the results are there for their recipients, with the receipt",
    "refused": "a gate withheld the results",
    "failed": "a worker was lost for good, or the computation ended with an error",
    "aborted": "its submitter cancelled it",
    "timed-out": "it took longer than `timeout_s`",
}

WORKERS = """\
## How a worker stands

Generated from `enclave/coordinator/standing.py`. A worker that was admitted is asked for fresh
evidence when its newest is `reattest_s` old. One that has not answered the next time it would be
asked has lost its lease, and so has one whose evidence does not hold; either is in the log. A run
starts only with workers whose newest evidence is no older than `max_evidence_age_s`.
"""


def page() -> str:
    """The whole page: a diagram, and what each phase means."""
    arrows = [
        f"    {_node(phase)} --> {_node(to)}: {happening}"
        for phase, ways in TRANSITIONS.items()
        for happening, to in ways.items()
    ]
    names = [f'    state "{phase}" as {_node(phase)}' for phase in TRANSITIONS]
    ends = [f"    {_node(phase)} --> [*]" for phase in TRANSITIONS if phase in FINAL]
    rows = [f"| `{phase}` | {MEANINGS[phase]} |" for phase in TRANSITIONS]
    return "\n".join(
        [
            OPENING,
            "```mermaid",
            "stateDiagram-v2",
            *names,
            f"    [*] --> {FIRST}",
            *arrows,
            *ends,
            "```",
            "",
            "| phase | means |",
            "|---|---|",
            *rows,
            "",
            WORKERS,
            *_standings(),
            "",
        ]
    )


def _standings() -> list[str]:
    arrows = [
        f"    {standing} --> {to}: {happening}"
        for standing, ways in STANDINGS.items()
        for happening, to in ways.items()
    ]
    ends = [f"    {standing} --> [*]" for standing, ways in STANDINGS.items() if not ways]
    first = "    [*] --> fresh: admitted"
    return ["```mermaid", "stateDiagram-v2", first, *arrows, *ends, "```"]


def _node(phase: str) -> str:
    return phase.replace("-", "_")


if __name__ == "__main__":
    Path(sys.argv[1]).write_text(page(), encoding="utf-8")
