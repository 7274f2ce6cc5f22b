"""A TDX guest presents a quote, Intel's collateral, and the log of what it measured while booting.

1. the quote is authentic, see `silicon.dcap`;
2. a log, where there is one, explains all four run-time registers (UEFI 2.10 §38.4.1).
"""

from datetime import datetime

from cleanroom.attestation.anchors import Anchors
from cleanroom.attestation.claims import TdxClaims
from cleanroom.attestation.claims.tdx import MeasuredEvent
from cleanroom.attestation.collateral import Collateral
from cleanroom.attestation.evidence import Evidence
from cleanroom.attestation.formats.bits import set_bits, unnamed_bits
from cleanroom.attestation.formats.event_log import Event, measured, read_event_log, replay
from cleanroom.attestation.formats.quote import TD_ATTRIBUTES
from cleanroom.attestation.rejection import rejected
from cleanroom.attestation.silicon import dcap
from cleanroom.attestation.silicon.dcap import AuthenticQuote
from cleanroom.attestation.silicon.intel_endorsements import choose_collateral

REGISTERS = range(1, 5)
"""A log names RTMR0 to RTMR3 as 1 to 4; 0 is MRTD, which no event extends."""


def authenticate(
    evidence: Evidence, *, anchors: Anchors, collateral: Collateral, now: datetime
) -> TdxClaims:
    """The claims in `evidence`, once Intel's chain vouches for them.

    Raises:
        EvidenceRejected: the first step that does not hold.
    """
    # 1
    chosen = choose_collateral(collateral, evidence.endorsements, now)
    authentic = dcap.authenticate(
        evidence.report, "tdx", anchors=anchors, collateral=chosen, now=now
    )
    # 2
    events = (
        None if evidence.event_log is None else require_explained(evidence.event_log, authentic)
    )
    return _claims(authentic, events, evidence, anchors, now)


def require_explained(log: bytes, authentic: AuthenticQuote) -> list[MeasuredEvent]:
    """Step 2: what the log says was measured gives the registers of the quote.

    Raises:
        EvidenceRejected: the log is malformed, or gives other values.
    """
    events = read_event_log(log)
    values = replay(events, "sha384", REGISTERS)
    for register, value in values.items():
        signed = authentic.quote.body.octets[f"rtmr{register - 1}"]
        if value != signed:
            raise rejected(
                f"RTMR{register - 1} by the event log",
                found=value.hex()[:16] + "…",
                expected=signed.hex()[:16] + "…, as the quote says",
                cause="the log was altered, or something was measured that it does not tell",
            )
    return [_event(event) for event in measured(events)]


def _event(event: Event) -> MeasuredEvent:
    digest = event.digests["sha384"].hex()
    return MeasuredEvent(register_index=event.register - 1, kind=event.kind, digest=digest)


def _claims(
    authentic: AuthenticQuote,
    events: list[MeasuredEvent] | None,
    evidence: Evidence,
    anchors: Anchors,
    now: datetime,
) -> TdxClaims:
    octets, numbers = authentic.quote.body.octets, authentic.quote.body.numbers
    return TdxClaims(
        platform="tdx",
        assurance=anchors.assurance,
        anchor=authentic.root.fingerprint,
        evidence=evidence.digest,
        verified_at=now.replace(microsecond=0),
        report_data=octets["report_data"].hex(),
        host=dcap.host_of(authentic),
        td_version="1.0" if authentic.quote.kind == "td10" else "1.5",
        measurement=octets["mr_td"].hex(),
        rtmrs=[octets[f"rtmr{index}"].hex() for index in range(4)],
        host_data=octets["mr_config_id"].hex(),
        mr_owner=octets["mr_owner"].hex(),
        mr_owner_config=octets["mr_owner_config"].hex(),
        td_attributes=set_bits(numbers["td_attributes"], TD_ATTRIBUTES),
        td_attributes_word=hex(numbers["td_attributes"]),
        td_attributes_unknown=unnamed_bits(numbers["td_attributes"], TD_ATTRIBUTES),
        xfam=hex(numbers["xfam"]),
        mr_seam=octets["mr_seam"].hex(),
        mr_service_td=octets.get("mr_service_td", b"").hex(),
        tee_tcb_svn=octets["tee_tcb_svn"].hex(),
        events=events,
    )
