"""Where Intel's collateral for some evidence comes from: the verifier, else the evidence itself."""

from collections.abc import Sequence

from cleanroom.attestation.collateral import Collateral, IntelCollateral
from cleanroom.attestation.rejection import rejected
from cleanroom.errors import NotCanonical, RecordMalformed


def choose_collateral(collateral: Collateral, endorsements: Sequence[bytes]) -> IntelCollateral:
    """The verifier's own collateral, or what came along.

    Raises:
        EvidenceRejected: there is none, or what came along is something else.
    """
    if collateral.intel is not None:
        return collateral.intel
    if len(endorsements) != 1:
        raise rejected(
            "Intel's collateral",
            found=f"in {len(endorsements)} endorsements",
            expected="with the verifier, or one endorsement that holds it",
            cause="the attester sends Intel's collateral along, or the verifier fetches it",
        )
    try:
        return IntelCollateral.from_bytes(endorsements[0])
    except (RecordMalformed, NotCanonical):
        raise rejected(
            "the endorsement", found="something else", expected="Intel's collateral"
        ) from None
