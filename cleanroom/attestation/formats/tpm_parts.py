"""How the several parts of a TPM's evidence travel as the one `report` of `Evidence`.

The parts are fields of a record, so that nothing is told apart by guessing. What each part holds
is read by the modules named after the formats.
"""

from typing import Annotated, TypeVar

from pydantic import Field

from cleanroom.attestation.policy.boot import PcrIndex, PcrValue
from cleanroom.attestation.rejection import rejected
from cleanroom.encoding import Bytes, Record
from cleanroom.errors import NotCanonical, RecordMalformed

Small = Annotated[Bytes, Field(min_length=1, max_length=2048)]
"""A structure of a TPM."""


class Quotation(Record):
    """A quote, and the values whose digest it holds."""

    message: Small
    """TPMS_ATTEST: what the TPM signed."""
    signature: Small
    """TPMT_SIGNATURE over `message`."""
    pcrs: Annotated[dict[PcrIndex, PcrValue], Field(min_length=1, max_length=24)]
    """The values of the quoted PCRs."""


class TpmParts(Record):
    """Evidence of a TPM: a quote and the key that signed it."""

    quotation: Quotation
    """What is attested."""
    key: Small
    """TPMT_PUBLIC of the attestation key."""


class AzureParts(Record):
    """Evidence of a guest on Azure: its paravisor's report and its vTPM's quote."""

    hcl_report: Annotated[Bytes, Field(min_length=1, max_length=16 * 1024)]
    """What index 0x01400001 of the vTPM holds."""
    quotation: Quotation
    """Of the vTPM, under the key that the paravisor names."""
    td_quote: Annotated[Bytes, Field(min_length=1, max_length=16 * 1024)] | None = None
    """The quote of the processor's report, where the processor is of TDX."""


Parts = TypeVar("Parts", TpmParts, AzureParts)


def read_parts(kind: type[Parts], raw: bytes) -> Parts:
    """Read the parts.

    Raises:
        EvidenceRejected: the bytes are not canonical, or of another shape.
    """
    try:
        return kind.from_bytes(raw)
    except (NotCanonical, RecordMalformed) as refused:
        raise rejected(
            f"the parts of {kind.__name__}", found="malformed", expected="its canonical bytes"
        ) from refused
