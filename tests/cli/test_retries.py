"""What the client does when a service answers badly, late, or not at all."""

import asyncio
import hashlib
import os
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from service.client import (
    Client,
    Damaged,
    ImagesError,
    Problem,
    Refused,
    Retries,
    TooManyRequests,
    Unavailable,
    Unreachable,
    content_of,
)
from service.remote.retries import seconds_of
from tests.cli.odd import Handler, Odd, breaks_off, hangs_up, odd, problem, says
from tests.local_aws import free_port
from tests.pictures import jpeg

USAGE = says(200, {"images": 1, "bytes": 2, "quota": {"images": None, "bytes": None}})
QUICK = Retries(tries=4, seconds=20, pause=0.05)
ID = "0199a1f0-1234-7abc-8def-0123456789ab"
IMAGE: dict[str, Any] = {
    "image_id": ID,
    "status": "ready",
    "content_type": "image/jpeg",
    "size": 3,
    "sha256": hashlib.sha256(b"abc").hexdigest(),
    **dict.fromkeys(("width", "height", "frames", "filename", "title", "placeholder", "reason", "direct_upload_from")),
    **{"tags": [], "variants": {}, "version": 1, "links": {"self": f"/v1/images/{ID}"}},
    **dict.fromkeys(("created_at", "updated_at"), "2026-01-31T12:00:00.000Z"),
}


def of(server: Odd, retries: Retries = QUICK) -> Client:
    """A client of that server."""
    return Client(server.url, user="alice", retries=retries)


def pauses(server: Odd) -> list[float]:
    """The seconds between the requests that came."""
    times = [asked.at for asked in server.asked]
    return [after - before for before, after in pairwise(times)]


@pytest.mark.parametrize(
    "fault",
    [
        hangs_up,
        breaks_off,
        problem(503, "s3_unavailable"),
        says(502),
        says(504),
        says(429),
        problem(503, "x", Retry_After="rubbish"),
    ],
    ids=["hangs_up", "breaks_off", "503", "502", "504", "429_of_a_gateway", "rubbish"],
)
async def test_it_is_tried_again(fault: Handler) -> None:
    """Until it works; with growing pauses."""
    async with odd(fault, fault, fault, says(200, IMAGE)) as server, of(server) as client:
        # Not GET, which aiohttp itself asks once more when a connection is hung up.
        assert (await client.edit(ID, title="x")).image_id == ID
    assert len(server.asked) == 4
    first, second, third = pauses(server)
    assert first >= 0.02
    assert second >= 0.05
    assert third >= 0.1


@pytest.mark.parametrize(
    ("fault", "error"),
    [(hangs_up, Unreachable), (problem(503, "s3_unavailable"), Unavailable)],
    ids=["hangs_up", "503"],
)
async def test_it_gives_up(fault: Handler, error: type[ImagesError]) -> None:
    """After as many tries as it has, with the last error."""
    async with odd(fault) as server, of(server) as client:
        with pytest.raises(error):
            await client.edit(ID, title="x")
    assert len(server.asked) == QUICK.tries


async def test_nobody_there() -> None:
    """One line that says so."""
    async with Client(f"http://127.0.0.1:{free_port()}", user="a", retries=QUICK) as client:
        with pytest.raises(Unreachable, match=r"http://127\.0\.0\.1:\d+/? does not answer: Connection refused\."):
            await client.usage()


FINAL = [
    problem(400, "invalid_parameter"),
    problem(401, "invalid_token"),
    problem(404, "image_not_found"),
    problem(409, "image_not_ready"),
    problem(500, "internal_error"),
    problem(429, "quota_exceeded"),
    says(301, Location="https://elsewhere.example/"),
    says(200, {"no": "usage"}),
    says(200, ["a list"]),
]


@pytest.mark.parametrize("answer", FINAL, ids=lambda one: None)
async def test_it_is_not_tried_again(answer: Handler) -> None:
    """What the next answer would be, too."""
    async with odd(answer) as server, of(server) as client:
        with pytest.raises(ImagesError) as error:
            await client.usage()
        assert str(error.value)
    assert len(server.asked) == 1


