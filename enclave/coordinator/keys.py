"""The room's own secrets: its certificate authority, where keys are sealed to, what signs heads.

They are made once, live in memory and in the sealed journal, and survive a restart. The TLS leaf
is made freshly at every start. Nothing here is ever logged or part of a `repr`.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Self

import grpc

from cleanroom.crypto.certificates import (
    COORDINATOR_NAME,
    PrivateKey,
    certificate_pem,
    certificate_request,
    issue,
    load_private_key,
    new_authority,
    new_private_key,
    private_key_pem,
    spki_digest,
)
from cleanroom.crypto.sealing import SealKey, Unsealer
from cleanroom.crypto.signing import Ed25519Signer, VerifyKey
from cleanroom.encoding import Bytes, Record
from cleanroom.ledger.checkpoint import SIGNER_KID

ROOT_LIFETIME = timedelta(days=3650)
"""The authority lives as long as a room may; its trust comes from the statement, not from time."""
LEAF_LIFETIME = timedelta(days=7)
"""A TLS leaf is renewed when half of this is over."""


class KeySecrets(Record):
    """What the journal keeps of them, sealed."""

    root_key: Bytes
    """PKCS#8, PEM."""
    root_certificate: Bytes
    """DER."""
    seal_key: Bytes
    sign_key: Bytes

    def __repr__(self) -> str:
        return "KeySecrets()"

    __str__ = __repr__


@dataclass(frozen=True, slots=True, repr=False)
class RoomKeys:
    """The room's private keys in memory; its `repr` shows nothing."""

    root_key: PrivateKey
    root_certificate: bytes
    """The room's certificate authority, DER."""
    unsealer: Unsealer
    signer: Ed25519Signer

    @classmethod
    def generate(cls, now: datetime) -> Self:
        """Fresh keys from the operating system's generator."""
        root_key = new_private_key()
        certificate = new_authority("clean room", root_key, now, ROOT_LIFETIME)
        return cls(root_key, certificate, Unsealer.generate(), Ed25519Signer.generate(SIGNER_KID))

    @classmethod
    def from_bytes(cls, raw: bytes) -> Self:
        """Read back what `to_bytes` wrote."""
        kept = KeySecrets.from_bytes(raw)
        return cls(
            load_private_key(kept.root_key),
            kept.root_certificate,
            Unsealer(kept.seal_key),
            Ed25519Signer(SIGNER_KID, kept.sign_key),
        )

    def to_bytes(self) -> bytes:
        """The keys themselves: for the sealed journal only."""
        return KeySecrets(
            root_key=private_key_pem(self.root_key),
            root_certificate=self.root_certificate,
            seal_key=self.unsealer.private_bytes(),
            sign_key=self.signer.private_bytes(),
        ).to_bytes()

    @property
    def seal_key(self) -> SealKey:
        """Where parties seal data keys to."""
        return self.unsealer.public_key

    @property
    def sign_key(self) -> VerifyKey:
        """What heads and receipts verify under."""
        return self.signer.public_key

    @property
    def root(self) -> bytes:
        """SHA-256 of the authority's key, 32 bytes: what caller proofs are bound to."""
        return spki_digest(self.root_certificate)

    def __repr__(self) -> str:
        return "RoomKeys()"


def server_credentials(keys: RoomKeys, clock: Callable[[], datetime]) -> grpc.ServerCredentials:
    """TLS credentials whose leaf is fresh at the start, and renewed at half of its lifetime."""
    issued_at = clock()
    first = _leaf(keys, issued_at)

    def renewed() -> grpc.ServerCertificateConfiguration | None:
        nonlocal issued_at
        now = clock()
        if now - issued_at < LEAF_LIFETIME / 2:
            return None
        issued_at = now
        return _leaf(keys, now)

    return grpc.dynamic_ssl_server_credentials(first, renewed, require_client_authentication=False)


def _leaf(keys: RoomKeys, now: datetime) -> grpc.ServerCertificateConfiguration:
    key = new_private_key()
    leaf = issue(
        keys.root_certificate,
        keys.root_key,
        certificate_request(key),
        [COORDINATOR_NAME],
        now=now,
        lifetime=LEAF_LIFETIME,
    )
    chain = certificate_pem(leaf) + certificate_pem(keys.root_certificate)
    return grpc.ssl_server_certificate_configuration([(private_key_pem(key), chain)])
