"""Azure's instance metadata service: certificates of the processor, and quotes of TD reports.

Plain HTTP to a link-local address that only the host answers: nothing here is trusted, all of it is
verified by whoever reads the evidence. No proxy and no redirection is followed.
"""

import base64
import binascii
import http.client
import json
from collections.abc import Callable

from cleanroom.errors import MachineUnfit

HOST, TIMEOUT = "169.254.169.254", 10.0
"""The address, and how long to wait; in seconds."""
LARGEST_ANSWER = 64 * 1024
CERTIFICATES, QUOTE = "/metadata/THIM/amd/certification", "/acc/tdquote"

Ask = Callable[[str, bytes | None], bytes]
"""Gives the answer to a path: GET without a body, POST with one."""


def ask_metadata(path: str, body: bytes | None = None) -> bytes:
    """One request to the service.

    Raises:
        MachineUnfit: it does not answer, refuses, or answers too much.
    """
    connection = http.client.HTTPConnection(HOST, timeout=TIMEOUT)
    headers = {"Metadata": "true", "Content-Type": "application/json"}
    try:
        connection.request("GET" if body is None else "POST", path, body, headers)
        answer = connection.getresponse()
        content = answer.read(LARGEST_ANSWER + 1)
    except (OSError, http.client.HTTPException):
        raise MachineUnfit(f"the metadata service does not answer {path}") from None
    finally:
        connection.close()
    if answer.status != http.client.OK or len(content) > LARGEST_ANSWER:
        raise MachineUnfit(
            f"the metadata service answers {path} with {answer.status}, expected 200"
        )
    return content


def certificates(ask: Ask) -> bytes:
    """The processor's certificate and its chain, PEM.

    Raises:
        MachineUnfit: the answer is of another form.
    """
    answer = _object(ask(CERTIFICATES, None))
    parts = [answer.get(name) for name in ("vcekCert", "certificateChain")]
    texts = [part for part in parts if isinstance(part, str)]
    if len(texts) != len(parts):
        raise MachineUnfit("the metadata service gives no certificates, expected PEM")
    return "".join(texts).encode()


def td_quote(ask: Ask, report: bytes) -> bytes:
    """The quote of a TD report.

    Raises:
        MachineUnfit: the answer is of another form.
    """
    asked = json.dumps({"report": base64.urlsafe_b64encode(report).rstrip(b"=").decode()})
    text = _object(ask(QUOTE, asked.encode())).get("quote")
    if not isinstance(text, str):
        raise MachineUnfit("the metadata service gives no quote, expected text")
    try:
        padded = text + "=" * (-len(text) % 4)
        return base64.b64decode(padded, altchars=b"-_", validate=True)
    except (binascii.Error, ValueError):
        raise MachineUnfit("the metadata service gives no quote, expected base64") from None


def _object(content: bytes) -> dict[str, object]:
    try:
        found: object = json.loads(content)
    except (ValueError, RecursionError):
        found = None
    if not isinstance(found, dict):
        raise MachineUnfit("the metadata service answers in another form, expected JSON")
    return found
