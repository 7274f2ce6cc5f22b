"""Manifests for tests: a good one between a bank and a shop, with real keys, and ways to bend it.

`good_manifest(**changes)` takes dotted paths with `__` for the dots:
`good_manifest(computations__overlap__limits__max_runs=3)`; the value `ABSENT` removes the entry.
"""

import base64
import copy
import hashlib
from datetime import UTC, datetime
from typing import Any

from cleanroom.crypto.envelope import Envelope
from cleanroom.crypto.sealing import Unsealer
from cleanroom.crypto.signing import Ed25519Signer
from cleanroom.manifest.approval import sign_approval
from cleanroom.manifest.model import Manifest

NOW = datetime(2027, 1, 15, 12, 0, tzinfo=UTC)
"""A moment at which the good manifest is in force."""
START, END = "2027-01-10T00:00:00Z", "2027-03-31T23:59:59Z"
LATER = datetime(2027, 3, 31, 23, 59, 59, tzinfo=UTC)
LINEAGE = "3f0f5a1e-7c3b-4c55-9f1a-0d2f6f6f1e11"
PARTIES = {"bank": "Bank plc", "shop": "Shop GmbH"}
SIGNING_USES = ("approve", "submit", "provide")
ABSENT = object()
"""As a change: remove the entry."""


def _seed(*words: str) -> bytes:
    return hashlib.sha512("/".join(("cleanroom tests", *words)).encode()).digest()


def signer(party: str, use: str = "approve") -> Ed25519Signer:
    """The party's private key for a signing use; always the same."""
    return Ed25519Signer(f"{party}-{use}", _seed(party, use)[:32])


def unsealer(party: str) -> Unsealer:
    """The party's private `receive` key; always the same."""
    return Unsealer(_seed(party, "receive") + _seed(party, "receive", "x")[:32])


def party_block(party: str, name: str) -> dict[str, Any]:
    """The plain `parties` entry with all four keys."""
    keys = [
        {
            "kid": f"{party}-{use}",
            "use": use,
            "alg": "ed25519",
            "public": base64_of(signer(party, use).public_key),
        }
        for use in SIGNING_USES
    ]
    receive = {
        "kid": f"{party}-receive",
        "use": "receive",
        "alg": "mlkem768-x25519",
        "public": base64_of(unsealer(party).public_key),
    }
    return {"name": name, "keys": [*keys, receive]}


def simulated_policy(root: str = "sha256:" + "ab" * 32) -> dict[str, Any]:
    """A plain attestation entry that trusts one development root."""
    return {
        "platform": "sev-snp",
        "products": ["Genoa"],
        "measurements": ["c0" * 48],
        "host_data": "genesis",
        "min_tcb": {"Genoa": {"bl": 1, "tee": 0, "snp": 1, "ucode": 1}},
        "development_roots": [root],
    }


