"""The keys of an issuer: when they are fetched, for how long they hold, and what is not taken for keys."""

import asyncio
import gzip
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import pytest
from aiohttp import web

from service.errors import Unavailable
from service.http.auth.issuer import MOST_BYTES, PAUSE_SECONDS, IssuerKeys
from service.settings import Settings
from tests.issuer import Issuer, Key, issuing

FRESH, STALE = 600.0, 3600.0
DISCOVERY = "/.well-known/openid-configuration"


@dataclass
class Watched:
    """Keys of an issuer at a time of day that the test sets; it begins at 1000 s."""

    issuer: Issuer
    keys: IssuerKeys
    now: float = 1000.0

    async def knows(self, kid: str, algorithm: str = "RS256") -> bool:
        """Whether there is such a key."""
        return await self.keys.find(kid, algorithm) is not None

    async def unavailable(self, kid: str = "1") -> bool:
        """Whether it cannot be said."""
        try:
            await self.keys.find(kid, "RS256")
        except Unavailable as error:
            return (error.code, error.retry_after) == ("issuer_unavailable", PAUSE_SECONDS)
        return False


@asynccontextmanager
async def watched(issuer: Issuer, **more: Any) -> AsyncIterator[Watched]:
    """Keys of this issuer."""
    values = {"jwt_keys_seconds": FRESH, "jwt_keys_stale_seconds": STALE, "jwt_issuer": issuer.url}
    made: Watched
    keys = IssuerKeys(Settings(**{**values, **more}), ["RS256", "ES256"], lambda: made.now)
    made = Watched(issuer, keys)
    try:
        yield made
    finally:
        await keys.close()


@pytest.fixture
async def issuer() -> AsyncIterator[Issuer]:
    """An issuer."""
    async with issuing() as made:
        yield made


@pytest.fixture
async def at(issuer: Issuer) -> AsyncIterator[Watched]:
    """Its keys."""
    async with watched(issuer) as made:
        yield made


async def away(request: web.Request) -> web.StreamResponse:
    """An issuer that fails."""
    return web.Response(status=503)


async def test_they_are_fetched_once(at: Watched) -> None:
    """At first use, by as many requests as come meanwhile."""
    assert at.issuer.asked == []
    assert all(await asyncio.gather(*(at.knows("1") for _ in range(50))))
    at.now += FRESH - 1
    assert await at.knows("1")
    assert at.issuer.asked == [DISCOVERY, "/keys"]


async def test_by_their_own_url(issuer: Issuer) -> None:
    """With `JWT_JWKS_URL` nothing has to be found out."""
    async with watched(issuer, jwt_jwks_url=f"{issuer.url}/keys", jwt_issuer="anything") as at:
        assert await at.knows("1")
        assert issuer.asked == ["/keys"]


async def test_a_new_key_is_found_and_an_old_one_vanishes(at: Watched) -> None:
    """Without a restart: the one when a token names it, the other when its time is over."""
    assert await at.knows("1")
    at.issuer.shown.append(Key("2", "ES256").public)
    at.now += PAUSE_SECONDS
    assert await at.knows("2", "ES256")
    assert not await at.knows("2", "RS256"), "each key only what it was made for"
    del at.issuer.shown[0]
    at.now += FRESH - 1
    assert await at.knows("1")
    at.now += 1
    assert not await at.knows("1")


async def test_made_up_ids_do_not_make_the_issuer_work(at: Watched) -> None:
    """One fetch in ten seconds at most, and good tokens wait for none of them."""
    assert await at.knows("1")
    for second in range(100):
        at.now += 1
        found = await asyncio.gather(*(at.knows(f"made up {second} {n}") for n in range(20)), at.knows("1"))
        assert found == [False] * 20 + [True]
    assert at.issuer.asked.count("/keys") == 1 + 100 // PAUSE_SECONDS


async def test_old_keys_hold_while_the_issuer_is_away(at: Watched) -> None:
    """For a bounded time. Of unknown ones nobody can say that they are wrong."""
    assert await at.knows("1")
    at.issuer.instead = away
    at.now += FRESH
    assert await at.knows("1")
    assert await at.unavailable("2")
    fetches = len(at.issuer.asked)
    assert await at.knows("1")
    assert len(at.issuer.asked) == fetches, "not with each request"
    at.now += STALE - FRESH - 1
    assert await at.knows("1")
    at.now += 1
    assert await at.unavailable("1")
    at.issuer.instead = None
    at.now += PAUSE_SECONDS
    assert await at.knows("1")
    assert not await at.knows("2")