def in_a_second() -> str:
    """A date, rounded up: dates have whole seconds."""
    return format_datetime(datetime.now(UTC) + timedelta(seconds=2), usegmt=True)


@pytest.mark.parametrize("status", [429, 503])
@pytest.mark.parametrize("when", [lambda: "1", in_a_second], ids=["seconds", "date"])
async def test_retry_after(status: int, when: Callable[[], str]) -> None:
    """It does not come back before that."""

    async def busy(request: web.Request) -> web.StreamResponse:
        return await problem(status, "rate_limited", Retry_After=when())(request)

    async with odd(busy, USAGE) as server, of(server) as client:
        await client.usage()
    (pause,) = pauses(server)
    assert 0.95 < pause < QUICK.seconds


async def test_retry_after_that_is_too_late() -> None:
    """It says so at once, instead of asking before that time."""
    async with odd(problem(429, "rate_limited", Retry_After="30")) as server, of(server) as client:
        with pytest.raises(TooManyRequests) as error:
            await client.usage()
        assert error.value.retry_after == 30
    assert len(server.asked) == 1


async def test_a_rate_limit_is_no_failure() -> None:
    """Who is told when to come back comes back, more often than there are tries."""
    limited = problem(429, "rate_limited", Retry_After="0")
    async with odd(*[limited] * 10, USAGE) as server, of(server) as client:
        await client.usage()
    assert len(server.asked) == 11


async def test_no_pause_is_no_order() -> None:
    """Whoever says 0 seconds is not asked without any."""
    limited = problem(429, "rate_limited", Retry_After="0")
    async with odd(*[limited] * 5, USAGE) as server, of(server, Retries(pause=0.1)) as client:
        await client.usage()
    assert min(pauses(server)) >= 0.1


async def test_waiting() -> None:
    """In whole seconds, as the header has them; and in peace, also when what answers does not wait."""
    queued = says(200, {**IMAGE, "status": "queued"})
    async with odd(queued) as server, of(server) as client:
        assert (await client.wait(ID, 2.9)).status == "queued"
    said = [asked.headers["Prefer"] for asked in server.asked]
    assert said[0] == "wait=2"
    assert set(said) <= {"wait=2", "wait=1", "wait=0"}
    assert len(said) <= 4


async def test_a_deletion_that_a_network_answers() -> None:
    """A page to log in with is no deletion."""
    async with odd(says(200, {"log": "in"})) as server, of(server) as client:
        with pytest.raises(ImagesError, match="not this service"):
            await client.delete(ID)


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        *[("7", 7), (" 7 ", 7), ("0", 0), ("9" * 40, 999_999_999), ("Fri, 31 Dec 1999 23:59:59 GMT", 0)],
        *[(text, None) for text in ("-1", "1.5", "", None, "soon", "Fri, 99 Dec 1999 23:59:59 GMT", "²")],
    ],
)
def test_what_retry_after_says(text: str | None, seconds: float | None) -> None:
    """Seconds, or a date; of anything else nothing."""
    assert seconds_of(text) == seconds


async def test_an_upload_that_is_tried_again() -> None:
    """With the same key and all its bytes; progress is taken back."""
    gone: list[int] = []
    fault = problem(503, "sqs_unavailable", Retry_After="0")
    async with odd(hangs_up, fault, says(202, IMAGE)) as server, of(server) as client:
        assert (await client.upload(jpeg().data, filename="ä b.jpg", progress=gone.append)).image_id == ID
    assert len({asked.headers["Idempotency-Key"] for asked in server.asked}) == 1
    assert [asked.body for asked in server.asked] == [jpeg().data] * 3
    assert server.asked[0].path == "/v1/images?filename=%C3%A4+b.jpg"
    assert sum(gone) % len(jpeg().data) == 0


async def test_two_uploads_have_two_keys() -> None:
    """Unless they are given one."""
    async with odd(says(202, IMAGE)) as server, of(server) as client:
        for key in (None, None, "mine"):
            await client.upload(jpeg().data, idempotency_key=key)
    keys = [asked.headers["Idempotency-Key"] for asked in server.asked]
    assert len(set(keys)) == 3
    assert keys[2] == "mine"


