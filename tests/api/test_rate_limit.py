"""`RATE_LIMIT_…`: 429 with `Retry-After` and RateLimit fields, before a byte of a body is read."""

import asyncio
import re
import time
from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

import pytest

from service.settings import Settings
from tests.driver import Answer, Client, client_of
from tests.outside import Outside, outside_of
from tests.pictures import TINY

PNG = TINY["image/png"].data
FIELDS = re.compile(r'"(\w+)";r=(\d+);t=(\d+)')
NO_ID = "00000000-0000-7000-8000-000000000000"


async def limited(settings: Settings, user: str, **limits: int) -> AsyncIterator[Client]:
    changes: dict[str, Any] = {f"rate_limit_{name}": most for name, most in limits.items()}
    async with client_of(replace(settings, **changes), user) as made:
        yield made


@pytest.fixture
async def five(settings: Settings, client: Client) -> AsyncIterator[Client]:
    """A user who may make five requests at once, and one more each 12 seconds."""
    async for made in limited(settings, client.user, requests=5):
        yield made


@pytest.fixture
async def quick(settings: Settings, client: Client) -> AsyncIterator[Client]:
    """A user who may upload 60 times a minute."""
    async for made in limited(settings, client.user, uploads=60):
        yield made


def rates(answer: Answer) -> dict[str, tuple[int, int]]:
    """What `RateLimit` says: what is left, and for how many seconds, by policy."""
    return {name: (int(left), int(seconds)) for name, left, seconds in FIELDS.findall(answer.headers["RateLimit"])}


async def test_at_the_edge(five: Client) -> None:
    """Of many requests at once exactly as many are answered as there may be; every answer says how it stands."""
    answers = await asyncio.gather(*(five.get("/v1/images") for _ in range(20)))
    assert sorted(answer.status for answer in answers) == [200] * 5 + [429] * 15
    assert {answer.headers["RateLimit-Policy"] for answer in answers} == {'"requests";q=5;w=60'}
    good = sorted(rates(answer)["requests"] for answer in answers if answer.status == 200)
    assert [left for left, _ in good] == [0, 1, 2, 3, 4]
    assert all(0 <= 12 * (5 - left) - seconds <= 1 for left, seconds in good)
    for answer in answers:
        if answer.status == 429:
            assert answer.code == "rate_limited"
            assert answer.headers["Cache-Control"] == "no-store"
            assert 1 <= int(answer.headers["Retry-After"]) <= 12
            assert rates(answer)["requests"] == (0, int(answer.headers["Retry-After"]))
        else:
            assert "Retry-After" not in answer.headers


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/v1/images"),
        ("GET", f"/v1/images/{NO_ID}"),
        ("GET", f"/v1/images/{NO_ID}/content"),
        ("GET", f"/v1/images/{NO_ID}/events"),
        ("PATCH", f"/v1/images/{NO_ID}"),
        ("DELETE", f"/v1/images/{NO_ID}"),
        ("POST", "/v1/images"),
        ("POST", "/v1/uploads"),
        ("GET", "/v1/usage"),
    ],
)
async def test_every_call_counts(five: Client, method: str, path: str) -> None:
    """Whatever becomes of it, and for its own user only; who is nobody is counted nowhere."""
    for _ in range(5):
        answer = await five.ask(method, path)
        assert answer.status != 429
        assert "requests" in rates(answer)
    assert (await five.ask(method, path)).status == 429
    other = five.as_user(f"{five.user}-2")
    assert (await other.ask(method, path)).status != 429
    nobody = await other.ask(method, path, headers={"X-User-Id": ""})
    assert nobody.status == 401
    assert "RateLimit" not in nobody.headers


async def test_operations_are_not_limited(five: Client) -> None:
    """Balancers and Prometheus have no user."""
    for path in ("/healthz", "/readyz", "/metrics"):
        answers = [await five.get(path) for _ in range(7)]
        assert {answer.status for answer in answers} == {200}, path
        assert not any("RateLimit" in answer.headers for answer in answers)


async def test_a_retry_after_the_time_named_succeeds(quick: Client) -> None:
    """After as many seconds as `Retry-After` says, not earlier."""
    begin = time.monotonic()
    answers = await asyncio.gather(*(quick.ask("POST", "/v1/images") for _ in range(70)))
    refused = [answer for answer in answers if answer.status == 429]
    # At one a second, others have come meanwhile.
    assert 9 - (time.monotonic() - begin) <= len(refused) <= 10
    assert refused
    assert {answer.headers["Retry-After"] for answer in refused} == {"1"}
    assert {rates(answer)["uploads"] for answer in refused} == {(0, 1)}
    await asyncio.sleep(1)  # what the answer asks for
    assert (await quick.ask("POST", "/v1/images")).status == 400


async def test_uploads_are_limited_beside_the_rest(settings: Settings, client: Client) -> None:
    """A user who has uploaded enough can still look at his images."""
    async for user in limited(settings, client.user, requests=10, uploads=2):
        first = await user.upload(PNG, "image/png")
        assert first.status == 202
        assert first.headers["RateLimit-Policy"] == '"requests";q=10;w=60, "uploads";q=2;w=60'
        assert {name: left for name, (left, _) in rates(first).items()} == {"requests": 9, "uploads": 1}
        assert (await user.ask("POST", "/v1/uploads", json={"content_type": "image/png"})).status == 201
        assert (await user.upload(PNG, "image/png")).code == "rate_limited"
        seen = await user.get(first.headers["Location"])
        assert (seen.status, seen.headers["RateLimit-Policy"]) == (200, '"requests";q=10;w=60')
        assert rates(seen)["requests"][0] == 6


@pytest.fixture
async def outside(settings: Settings) -> AsyncIterator[Outside]:
    """All that is kept."""
    async with outside_of(settings) as opened:
        yield opened


async def test_refused_before_the_body(settings: Settings, client: Client, outside: Outside) -> None:
    """No `100 Continue`, no byte of the body wanted, nothing kept."""
    async for user in limited(settings, client.user, uploads=1):
        assert (await user.ask("POST", "/v1/images")).status == 400
        before = await outside.everything()
        head = f"POST /v1/images HTTP/1.1\r\nHost: x\r\nX-User-Id: {user.user}\r\nContent-Type: image/png\r\n"
        for more in ("Expect: 100-continue\r\n", ""):
            request = f"{head}Content-Length: 1000000\r\nConnection: close\r\n{more}\r\n"
            answer = await user.raw(request.encode(), half_close=True)
            assert answer.startswith(b"HTTP/1.1 429 "), answer
            assert b"100 Continue" not in answer
            assert b'"code": "rate_limited"' in answer
        assert await outside.everything() == before


async def test_without_limits_nothing_is_said(client: Client) -> None:
    """As by default."""
    answers = await asyncio.gather(*(client.get("/v1/images") for _ in range(30)))
    assert {answer.status for answer in answers} == {200}
    assert not any("RateLimit" in answer.headers or "RateLimit-Policy" in answer.headers for answer in answers)
