"""Every error of the tree arrives as itself, and nothing of an unexpected one does."""

from concurrent.futures import ThreadPoolExecutor

import grpc
import pytest

from cleanroom.errors import (
    CATALOGUE,
    DeadlineExceeded,
    InternalError,
    ManifestRule,
    Overloaded,
    Problem,
    TransferBroken,
    Unreachable,
    Usage,
)
from cleanroom.wire.channels import LARGEST_MESSAGE, bootstrap, split_address
from cleanroom.wire.errors import abort, from_rpc
from cleanroom.wire.generate import ROOT as PROTO
from cleanroom.wire.generate import generate

METHOD = "/test/Fail"


class Failing:
    """A server whose one method raises what the test says."""

    def __init__(self):
        self.error: BaseException = Usage("nothing")
        handlers = {"Fail": grpc.unary_unary_rpc_method_handler(self.fail)}
        self.server = grpc.server(ThreadPoolExecutor(2))
        self.server.add_generic_rpc_handlers(
            [grpc.method_handlers_generic_handler("test", handlers)]
        )
        port = self.server.add_insecure_port("127.0.0.1:0")
        self.server.start()
        self.channel = grpc.insecure_channel(f"127.0.0.1:{port}")

    def fail(self, _, context):
        abort(context, self.error)

    def received(self, error, **options):
        self.error = error
        with pytest.raises(grpc.RpcError) as caught:
            self.channel.unary_unary(METHOD)(b"", timeout=options.get("timeout", 10))
        return from_rpc(caught.value, "the room")


@pytest.fixture(scope="module")
def failing():
    """One server for all tests."""
    made = Failing()
    yield made
    made.channel.close()
    made.server.stop(0).wait()


@pytest.mark.parametrize("code", sorted(CATALOGUE))
def test_every_error_arrives_as_itself(failing, code):
    problems = [Problem("one is wrong", where="a.b"), Problem("another — too", where="c")]
    sent = CATALOGUE[code]("found 'ü', expected 'u'", hint="do this", problems=problems)
    found = failing.received(sent)
    assert type(found) is CATALOGUE[code]
    assert (found.message, found.hint) == (sent.message, sent.hint)
    assert [(p.message, p.where) for p in found.problems] == [
        ("one is wrong", "a.b"),
        ("another — too", "c"),
    ]


def test_an_unexpected_error_says_nothing(failing):
    found = failing.received(ValueError("the row of Alice"))
    assert type(found) is InternalError
    assert "Alice" not in repr(found) + found.hint


def test_an_error_with_very_many_problems_keeps_its_class(failing):
    """Trailing metadata is limited: some problems may be left out, the error may not."""
    problems = [
        Problem(f"column {n} is wrong " + "x" * 150, where=f"datasets.d{n}.columns.c{n}")
        for n in range(300)
    ]
    found = failing.received(ManifestRule("many are wrong", problems=problems))
    assert type(found) is ManifestRule
    assert found.problems
    assert found.problems[0].message == problems[0].message


def test_a_very_long_message_keeps_its_class(failing):
    found = failing.received(Usage("wrong " + "x" * 50_000))
    assert type(found) is Usage
    assert found.message.startswith("wrong xxx")
    found = failing.received(Usage("falsch " + "ü" * 50_000, hint="ü" * 50_000))
    assert type(found) is Usage


def test_nobody_at_an_address_is_unreachable():
    with pytest.raises(Unreachable, match="nobody answers"):
        bootstrap("127.0.0.1:1")


@pytest.mark.parametrize(
    ("code", "kind"),
    [
        (grpc.StatusCode.UNAVAILABLE, Unreachable),
        (grpc.StatusCode.DEADLINE_EXCEEDED, DeadlineExceeded),
        (grpc.StatusCode.RESOURCE_EXHAUSTED, Overloaded),
        (grpc.StatusCode.UNIMPLEMENTED, TransferBroken),
    ],
)
def test_a_plain_status_becomes_an_error_of_transport(code, kind):
    handlers = {"Fail": grpc.unary_unary_rpc_method_handler(lambda _, c: c.abort(code, "word"))}
    server = grpc.server(ThreadPoolExecutor(1))
    server.add_generic_rpc_handlers([grpc.method_handlers_generic_handler("test", handlers)])
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    with grpc.insecure_channel(f"127.0.0.1:{port}") as channel:
        with pytest.raises(grpc.RpcError) as caught:
            channel.unary_unary(METHOD)(b"", timeout=10)
        assert type(from_rpc(caught.value, "the room")) is kind
    server.stop(0).wait()
    assert LARGEST_MESSAGE == 4 << 20


@pytest.mark.parametrize(
    ("address", "parts"),
    [
        ("host:7443", ("host", 7443)),
        ("[::1]:1", ("::1", 1)),
        ("10.0.0.1:65535", ("10.0.0.1", 65535)),
    ],
)
def test_an_address_is_split(address, parts):
    assert split_address(address) == parts


@pytest.mark.parametrize("address", ["", "host", "host:", ":1", "host:0", "host:65536", "host:x"])
def test_what_is_no_address_is_refused(address):
    with pytest.raises(Usage, match="expected host:port"):
        split_address(address)


def test_the_stubs_are_those_of_the_proto_files(tmp_path):
    written = generate(tmp_path)
    assert len(written) == 3
    for path in written:
        kept = PROTO / path.relative_to(tmp_path)
        assert path.read_text() == kept.read_text(), f"generate {path.name} again"