async def test_a_clock_that_was_put_back(at: Watched) -> None:
    """Makes keys old, not young."""
    assert await at.knows("1")
    at.issuer.shown = [Key("2").public]
    at.now -= 500
    assert not await at.knows("1")
    assert await at.knows("2")


async def test_nobody_waits_for_an_issuer_that_hangs(at: Watched) -> None:
    """As long as there are keys: only the request that has asked does."""
    assert await at.knows("1")
    hangs, go_on = asyncio.Event(), asyncio.Event()

    async def hang(request: web.Request) -> web.StreamResponse:
        hangs.set()
        await go_on.wait()
        return web.Response(status=500)

    at.issuer.instead = hang
    at.now += FRESH
    first = asyncio.create_task(at.knows("1"))
    await hangs.wait()
    async with asyncio.timeout(60):
        assert await at.knows("1")
    assert not first.done()
    go_on.set()
    assert await first


async def test_an_issuer_that_hangs_is_given_up(at: Watched, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also one that goes on sending, never to end."""
    monkeypatch.setattr("service.http.auth.issuer.FETCH_SECONDS", 0.3)

    async def trickle(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        while True:
            await response.write(b" ")
            await asyncio.sleep(0.05)

    at.issuer.instead = trickle
    async with asyncio.timeout(60):
        assert await at.unavailable()


async def test_nobody_at_the_address() -> None:
    """A refused connection is an issuer that is away."""
    async with issuing() as issuer:
        pass
    async with watched(issuer) as at:
        assert await at.unavailable()


def _no_documents() -> dict[str, tuple[int, dict[str, str], bytes]]:
    sound = json.dumps({"keys": [Key("1").public]}).encode()
    symmetric = b'{"keys": [{"kty": "oct", "kid": "1", "alg": "HS256", "k": "c2VjcmV0"}]}'
    return {
        "empty": (200, {}, b""),
        "html": (200, {}, b"<html>"),
        "no keys": (200, {}, b'{"keys": []}'),
        "list": (200, {}, b"[]"),
        "null": (200, {}, b"null"),
        "other": (200, {}, b'{"keys": {"1": 1}}'),
        "symmetric": (200, {}, symmetric),
        "deep": (200, {}, b"[" * 100_000),
        "not utf-8": (200, {}, b'{"keys": ["\xff"]}'),
        "too long": (200, {}, b" " * MOST_BYTES + sound),
        "compressed": (200, {"Content-Encoding": "gzip"}, gzip.compress(sound)),
        "error": (500, {}, b""),
        "not found": (404, {}, b""),
    }


@pytest.mark.parametrize("name", _no_documents())
async def test_what_is_no_set_of_keys(at: Watched, name: str) -> None:
    """Is as good as no answer: old keys hold, and without any it is 503."""
    status, headers, body = _no_documents()[name]

    async def instead(request: web.Request) -> web.StreamResponse:
        return web.Response(status=status, headers=headers, body=body)

    assert await at.knows("1")
    at.issuer.instead = instead
    at.now += FRESH
    assert await at.knows("1")
    async with watched(at.issuer, jwt_jwks_url=f"{at.issuer.url}/keys") as without:
        assert await without.unavailable()


async def test_no_redirect_is_followed(issuer: Issuer) -> None:
    """Not even to where the keys are."""

    async def elsewhere(request: web.Request) -> web.StreamResponse:
        issuer.instead = None
        return web.Response(status=302, headers={"Location": "/keys"})

    issuer.instead = elsewhere
    async with watched(issuer, jwt_jwks_url=f"{issuer.url}/keys") as at:
        assert await at.unavailable()
    assert issuer.asked == ["/keys"]


@pytest.mark.parametrize("named", ["https://other.example", "", "http://127.0.0.1"])
async def test_a_configuration_of_another_issuer(at: Watched, named: str) -> None:
    """OpenID Connect Discovery 1.0, section 4.3."""
    at.issuer.named = named or f"{at.issuer.url}/"
    assert await at.unavailable()
    assert "/keys" not in at.issuer.asked


@pytest.mark.parametrize("uri", [None, "", "/keys", "http://keys.example/keys", "file:///etc/passwd", 7])
async def test_keys_at_an_address_that_is_not_safe(at: Watched, uri: Any) -> None:
    """Whoever could answer on the way would say who may come in."""

    async def instead(request: web.Request) -> web.StreamResponse:
        return web.json_response({"issuer": at.issuer.url, "jwks_uri": uri})

    at.issuer.instead = instead
    assert await at.unavailable()
    assert at.issuer.asked == [DISCOVERY]
