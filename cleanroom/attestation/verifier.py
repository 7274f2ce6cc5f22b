"""The one door from evidence to claims.

`verify` is cryptography: a vendor's chain vouches for the evidence, and the evidence is bound to
the 64 bytes that the caller expects, and so is the evidence of each device beside the machine.
Whether the claims are *wanted* is for `appraisal`. There is no default for any argument: forgetting
one must not be possible. How each platform is verified is told in `table`, how devices are bound
to a machine in `composite`.
"""

from datetime import datetime

from cleanroom.attestation.anchors import Anchors
from cleanroom.attestation.binding import Binding, binding_of, check_binding
from cleanroom.attestation.claims import AnyClaims
from cleanroom.attestation.collateral import Collateral
from cleanroom.attestation.composite import machine_binding, verify_attached
from cleanroom.attestation.evidence import Evidence
from cleanroom.attestation.pooling import pool
from cleanroom.attestation.rejection import rejected
from cleanroom.attestation.table import PLATFORMS


def verify(
    evidence: Evidence,
    *,
    binding: Binding,
    anchors: Anchors,
    collateral: Collateral,
    now: datetime,
) -> AnyClaims:
    """The claims in `evidence`, once its vendor's chain vouches for them and `binding` is inside.

    Args:
        evidence: from anybody; nothing in it is trusted yet.
        binding: the 64 bytes that this conversation expects as report data.
        anchors: the roots that may vouch.
        collateral: what vendors say beside certificates, as far as the verifier has it; what came
            with the evidence counts as well, and of two the fresher one.
        now: the time to check validity at, aware.

    Raises:
        EvidenceRejected: some layout, chain or signature does not hold; the first fault.
        BindingMismatch: the evidence is genuine but made for another conversation.
    """
    row, expected = PLATFORMS[evidence.platform], binding_of(binding)
    if evidence.event_log is not None and not row.takes_event_log:
        raise rejected(f"{evidence.platform} evidence", found="with an event log", expected="none")
    applied = pool((collateral, evidence.collateral), now)
    claims: AnyClaims = row.authenticate(evidence, anchors=anchors, collateral=applied, now=now)
    bound = machine_binding(expected, evidence.attached)
    check_binding(bytes.fromhex(claims.report_data), row.carried(bound))
    devices = verify_attached(
        evidence.attached, base=expected, anchors=anchors, collateral=applied, now=now
    )
    return claims.model_copy(update={"attached": devices})
