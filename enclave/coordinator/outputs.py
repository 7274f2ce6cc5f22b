"""The coordinator's own gate: are a run's outputs exactly what the computation releases?

It sees names, digests and sizes. What is inside was decided by the gate in the worker; the room
only lets out what the parties signed, to whom they signed it.
"""

from collections.abc import Iterable, Mapping, Sequence

from cleanroom.errors import ComputationFailed, OutputTooLarge, SealBroken
from cleanroom.manifest.keeping import addressees
from cleanroom.manifest.model import (
    AnyComputation,
    AnyOutput,
    ModelOutput,
    RowsOutput,
    ScoresOutput,
)
from cleanroom.protocol.run import Delivery
from cleanroom.protocol.work import SealedOutput

NUMBERS_MAX_BYTES = 1 << 20
"""A sealed table of a count, of metrics or of importances is smaller, in bytes."""


def expected_outputs(
    computation: AnyComputation, reported: Sequence[SealedOutput]
) -> Sequence[SealedOutput]:
    """Return the outputs once they are each output for each recipient, once, and small enough.

    Raises:
        ComputationFailed: one is missing, unknown or there twice.
        OutputTooLarge: one is larger than its `max_bytes`.
    """
    expected = {
        (name, recipient): rule
        for name, rule in computation.outputs.items()
        for recipient in addressees(rule)
    }
    found = [(sealed.output.output, sealed.output.recipient) for sealed in reported]
    if sorted(found) != sorted(expected):
        raise ComputationFailed(f"the outputs are {sorted(found)}, expected {sorted(expected)}")
    for sealed in reported:
        _small_enough(sealed, expected[sealed.output.output, sealed.output.recipient])
    return reported


def stored_outputs(
    reported: Sequence[SealedOutput], stored: Mapping[str, int]
) -> Sequence[SealedOutput]:
    """Return the outputs once each is a complete blob of the size that was reported.

    Raises:
        ComputationFailed: a blob is missing or of another size.
    """
    for sealed in reported:
        if stored.get(sealed.output.digest) != sealed.output.size:
            raise ComputationFailed(
                f"the blob of {sealed.output.output!r} for {sealed.output.recipient!r} is not "
                "stored completely at its size"
            )
    return reported


def deliverable(
    run: str, reported: Sequence[SealedOutput], deliveries: Iterable[Delivery]
) -> tuple[Delivery, ...]:
    """The deliveries, once there is exactly one for each output.

    Raises:
        SealBroken: some key did not open in its own context.
    """
    ready = tuple(deliveries)
    outputs = [sealed.output for sealed in reported]
    if [one.output for one in ready] != outputs or any(one.run != run for one in ready):
        raise SealBroken("the key of an output does not open for its place and bytes")
    return ready


def _small_enough(sealed: SealedOutput, rule: AnyOutput) -> SealedOutput:
    sized = RowsOutput | ModelOutput | ScoresOutput
    most = rule.max_bytes if isinstance(rule, sized) else NUMBERS_MAX_BYTES
    if sealed.output.size > most:
        raise OutputTooLarge(
            f"output {sealed.output.output!r} is {sealed.output.size} bytes, expected at most "
            f"{most} bytes"
        )
    return sealed
