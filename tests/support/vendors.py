"""A vendor's service on this machine: real HTTPS on loopback, with answers that a test writes."""

import ssl
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import cache
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from ipaddress import ip_address
from pathlib import Path
from tempfile import TemporaryDirectory
from types import MappingProxyType
from urllib.parse import quote

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from cleanroom.attestation.collateral import IntelCollateral
from cleanroom.attestation.formats.snp import read_report
from cleanroom.collateral import amd
from cleanroom.collateral.fetching import Answer, Fetch, HttpsFetch
from enclave.attester.certifying import pem
from tests.support.platform import NOW, good_evidence, simulated_platform, simulated_tdx


@dataclass(frozen=True)
class Page:
    """What an address gives."""

    body: bytes
    headers: Mapping[str, str] = field(default_factory=dict)
    status: int = 200
    declared: int | None = None
    """What the length is said to be; by default what it is."""
    delay: threading.Event | None = None
    """Waits for it before it answers."""


@dataclass
class Service:
    """A running service."""

    pages: dict[str, list[Page]]
    """By path and query; of several, each is given once and the last for ever."""
    port: int = 0
    asked: list[str] = field(default_factory=list)

    @property
    def base(self) -> str:
        return f"https://127.0.0.1:{self.port}"

    def fetch(self, timeout_s: float = 10.0) -> Fetch:
        """Asks this service instead of any vendor."""
        ask = HttpsFetch(trusted=ssl_context(), timeout_s=timeout_s)

        def instead(url: str, /) -> Answer:
            return ask(f"{self.base}/{url.split('/', 3)[3]}")

        return instead


@contextmanager
def vendor(pages: Mapping[str, Page | list[Page]]) -> Iterator[Service]:
    """A service that gives these pages, by path and query."""
    listed = {
        path: list(page) if isinstance(page, list) else [page] for path, page in pages.items()
    }
    service = Service(listed)
    server = ThreadingHTTPServer(("127.0.0.1", 0), _answering(service))
    server.daemon_threads = True
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    with TemporaryDirectory() as directory:
        file = Path(directory) / "server.pem"
        file.write_bytes(b"".join(_credentials()))
        context.load_cert_chain(file)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    service.port = server.server_address[1]
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    try:
        yield service
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def ssl_context() -> ssl.SSLContext:
    """Trusts the service, and nobody else."""
    context = ssl.create_default_context(cadata=_credentials()[1].decode())
    context.verify_flags &= ~getattr(ssl, "VERIFY_X509_STRICT", 0)
    return context


def amd_pages() -> dict[str, Page]:
    """What AMD's service says about the simulated machine, at the addresses of the real one."""
    evidence = good_evidence()
    leaf, ask, ark = evidence.endorsements
    machine = amd.machine_of(read_report(evidence.report))
    chain = pem(ask, ark)
    return {
        amd.vcek_url(machine, ""): Page(leaf),
        amd.chain_url(machine, ""): Page(chain),
        amd.crl_url(machine, ""): Page(simulated_platform().revocations((), NOW)),
    }


def intel_pages(collateral: IntelCollateral | None = None) -> dict[str, Page]:
    """What Intel's service says about the simulated machine, at the addresses of the real one."""
    said = collateral or simulated_tdx().collateral()
    info, identity = said.tcb_infos[0], said.qe_identities[0]
    fmspc = info.document.split(b'"fmspc":"')[1][:12].decode().lower()
    return {
        "/IntelSGXRootCA.der": Page(said.root_crl),
        "/sgx/certification/v4/pckcrl?ca=platform&encoding=der": Page(said.pck_crls[0]),
        f"/tdx/certification/v4/tcb?fmspc={fmspc}": Page(
            info.document, {"TCB-Info-Issuer-Chain": quote(info.chain)}
        ),
        "/tdx/certification/v4/qe/identity": Page(
            identity.document, {"SGX-Enclave-Identity-Issuer-Chain": quote(identity.chain)}
        ),
    }


def answer(body: bytes = b"", status: int = 200, **headers: str) -> Answer:
    """An answer, for functions that stand for a network."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return Answer(status, MappingProxyType(named), body)


def _answering(service: Service) -> type[BaseHTTPRequestHandler]:
    class Answering(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            service.asked.append(self.path)
            pages = service.pages.get(self.path, [Page(b"", status=404)])
            page = pages.pop(0) if len(pages) > 1 else pages[0]
            if page.delay is not None:
                page.delay.wait(10)
            self.send_response(page.status)
            for name, value in page.headers.items():
                self.send_header(name, value)
            declared = len(page.body) if page.declared is None else page.declared
            self.send_header("Content-Length", str(declared))
            self.end_headers()
            self.wfile.write(page.body)

        def log_message(self, *_: object) -> None:
            """Nobody reads it."""

    return Answering


@cache
def _credentials() -> tuple[bytes, bytes]:
    """Key and certificate of the service, PEM; made once, for this session only."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "a vendor's service")])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(
            x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))]), False
        )
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), True)
        .sign(key, SHA256())
    )
    private = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    return private, certificate.public_bytes(Encoding.PEM)
