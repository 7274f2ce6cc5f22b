"""Collateral of several hands as one: of two that say something, the fresher one counts.

Vendors sign all of it, so anybody may carry it: the verifier keeps its own, the attester sends some
along, a room shows what it applied. Nothing is verified here. What claims to be fresher and is not
the vendor's is refused where its signature is judged, and so is the evidence that it came with.
"""

from collections.abc import Callable, Hashable, Iterable, Sequence
from datetime import datetime
from typing import TypeVar

from cleanroom.attestation.collateral import (
    MOST_AMD_CRLS,
    Collateral,
    IntelCollateral,
    SignedDocument,
)
from cleanroom.attestation.formats.crl import read_crl
from cleanroom.attestation.formats.intel_documents import (
    Dated,
    EnclaveIdentity,
    TcbInfo,
    read_enclave_identity,
    read_tcb_info,
    signed_part,
)
from cleanroom.attestation.rejection import rejected

Part = TypeVar("Part")


def pool(given: Iterable[Collateral | None], now: datetime) -> Collateral:
    """All of the lists, and the freshest of Intel's documents.

    Args:
        given: of each hand; None where it brought nothing.
        now: what is in force then comes before what is not, aware.

    Raises:
        EvidenceRejected: a part cannot be read, or there are too many.
    """
    brought = [one for one in given if one is not None]
    lists = sorted({crl for one in brought for crl in one.amd_crls})
    if len(lists) > MOST_AMD_CRLS:
        raise rejected(
            "collateral",
            found=f"with {len(lists)} lists of AMD's",
            expected=f"at most {MOST_AMD_CRLS} from all hands together",
        )
    intel = [one.intel for one in brought if one.intel is not None]
    return Collateral(amd_crls=lists, intel=freshest(intel, now) if intel else None)


def freshest(given: Sequence[IntelCollateral], now: datetime) -> IntelCollateral:
    """Of each list and document of Intel's the one that counts at `now`.

    Raises:
        EvidenceRejected: a part cannot be read, or there are too many.
    """
    first, *others = given
    if all(one == first for one in others):
        return first
    (root_crl,) = _newest([one.root_crl for one in given], lambda _: b"", _list_rank(now))
    try:
        return IntelCollateral(
            root_crl=root_crl,
            pck_crls=_newest(
                [crl for one in given for crl in one.pck_crls],
                lambda crl: read_crl(crl).issuer,
                _list_rank(now),
            ),
            tcb_infos=_newest(
                [info for one in given for info in one.tcb_infos],
                lambda info: (_info(info).id, _info(info).fmspc, _info(info).pce_id),
                lambda info: _rank(_info(info), now),
            ),
            qe_identities=_newest(
                [who for one in given for who in one.qe_identities],
                lambda who: _identity(who).id,
                lambda who: _rank(_identity(who), now),
            ),
        )
    except ValueError:
        raise rejected(
            "Intel's collateral", found="of too many platforms", expected="what one room needs"
        ) from None


def _newest(
    parts: Sequence[Part],
    about: Callable[[Part], Hashable],
    rank: Callable[[Part], tuple[bool, int, datetime]],
) -> list[Part]:
    """The part with the highest rank for each thing that parts are about."""
    chosen: dict[Hashable, Part] = {}
    for part in parts:
        held = chosen.get(about(part))
        if held is None or rank(part) > rank(held):
            chosen[about(part)] = part
    return list(chosen.values())


def _list_rank(now: datetime) -> Callable[[bytes], tuple[bool, int, datetime]]:
    def rank(encoded: bytes) -> tuple[bool, int, datetime]:
        start = read_crl(encoded).start
        return start <= now, 0, start

    return rank


def _rank(document: Dated, now: datetime) -> tuple[bool, int, datetime]:
    # Of two that are in force, the one that knows the later TCB recovery is the stricter one.
    in_force = document.issue_date <= now <= document.next_update
    return in_force, document.tcb_evaluation_data_number, document.issue_date


def _info(signed: SignedDocument) -> TcbInfo:
    return read_tcb_info(signed_part(signed.document, "tcbInfo")[0])


def _identity(signed: SignedDocument) -> EnclaveIdentity:
    return read_enclave_identity(signed_part(signed.document, "enclaveIdentity")[0])
