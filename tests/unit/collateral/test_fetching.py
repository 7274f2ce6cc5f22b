"""One request to a vendor, over real HTTPS on this machine."""

import threading

import pytest

from cleanroom.collateral.fetching import LARGEST_ANSWER, HttpsFetch
from cleanroom.errors import DeadlineExceeded, TransferBroken, Unreachable, Usage
from tests.support.ports import free_port
from tests.support.vendors import Page, vendor


def test_an_answer_has_its_status_its_headers_in_lower_case_and_its_body():
    with vendor({"/list?ca=x": Page(b"content", {"TCB-Info-Issuer-Chain": "chain"})}) as service:
        found = service.fetch()("https://vendor/list?ca=x")
    assert (found.status, found.body) == (200, b"content")
    assert found.headers["tcb-info-issuer-chain"] == "chain"


@pytest.mark.parametrize("status", [404, 429, 500])
def test_a_refusal_is_an_answer_too(status):
    with vendor({"/a": Page(b"no", status=status)}) as service:
        assert service.fetch()("https://vendor/a").status == status


def test_a_redirect_is_not_followed():
    away = Page(b"", {"Location": "https://127.0.0.1:1/elsewhere"}, status=302)
    with vendor({"/a": away}) as service:
        assert service.fetch()("https://vendor/a").status == 302
        assert service.asked == ["/a"]


def test_an_answer_without_end_is_cut_off():
    with (
        vendor({"/a": Page(b"x" * (LARGEST_ANSWER + 1))}) as service,
        pytest.raises(TransferBroken, match="expected at most 1048576 bytes"),
    ):
        service.fetch()("https://vendor/a")


def test_an_answer_that_ends_early_is_refused():
    with (
        vendor({"/a": Page(b"half", declared=8)}) as service,
        pytest.raises(TransferBroken, match="4 bytes, expected 8 bytes"),
    ):
        service.fetch()("https://vendor/a")


@pytest.mark.parametrize("url", ["http://127.0.0.1/a", "file:///etc/hosts", "https:///a", "a"])
def test_only_https_is_asked(url):
    with pytest.raises(Usage, match="not an HTTPS address"):
        HttpsFetch()(url)


def test_a_certificate_that_is_not_trusted_ends_the_call():
    with (
        vendor({"/a": Page(b"content")}) as service,
        pytest.raises(Unreachable, match=r"127\.0\.0\.1 cannot be reached") as refused,
    ):
        HttpsFetch()(f"{service.base}/a")
    assert "certificate is not trusted" in refused.value.hint
    assert service.asked == []


def test_nobody_there_is_told():
    with pytest.raises(Unreachable, match="cannot be reached"):
        HttpsFetch()(f"https://127.0.0.1:{free_port()}/a")


def test_an_answer_that_does_not_come_is_not_waited_for():
    never = threading.Event()
    with vendor({"/a": Page(b"late", delay=never)}) as service:
        with pytest.raises(DeadlineExceeded, match=r"did not answer in 0\.2 s"):
            service.fetch(timeout_s=0.2)("https://vendor/a")
        never.set()
