"""What Azure's metadata service answers: only its form is checked, all of it is verified later."""

import base64
import json
from http.server import BaseHTTPRequestHandler, HTTPServer
from threading import Thread

import pytest

from cleanroom.errors import MachineUnfit
from enclave.attester import azure_metadata
from enclave.attester.azure_metadata import ask_metadata, certificates, td_quote


def answering(content):
    return lambda _path, _body: content


def test_certificates_are_joined():
    answer = json.dumps({"vcekCert": "leaf\n", "certificateChain": "chain\n"}).encode()
    assert certificates(answering(answer)) == b"leaf\nchain\n"


@pytest.mark.parametrize("answer", [b"", b"[]", b"{}", b'{"vcekCert":"x","certificateChain":5}'])
def test_certificates_of_another_form(answer):
    with pytest.raises(MachineUnfit, match="expected"):
        certificates(answering(answer))


def test_quote_of_a_report():
    asked = []

    def ask(path, body):
        asked.append((path, json.loads(body)))
        return json.dumps({"quote": base64.urlsafe_b64encode(b"quote!").decode()}).encode()

    assert td_quote(ask, b"\xff\xfe") == b"quote!"
    assert asked == [("/acc/tdquote", {"report": "__4"})]


@pytest.mark.parametrize("answer", [b"{}", b'{"quote":"!"}', b"x"])
def test_quote_of_another_form(answer):
    with pytest.raises(MachineUnfit, match="expected"):
        td_quote(answering(answer), b"report")


class Service(BaseHTTPRequestHandler):
    def do_GET(self):
        assert self.headers["Metadata"] == "true"
        size = azure_metadata.LARGEST_ANSWER + 1 if self.path == "/large" else 2
        self.send_response(404 if self.path == "/none" else 200)
        self.send_header("Content-Length", str(size))
        self.end_headers()
        self.wfile.write(b"x" * size)

    def log_message(self, *_):
        pass


@pytest.fixture
def service(monkeypatch):
    server = HTTPServer(("127.0.0.1", 0), Service)
    thread = Thread(target=server.serve_forever)
    thread.start()
    monkeypatch.setattr(azure_metadata, "HOST", f"127.0.0.1:{server.server_port}")
    yield
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.mark.usefixtures("service")
def test_service_is_asked():
    assert ask_metadata("/some") == b"xx"
    for path in ("/none", "/large"):
        with pytest.raises(MachineUnfit, match=f"answers {path} with"):
            ask_metadata(path)


def test_service_that_does_not_answer(monkeypatch):
    monkeypatch.setattr(azure_metadata, "HOST", "127.0.0.1:1")
    with pytest.raises(MachineUnfit, match="does not answer /some"):
        ask_metadata("/some")