async def test_a_service_that_takes_no_more_bytes(monkeypatch: pytest.MonkeyPatch) -> None:
    """What goes no step forward is given up; here after less than a second."""

    async def stalls(request: web.Request) -> web.StreamResponse:
        await asyncio.sleep(60)
        raise AssertionError

    monkeypatch.setattr("service.remote.transport.SLOWEST", 10_000_000)
    async with odd(stalls) as server, of(server) as client:
        with pytest.raises(Unreachable, match="in time"):
            await client._transport.ask("GET", "/v1/usage", seconds=0.3)


async def test_many_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Who waits for a turn is not told that the service does not answer; the service is asked by so many at a time."""
    most, now = 0, 0

    async def slow(request: web.Request) -> web.StreamResponse:
        nonlocal most, now
        now += 1
        most = max(most, now)
        await asyncio.sleep(0.1)
        now -= 1
        return await USAGE(request)

    monkeypatch.setattr("service.remote.transport.MOST_AT_ONCE", 2)
    async with odd(slow) as server, of(server, Retries(tries=1)) as client:
        # All together take longer than each may, and each far shorter, on a busy machine as well.
        asked = [client._transport.ask("GET", "/v1/usage", seconds=2.4) for _ in range(50)]
        assert {answer.status for answer in await asyncio.gather(*asked)} == {200}
    assert most == 2


@pytest.mark.parametrize("url", ["http://alice:secret@127.0.0.1:1", "http://alice@127.0.0.1:1"])
def test_a_password_in_the_url(url: str) -> None:
    """It would be told with each error."""
    with pytest.raises(ValueError, match="no user and no password") as error:
        Client(url)
    assert "secret" not in str(error.value)


@pytest.mark.parametrize("odd_bytes", [{"tag": "\udcff"}, {"status": "a\udc80"}])
async def test_what_is_no_text(odd_bytes: dict[str, str]) -> None:
    """It is refused, not left out: a list with a filter that is none would show everything."""
    async with odd(says(200, {"images": [], "next_cursor": None})) as server, of(server) as client:
        with pytest.raises(Refused, match=f"`{next(iter(odd_bytes))}` is no valid text"):
            await client.page(**odd_bytes)  # type: ignore[arg-type]
        with pytest.raises(Refused, match="`title` is no valid text"):
            await client.upload(jpeg().data, title="\udcff")
    assert server.asked == []


async def test_https_to_a_port_of_http() -> None:
    """It says so, once."""
    async with odd(USAGE) as server, Client(server.url.replace("http:", "https:"), retries=QUICK) as client:
        with pytest.raises(ImagesError, match=r"does not speak https .* is it http\?"):
            await client.usage()


async def test_a_file_that_shrinks(tmp_path: Path) -> None:
    """It is the file's fault, said as such, and tried no second time."""
    path = tmp_path / "large"
    path.write_bytes(b"x" * 6 * 2**20)

    page = says(200, {"images": [], "next_cursor": None, "direct_upload_from": None})
    async with odd(page) as server, of(server) as client:
        content = await content_of(path)
        path.write_bytes(b"x")
        with pytest.raises(OSError, match="shorter"):
            await client.upload(content)
    assert len([asked for asked in server.asked if asked.method == "POST"]) <= 1


def delivers(*bodies: bytes | Handler) -> Handler:
    """Answers like the service: the record, and one after another of these as its bytes."""
    left = list(bodies)

    async def handle(request: web.Request) -> web.StreamResponse:
        if not request.path.endswith("/content"):
            return web.json_response(IMAGE)
        body = left.pop(0)
        return web.Response(body=body) if isinstance(body, bytes) else await body(request)

    return handle