def good_plain() -> dict[str, Any]:
    """A good manifest as plain values, new at each call."""
    return {
        "apiVersion": "cleanroom/v1",
        "metadata": {
            "name": "retail-overlap",
            "lineage": LINEAGE,
            "version": 1,
            "previous": None,
            "purpose": "Count and list customers in common; no advertising use.",
            "not_before": START,
            "not_after": END,
            "mode": "development",
        },
        "parties": {party: party_block(party, name) for party, name in PARTIES.items()},
        "attestation": {"coordinator-snp": simulated_policy(), "worker-snp": simulated_policy()},
        "coordinator": {"policies": ["coordinator-snp"]},
        "workers": {"cpu": {"policies": ["worker-snp"], "max_live": 4}},
        "datasets": {
            "customers": {
                "owner": "bank",
                "columns": [
                    {"name": "email", "type": "string", "role": "identity", "normalise": "email"},
                    {
                        "name": "segment",
                        "type": "string",
                        "role": "payload",
                        "values": ["basic", "gold", "private"],
                    },
                    {
                        "name": "income",
                        "type": "int64",
                        "role": "payload",
                        "bounds": ["0", "500000"],
                    },
                    {"name": "since", "type": "date32", "role": "payload"},
                ],
                "rows": {"min": 1, "max": 1_000_000},
                "allow": {"computations": ["matches", "overlap"], "max_releases": 20},
            },
            "baskets": {
                "owner": "shop",
                "columns": [
                    {"name": "email", "type": "string", "role": "identity", "normalise": "email"},
                    {
                        "name": "spend",
                        "type": "int64",
                        "role": "payload",
                        "bounds": ["0", "1000000"],
                    },
                    {
                        "name": "visits",
                        "type": "int64",
                        "role": "payload",
                        "bounds": ["0", "10000"],
                    },
                    {
                        "name": "favourite",
                        "type": "string",
                        "role": "payload",
                        "values": ["books", "garden", "music"],
                    },
                ],
                "rows": {"min": 1, "max": 1_000_000},
                "allow": {"computations": ["matches", "overlap"], "max_releases": 20},
            },
        },
        "computations": {
            "overlap": {
                "op": "intersect.count",
                "on": ["email"],
                "inputs": {
                    "left": {"dataset": "customers", "columns": ["email"]},
                    "right": {"dataset": "baskets", "columns": ["email"]},
                },
                "submitters": ["bank", "shop"],
                "workers": {"role": "cpu", "count": 2},
                "limits": {"max_runs": 10, "timeout_s": 900},
                "outputs": {
                    "size": {
                        "recipients": ["bank", "shop"],
                        "gate": {"min_group": 100, "round_to": 10},
                    }
                },
            },
            "matches": {
                "op": "intersect.rows",
                "on": ["email"],
                "inputs": {
                    "left": {"dataset": "customers", "columns": ["email", "income", "segment"]},
                    "right": {"dataset": "baskets", "columns": ["email", "favourite", "spend"]},
                },
                "submitters": ["bank"],
                "workers": {"role": "cpu", "count": 1},
                "limits": {"max_runs": 5},
                "parameters": {"limit": {"min": 1, "max": 100_000, "default": 100_000}},
                "outputs": {
                    "for-bank": {
                        "recipients": ["bank"],
                        "columns": [
                            "left.email",
                            "left.income",
                            "left.segment",
                            "right.favourite",
                            "right.spend",
                        ],
                        "reveals_membership": True,
                        "gate": {"min_group": 100},
                        "max_rows": 100_000,
                    },
                    "for-shop": {
                        "recipients": ["shop"],
                        "columns": ["right.email", "right.spend"],
                        "reveals_membership": True,
                        "gate": {"min_group": 100},
                        "max_rows": 100_000,
                    },
                },
            },
        },
    }


def changed(plain: dict[str, Any], **changes: Any) -> dict[str, Any]:
    """A copy of `plain` with the entries at `a__b__0__c` replaced, added or removed."""
    result: dict[str, Any] = copy.deepcopy(plain)
    for path, value in changes.items():
        *parents, last = path.split("__")
        node: Any = result
        for part in parents:
            node = node[int(part)] if isinstance(node, list) else node[_key(node, part)]
        place = int(last) if isinstance(node, list) else _key(node, last)
        if value is ABSENT:
            del node[place]
        else:
            node[place] = copy.deepcopy(value)
    return result


def good_manifest(platform: dict[str, Any] | None = None, **changes: Any) -> Manifest:
    """A manifest between `bank` and `shop` that breaks no rule, with `changes`.

    Args:
        platform: one plain attestation entry for the coordinator and the workers; without it a
            simulated one with a root that nobody has.
        changes: new values by path, `__` for the dots.
    """
    plain = good_plain()
    if platform is not None:
        plain["attestation"] = {"coordinator-snp": platform, "worker-snp": copy.deepcopy(platform)}
    return Manifest.from_plain(changed(plain, **changes))


def approvals(manifest: Manifest, *parties: str, not_after: datetime = LATER) -> list[Envelope]:
    """The approvals of `parties` (all by default) under their own keys."""
    return [
        sign_approval(manifest, party, signer(party), not_after, _seed(party, "nonce")[:16])
        for party in (parties or tuple(manifest.parties))
    ]


def _key(node: dict[str, Any], part: str) -> str:
    dashed = part.replace("_", "-")
    return dashed if part not in node and dashed in node else part


def base64_of(raw: bytes) -> str:
    """How manifests write bytes."""
    return base64.b64encode(raw).decode()
