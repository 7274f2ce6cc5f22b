"""The credentials of one gang node: files that Ray reads, and probes that use them.

Ray wants its key, certificates and token as files; they lie in a directory of mode 0700, on tmpfs
where the machine has one, and go with the run. They open the cluster and no data.
"""

import os
import socket
import ssl
from dataclasses import dataclass
from pathlib import Path

from cleanroom.crypto.certificates import (
    PrivateKey,
    certificate_pem,
    key_digest,
    private_key_pem,
    spki_digest,
    verify_issued,
)
from cleanroom.errors import SignatureInvalid, TransferBroken

PROBE_S = 2.0
"""One probe of a port takes no longer, in seconds."""


@dataclass(frozen=True, slots=True)
class NodeFiles:
    """Where a node's credentials lie."""

    directory: Path

    @property
    def key(self) -> Path:
        """The node's private key, PEM."""
        return self.directory / "key.pem"

    @property
    def certificate(self) -> Path:
        """The node's leaf, PEM."""
        return self.directory / "leaf.pem"

    @property
    def authority(self) -> Path:
        """The run's authority, PEM."""
        return self.directory / "authority.pem"

    @property
    def token(self) -> Path:
        """The cluster's token, as text."""
        return self.directory / "token"

    @property
    def socket(self) -> Path:
        """Where this node's tasks ask for their keys."""
        return self.directory / "keys"


def write_credentials(
    files: NodeFiles, key: PrivateKey, leaf: bytes, authority: bytes, token: bytes
) -> NodeFiles:
    """Write a node's credentials, each with mode 0600.

    Raises:
        SignatureInvalid: the leaf is not the authority's, or not for this node's key.
    """
    verify_issued(leaf, authority)
    if spki_digest(leaf) != key_digest(key):
        raise SignatureInvalid("the node's certificate is for another key")
    _write(files.key, private_key_pem(key))
    _write(files.certificate, certificate_pem(leaf))
    _write(files.authority, certificate_pem(authority))
    _write(files.token, token.hex().encode())
    return files


def shake_hands(files: NodeFiles, host: str, port: int) -> bytes:
    """The certificate (DER) that `host:port` shows, once the run's authority issued it.

    Raises:
        OSError: nobody listens, or it is not of this run (`ssl.SSLError`).
    """
    context = _context(files)
    context.load_cert_chain(files.certificate, files.key)
    with _connected(context, host, port) as channel:
        return _shown(channel)


def reach(host: str, port: int) -> None:
    """Connect and hang up.

    Raises:
        OSError: nobody listens.
    """
    socket.create_connection((host, port), timeout=PROBE_S).close()


def refuses_strangers(files: NodeFiles, host: str, port: int) -> bool:
    """Whether the port breaks off with a client that has no certificate."""
    try:
        with _connected(_context(files), host, port) as channel:
            # in TLS 1.3 a server says no after the client's handshake is done
            return channel.recv(1) == b""
    except TimeoutError:
        return False
    except OSError:
        return True


def _context(files: NodeFiles) -> ssl.SSLContext:
    context = ssl.create_default_context(cafile=str(files.authority))
    context.set_alpn_protocols(["h2"])
    return context


def _connected(context: ssl.SSLContext, host: str, port: int) -> ssl.SSLSocket:
    plain = socket.create_connection((host, port), timeout=PROBE_S)
    try:
        return context.wrap_socket(plain, server_hostname=host)
    except BaseException:
        plain.close()
        raise


def _shown(channel: ssl.SSLSocket) -> bytes:
    shown = channel.getpeercert(binary_form=True)
    if shown is None:
        raise TransferBroken("the node shows no certificate")
    return shown


def _write(file: Path, content: bytes) -> None:
    descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
    with os.fdopen(descriptor, "wb") as opened:
        opened.write(content)