async def test_a_download_that_breaks_off(tmp_path: Path) -> None:
    """It begins again; the file appears when it is whole."""
    async with odd(delivers(breaks_off, hangs_up, b"abc")) as server, of(server) as client:
        assert await client.download(ID, tmp_path / "a.jpg") == 3
    assert (tmp_path / "a.jpg").read_bytes() == b"abc"
    assert [one.name for one in tmp_path.iterdir()] == ["a.jpg"]


async def test_a_download_into_a_pipe() -> None:
    """Under a name that leads to nothing with a path, as `/dev/stdout` and what a shell gives for `>(…)`."""
    end, begin = os.pipe()
    try:
        async with odd(delivers(b"abc")) as server, of(server) as client:
            assert await client.download(ID, f"/dev/fd/{begin}") == 3
        assert os.read(end, 10) == b"abc"
    finally:
        os.close(begin)
        os.close(end)


async def test_a_download_into_a_link_to_itself(tmp_path: Path) -> None:
    """There is no such place; it is replaced, or an error of the system's."""
    (tmp_path / "loop").symlink_to("loop")
    async with odd(delivers(b"abc")) as server, of(server) as client:
        await client.download(ID, tmp_path / "loop")
    assert (tmp_path / "loop").read_bytes() == b"abc"


async def test_a_download_that_is_damaged(tmp_path: Path) -> None:
    """No file, and what was there stays."""
    (tmp_path / "a.jpg").write_bytes(b"old")
    async with odd(delivers(b"abx")) as server, of(server) as client:
        with pytest.raises(Damaged):
            await client.download(ID, tmp_path / "a.jpg")
    assert [(one.name, one.read_bytes()) for one in tmp_path.iterdir()] == [("a.jpg", b"old")]


async def test_credentials_stay_at_home(tmp_path: Path) -> None:
    """A redirect to S3 is followed without them."""
    async with odd(says(200, {})) as s3:
        s3.answers = [delivers(b"abc")]
        there = f"{s3.url}/bucket/content?X-Amz-Signature=a%2Fb"
        async with odd(delivers(says(302, Location=there))) as server:
            for who in ({"user": "alice"}, {"api_key": "k"}, {"token": "t"}):
                server.answers = [delivers(says(302, Location=there))]
                s3.answers = [delivers(b"abc")]
                async with Client(server.url, retries=QUICK, **who) as client:
                    assert await client.content(ID) == b"abc"
    assert {asked.path for asked in s3.asked} == {"/bucket/content?X-Amz-Signature=a%2Fb"}
    assert not {"X-User-Id", "X-Api-Key", "X-API-Key", "Authorization"} & {
        name for one in s3.asked for name in one.headers
    }


@pytest.mark.parametrize("there", ["http://[", "/log-in", "", "ftp://s3.example/a"])
async def test_a_redirect_to_nowhere(there: str) -> None:
    """A gateway's, mostly; it is told as what it is, at once."""
    async with odd(delivers(says(302, Location=there))) as server, of(server) as client:
        with pytest.raises(ImagesError, match="redirects to no address"):
            await client.content(ID)
    assert len(server.asked) == 2


async def test_s3_does_not_answer() -> None:
    """It is S3 that is named then, without what is signed."""
    s3 = f"http://127.0.0.1:{free_port()}"
    to_s3 = delivers(says(302, Location=f"{s3}/bucket?X-Amz-Signature=a"))
    async with odd(to_s3) as server, of(server, Retries(tries=1)) as client:
        with pytest.raises(Unreachable) as error:
            await client.content(ID)
    assert str(error.value) == f"{s3} does not answer: Connection refused."


async def test_a_gateway_with_words_of_its_own() -> None:
    """They are told as well as its status."""
    async with odd(says(403, {"message": "Missing Authentication Token"})) as server, of(server) as client:
        with pytest.raises(Problem, match="Missing Authentication Token") as error:
            await client.usage()
        assert (error.value.status, error.value.code) == (403, "http_403")


async def test_below_a_prefix() -> None:
    """A gateway's stage stays in the path."""
    async with odd(USAGE) as server, Client(f"{server.url}/prod/", user="a") as client:
        await client.usage()
    assert server.asked[0].path == "/prod/v1/usage"
