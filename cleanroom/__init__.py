"""A multi-party confidential data clean room: one signed manifest, attested machines, receipts.

    import cleanroom as cr

    manifest = cr.Manifest.load("cleanroom.yaml")
    me = cr.Identity.load("bank.key")
    with cr.connect(manifest, identity=me, coordinator="room.example:8443") as room:
        room.add("customers", "customers.parquet")
        result = room.run("overlap").result()
        result.receipt.verify(manifest)

Names are loaded when they are first used (PEP 562), so that `import cleanroom` costs nothing and
whoever needs one part, the coordinator above all, does not carry the others.
"""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from cleanroom import errors
    from cleanroom.client.identity import Identity
    from cleanroom.client.manifest_file import ManifestFile as Manifest
    from cleanroom.client.receipts import Receipt, verify_receipt
    from cleanroom.client.results import Result
    from cleanroom.client.room import Room, connect
    from cleanroom.client.run import Run
    from cleanroom.client.simulation import simulate
    from cleanroom.errors import (
        ApprovalError,
        CleanroomError,
        DataError,
        ManifestError,
        NotTrusted,
        PrivacyRefused,
        RunError,
        SetupError,
        TransportError,
    )
    from cleanroom.manifest.plan import Plan

__all__ = [
    "ApprovalError",
    "CleanroomError",
    "DataError",
    "Identity",
    "Manifest",
    "ManifestError",
    "NotTrusted",
    "Plan",
    "PrivacyRefused",
    "Receipt",
    "Result",
    "Room",
    "Run",
    "RunError",
    "SetupError",
    "TransportError",
    "connect",
    "errors",
    "simulate",
    "verify_receipt",
]

_HOMES = {
    "ApprovalError": "errors",
    "CleanroomError": "errors",
    "DataError": "errors",
    "Identity": "client.identity",
    "Manifest": "client.manifest_file:ManifestFile",
    "ManifestError": "errors",
    "NotTrusted": "errors",
    "Plan": "manifest.plan",
    "PrivacyRefused": "errors",
    "Receipt": "client.receipts",
    "Result": "client.results",
    "Room": "client.room",
    "Run": "client.run",
    "RunError": "errors",
    "SetupError": "errors",
    "TransportError": "errors",
    "connect": "client.room",
    "simulate": "client.simulation",
    "verify_receipt": "client.receipts",
}
"""Where each public name lives: a module, and after a colon what it is called there."""


def __getattr__(name: str) -> object:
    """Load a public name, or the version, when it is first asked for."""
    if name == "errors":
        return import_module("cleanroom.errors")
    if name == "__version__":
        return import_module("importlib.metadata").version("attested-cleanroom")
    if name not in _HOMES:
        raise AttributeError(f"module 'cleanroom' has no attribute {name!r}")
    module, _, called = _HOMES[name].partition(":")
    value: object = getattr(import_module(f"cleanroom.{module}"), called or name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    """The public names, whether loaded or not."""
    return sorted({*globals(), *__all__, "__version__"})
