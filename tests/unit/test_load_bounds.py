"""The load test stays on this machine, within its bounds, and tells when a promise was broken."""

import pytest

from tests.load.bounds import UPLOADS, Account, most_uploads, why_not

HERE = ("http://127.0.0.1:8080", "http://127.1.2.3", "http://[::1]:8080", "https://localhost")
ELSEWHERE = (
    *("http://example.org", "http://10.0.0.1:8080", "http://0.0.0.0:8080", "http://[::]", "http://192.168.1.1"),
    *("http://127.0.0.1.example.org", "http://127.0.0.1@example.org", "http://localhost.example.org"),
)


@pytest.mark.parametrize("url", HERE)
def test_this_machine_may_be_put_under_load(url: str) -> None:
    assert why_not(url, {}) is None


@pytest.mark.parametrize("url", ELSEWHERE)
def test_another_machine_may_be_only_when_that_is_said(url: str) -> None:
    assert "ANYWHERE=1" in (why_not(url, {}) or "")
    assert why_not(url, {"ANYWHERE": "1"}) is None


@pytest.mark.parametrize("url", ["", None, "127.0.0.1:8080", "localhost"])
def test_what_is_no_url_is_refused_in_any_case(url: str | None) -> None:
    assert "http://127.0.0.1:8080" in (why_not(url, {"ANYWHERE": "1"}) or "")


def test_the_number_of_uploads_has_an_end() -> None:
    assert most_uploads({}) == UPLOADS
    account = Account(most_uploads({"UPLOADS": "2"}))
    assert [account.take() for _ in range(4)] == [True, True, False, False]


@pytest.mark.parametrize("most", ["0", "-1", "many"])
def test_no_number_of_uploads_is_an_error(most: str) -> None:
    with pytest.raises(SystemExit, match="UPLOADS is"):
        most_uploads({"UPLOADS": most})


def _account(deleted: int = 0, any_ready: bool = True, **found: int) -> Account:
    account = Account(100, acknowledged=10, deleted=deleted, any_ready=any_ready)
    account.found.update(found)
    return account


def test_kept_promises_are_no_complaint() -> None:
    account = _account(deleted=1, ready=7, queued=2)
    assert account.complaints() == []
    assert str(account).endswith("at the end: 7 ready, 2 queued; acknowledged uploads lost: 0")


@pytest.mark.parametrize(
    ("account", "complaint"),
    [
        (_account(ready=9, lost=1), "1 acknowledged uploads are lost."),
        (_account(ready=9, rejected=1), "1 sound uploads are rejected."),
        (_account(ready=9), "1 acknowledged uploads could not be looked for."),
        (_account(queued=10, any_ready=False), "Nothing has become ready: does a worker run?"),
    ],
    ids=["lost", "rejected", "unchecked", "no_worker"],
)
def test_a_broken_promise_is_told(account: Account, complaint: str) -> None:
    assert account.complaints() == [complaint]
