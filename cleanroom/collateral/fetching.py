"""One HTTPS request to a vendor: bounded, direct, without redirects, told in errors of the house.

`Fetch` is all that the rest of this room knows of a network, so that anything may stand for it.
Nothing here reads the environment: whoever wants a proxy passes it.
"""

import ssl
import urllib.error
import urllib.request
from collections.abc import Mapping
from dataclasses import dataclass
from http import HTTPStatus
from http.client import HTTPException, HTTPMessage
from types import MappingProxyType
from typing import IO, Protocol
from urllib.parse import urlsplit

from cleanroom.errors import DeadlineExceeded, TransferBroken, Unreachable, Usage

LARGEST_ANSWER = 1024 * 1024
"""The largest list or document that is kept (see `cleanroom.attestation.collateral`); in bytes."""
TIMEOUT_S = 20.0
"""Vendors answer within two seconds; in seconds."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What a service answered; nothing in it is trusted."""

    status: int
    """HTTP status."""
    headers: Mapping[str, str]
    """By lower-case name; of a header that is there twice, the last."""
    body: bytes


class Fetch(Protocol):
    """Asks a service."""

    def __call__(self, url: str, /) -> Answer:
        """The answer to GET `url`, whatever its status.

        Raises:
            TransportError: there is none.
        """
        ...


class HttpsFetch:
    """Fetches over HTTPS.

    Args:
        trusted: whose certificates count; the system's where nothing is given.
        proxies: by scheme, such as `{"https": "http://proxy:3128"}`; none is used unless given.
        timeout_s: how long one answer may take to begin or to go on, in seconds.
    """

    def __init__(
        self,
        trusted: ssl.SSLContext | None = None,
        proxies: Mapping[str, str] = MappingProxyType({}),
        timeout_s: float = TIMEOUT_S,
    ) -> None:
        self._timeout_s = timeout_s
        self._opener = urllib.request.build_opener(
            urllib.request.ProxyHandler(dict(proxies)),
            urllib.request.HTTPSHandler(context=trusted or ssl.create_default_context()),
            _NoRedirect(),
        )

    def __call__(self, url: str, /) -> Answer:
        """The answer to GET `url`, whatever its status.

        Raises:
            Usage: the address is not one of HTTPS.
            Unreachable: nobody answers there, or not with a certificate that is trusted.
            DeadlineExceeded: the answer takes too long.
            TransferBroken: the answer is cut, or larger than anything that is kept.
        """
        host = urlsplit(url).hostname
        if urlsplit(url).scheme != "https" or not host:
            raise Usage("the address of a vendor's service is not an HTTPS address")
        request = urllib.request.Request(url, headers={"Accept": "*/*"})  # noqa: S310 - HTTPS above
        try:
            with self._opener.open(request, timeout=self._timeout_s) as reply:
                return _read(reply, host)
        except urllib.error.HTTPError as refused:
            with refused:
                return _read(refused, host)
        except TimeoutError:
            raise DeadlineExceeded(f"{host} did not answer in {self._timeout_s:g} s") from None
        except urllib.error.URLError as failed:
            if isinstance(failed.reason, TimeoutError):
                raise DeadlineExceeded(f"{host} did not answer in {self._timeout_s:g} s") from None
            raise Unreachable(f"{host} cannot be reached", hint=_hint(failed)) from None
        except (OSError, HTTPException):
            raise TransferBroken(f"the answer of {host} is cut") from None


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    """Vendors do not redirect; somebody between might."""

    def redirect_request(  # noqa: PLR0917 - the standard library's signature
        self,
        req: urllib.request.Request,
        fp: IO[bytes],
        code: int,
        msg: str,
        headers: HTTPMessage,
        newurl: str,
    ) -> None:
        """Never: the answer is given as it is."""
        del req, fp, code, msg, headers, newurl


def _read(reply: "urllib.response.addinfourl | urllib.error.HTTPError", host: str) -> Answer:
    body = reply.read(LARGEST_ANSWER + 1)
    if len(body) > LARGEST_ANSWER:
        raise TransferBroken(
            f"the answer of {host} is longer, expected at most {LARGEST_ANSWER} bytes"
        )
    declared = reply.headers.get("content-length", "")
    if declared.isdecimal() and len(body) != int(declared):
        raise TransferBroken(
            f"the answer of {host} has {len(body)} bytes, expected {int(declared)} bytes"
        )
    headers = {name.lower(): value for name, value in reply.headers.items()}
    return Answer(reply.status or HTTPStatus.OK, MappingProxyType(headers), body)


def _hint(failed: urllib.error.URLError) -> str:
    if isinstance(failed.reason, ssl.SSLError):
        return "its certificate is not trusted here: check the clock and who is between"
    return "check the network, or take a bundle that was made elsewhere"
