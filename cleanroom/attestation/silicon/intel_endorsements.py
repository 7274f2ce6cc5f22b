"""Where Intel's collateral for some evidence comes from: the verifier, and the evidence itself."""

from collections.abc import Sequence
from datetime import datetime

from cleanroom.attestation.collateral import Collateral, IntelCollateral
from cleanroom.attestation.pooling import freshest
from cleanroom.attestation.rejection import rejected
from cleanroom.errors import NotCanonical, RecordMalformed


def choose_collateral(
    collateral: Collateral, endorsements: Sequence[bytes], now: datetime
) -> IntelCollateral:
    """The verifier's own collateral and what came along: of each part the fresher one.

    Raises:
        EvidenceRejected: there is none, or what came along is something else.
    """
    own = [] if collateral.intel is None else [collateral.intel]
    if len(endorsements) + len(own) == 0 or len(endorsements) > 1:
        raise rejected(
            "Intel's collateral",
            found=f"in {len(endorsements)} endorsements",
            expected="with the verifier, or one endorsement that holds it",
            cause="the attester sends Intel's collateral along, or the verifier fetches it",
        )
    return freshest([*own, *map(_read, endorsements)], now)


def _read(endorsement: bytes) -> IntelCollateral:
    try:
        return IntelCollateral.from_bytes(endorsement)
    except (RecordMalformed, NotCanonical):
        raise rejected(
            "the endorsement", found="something else", expected="Intel's collateral"
        ) from None
