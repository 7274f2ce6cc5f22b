"""Writes the conformance vectors of reference values; the test keys make every byte repeatable."""

import json
from collections.abc import Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from cleanroom.attestation.reference_values import (
    IN_TOTO_TYPE,
    ReferenceValuesStatement,
    sign_reference_values,
)
from cleanroom.attestation.resolving import envelopes_digest
from cleanroom.crypto.envelope import Envelope, sign
from cleanroom.crypto.signing import Ed25519Signer
from cleanroom.encoding import content_digest, instant_text
from tests.support.manifests import NOW, simulated_policy
from tests.support.platform import MEASUREMENT
from tests.support.signed_values import (
    BUILDERS,
    builder,
    image_statement,
    name_of,
    naming,
    signed_values,
    snp_launch,
    tdx_launch,
)

HERE = Path(__file__).resolve().parent
TDX_ENTRY = {"platform": "tdx", "host_data": "genesis", "min_tcb_evaluation_number": 17}
MEASURED = sorted([MEASUREMENT.hex(), "aa" * 48])
OTHER = image_statement(version="1.5.0", launches=[snp_launch(b"\xee" * 48)])
BOTH_PLATFORMS = image_statement(launches=[snp_launch(), tdx_launch()])


def entry(what: ReferenceValuesStatement | None = None, **name: Any) -> dict[str, Any]:
    """An entry for SEV-SNP that names a statement."""
    return naming(simulated_policy(), what=what, **name)


def case(
    given: dict[str, Any],
    envelopes: Sequence[Envelope],
    expect: str = "reference-values-refused",
    now: datetime = NOW,
    **found: Any,
) -> bytes:
    """One case as it stands in its file."""
    brought = [one.to_bytes().decode() for one in envelopes]
    told = {
        "object": "entry",
        "input": {"entry": given, "envelopes": brought, "now": instant_text(now)},
        "expect": expect,
    }
    if expect == "accepted":
        told["found"] = found | {"digest": envelopes_digest(envelopes)}
    return json.dumps(told, indent=1).encode() + b"\n"


def accepted(
    given: dict[str, Any],
    envelopes: Sequence[Envelope],
    *builders: str,
    measurements: list[Any] | None = None,
    now: datetime = NOW,
) -> bytes:
    """A case that holds."""
    found = {"builders": sorted(builders), "measurements": measurements or MEASURED}
    return case(given, envelopes, "accepted", now, **found)


def cases() -> dict[str, bytes]:
    """Every case by its file name."""
    return _that_hold() | _by_whom() | _of_what() | _malformed()


def _that_hold() -> dict[str, bytes]:
    image = tdx_launch()["image"] | {"events": [], "rtmr0": "any", "rtmr3": "zero"}
    tdx = TDX_ENTRY | {"reference_values": name_of(BOTH_PLATFORMS)}
    return {
        "two-of-three.json": accepted(entry(), signed_values(), *BUILDERS[:2]),
        "all-three.json": accepted(entry(), signed_values(*BUILDERS), *BUILDERS),
        "one-is-asked-for.json": accepted(
            entry(threshold=1), signed_values("cy-provide"), "cy-provide"
        ),
        "the-same-envelope-twice.json": accepted(entry(), signed_values() * 2, *BUILDERS[:2]),
        "others-are-left-aside.json": accepted(
            entry(), [*signed_values(*BUILDERS, what=OTHER), *signed_values()], *BUILDERS[:2]
        ),
        "in-its-last-second.json": accepted(
            entry(), signed_values(), *BUILDERS[:2], now=NOW + timedelta(days=20)
        ),
        "on-tdx.json": accepted(
            tdx, signed_values(what=BOTH_PLATFORMS), *BUILDERS[:2], measurements=[image]
        ),
        "one-platform-of-two.json": accepted(
            entry(BOTH_PLATFORMS),
            signed_values(what=BOTH_PLATFORMS),
            *BUILDERS[:2],
            measurements=[MEASUREMENT.hex()],
        ),
    }


def _by_whom() -> dict[str, bytes]:
    ann = signed_values("ann-provide")
    posing = Ed25519Signer("bob-provide", builder("ann-provide").private_bytes())
    stranger = Ed25519Signer("eve-provide", b"eve!" * 8)
    whole = image_statement()
    (first,) = ann
    double = first.model_copy(
        update={"signatures": [*first.signatures, *signed_values("bob-provide")[0].signatures]}
    )
    return {
        "nothing_fail.json": case(entry(), []),
        "too-few_fail.json": case(entry(), ann),
        "one-signs-twice_fail.json": case(entry(), ann * 2),
        "one-key-under-another-name_fail.json": case(
            entry(), [*ann, sign_reference_values(whole, posing)]
        ),
        "a-stranger-beside-one_fail.json": case(
            entry(), [*ann, sign_reference_values(whole, stranger)]
        ),
        "a-stranger-beside-enough_fail.json": case(
            entry(), [*signed_values(), sign_reference_values(whole, stranger)]
        ),
        "two-signatures-in-one-envelope_fail.json": case(entry(), [double]),
    }


def _of_what() -> dict[str, bytes]:
    tdx_only = image_statement(launches=[tdx_launch()])
    forged = [
        one.model_copy(update={"payload": one.payload.replace(b"aa" * 48, b"ee" * 48)})
        for one in signed_values()
    ]
    other_type = [
        sign("application/json", image_statement().to_bytes(), builder(name))
        for name in BUILDERS[:2]
    ]
    return {
        "another-image_fail.json": case(entry(), signed_values(*BUILDERS, what=OTHER)),
        "altered_fail.json": case(entry(), forged),
        "another-payload-type_fail.json": case(entry(), other_type),
        "not-yet_fail.json": case(entry(), signed_values(), now=NOW - timedelta(days=31)),
        "ended_fail.json": case(entry(), signed_values(), now=NOW + timedelta(days=20, seconds=1)),
        "no-launch-on-this-platform_fail.json": case(entry(tdx_only), signed_values(what=tdx_only)),
        "another-predicate_fail.json": _of_bytes(b"reference-values/v1", b"receipt/v1"),
        "not-canonical_fail.json": _of_bytes(b"{", b" {"),
    }


def _of_bytes(old: bytes, new: bytes) -> bytes:
    """Two builders sign bytes that are no statement, and the entry names those very bytes."""
    raw = image_statement().to_bytes().replace(old, new, 1)
    name = name_of() | {"digest": content_digest(raw)}
    signed = [sign(IN_TOTO_TYPE, raw, builder(one)) for one in BUILDERS[:2]]
    return case(entry() | {"reference_values": name}, signed)


def _malformed() -> dict[str, bytes]:
    twice = name_of()["builders"]["ann-provide"]
    both = entry() | {"measurements": MEASURED}
    neither = {field: value for field, value in entry().items() if field != "reference_values"}

    def bent(**changed: Any) -> dict[str, Any]:
        return entry() | {"reference_values": name_of() | changed}

    malformed = {
        "measurements-as-well": both,
        "neither": neither,
        "threshold-of-none": bent(threshold=0),
        "threshold-above-all": bent(threshold=4),
        "nobody-may-sign": bent(builders={}),
        "one-key-under-two-names": bent(builders={"ann-provide": twice, "bob-provide": twice}),
        "a-name-without-a-digest": entry()
        | {"reference_values": {k: v for k, v in name_of().items() if k != "digest"}},
    }
    return {
        f"{name}_fail.json": case(given, signed_values(), "record-malformed")
        for name, given in malformed.items()
    }


if __name__ == "__main__":
    for name, content in cases().items():
        (HERE / name).write_bytes(content)
