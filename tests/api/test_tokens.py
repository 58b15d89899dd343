"""`AUTH_MODE=jwt` with good tokens: by whatever key the issuer signs with, and while it is away."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any

import pytest
from aiohttp import web

from service.settings import Settings
from tests.driver import Answer, Client, client_of
from tests.issuer import AUDIENCE, Issuer, Key, issuing


@pytest.fixture
async def issuer() -> AsyncIterator[Issuer]:
    """An issuer."""
    async with issuing() as made:
        yield made


@asynccontextmanager
async def trusting(issuer: Issuer, settings: Settings, **more: Any) -> AsyncIterator[Client]:
    """A service that takes its tokens."""
    taken = replace(settings, auth_mode="jwt", jwt_issuer=issuer.url, jwt_audience=AUDIENCE, **more)
    async with client_of(taken, "nobody") as client:
        yield client


async def ask(client: Client, token: str) -> Answer:
    """The images of whoever has this token."""
    return await client.get("/v1/images", Authorization=f"Bearer {token}")


async def test_kinds_of_tokens(issuer: Issuer, settings: Settings) -> None:
    """By both default algorithms; for one of several audiences; within the leeway; in any case of the scheme."""
    elliptic = Key("elliptic", "ES256")
    issuer.shown.append(elliptic.public)
    async with trusting(issuer, settings) as client:
        for token in (
            issuer.token(sub="alice"),
            issuer.token(elliptic, sub="auth0|5f7c8ec7c33c6c004bbafe82"),
            issuer.token(sub="alice", aud=["others", AUDIENCE]),
            issuer.token(sub="alice", exp=issuer.claims()["exp"] - 3600 - 15, nbf=issuer.claims()["exp"] - 3600 + 15),
            issuer.token(sub="alice", exp=issuer.claims()["exp"] + 0.5, iat=1),
        ):
            assert (await ask(client, token)).status == 200
        lower = await client.get("/v1/images", authorization=f"bearer   {issuer.token(sub='alice')}")
        assert lower.status == 200


async def test_another_claim_and_other_algorithms(issuer: Issuer, settings: Settings) -> None:
    """`USER_CLAIM` and `JWT_ALGORITHMS`: then they are the only ones."""
    key = Key("other", "PS256")
    issuer.shown.append(key.public)
    more = {"user_claim": "email", "jwt_algorithms": "PS256", "jwt_jwks_url": f"{issuer.url}/keys"}
    async with trusting(issuer, settings, **more) as client:
        assert (await ask(client, issuer.token(key, email="alice@example.org"))).status == 200
        for token in (issuer.token(key, sub="alice"), issuer.token(email="alice@example.org")):
            assert (await ask(client, token)).code == "invalid_token"
    assert set(issuer.asked) == {"/keys"}


async def test_the_issuer_changes_its_key(issuer: Issuer, settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    """The new one counts as soon as a token names it, the old one no more when its time is over; no restart."""
    monkeypatch.setattr("service.http.auth.issuer.PAUSE_SECONDS", 0)
    async with trusting(issuer, settings) as client:
        old, new = issuer.token(sub="alice"), Key("2")
        assert (await ask(client, issuer.token(new, sub="alice"))).code == "invalid_token"
        assert (await ask(client, old)).status == 200
        issuer.shown = [new.public]
        assert (await ask(client, issuer.token(new, sub="alice"))).status == 200
        assert (await ask(client, old)).code == "invalid_token", "a fetch brings all that is to be known"


async def test_the_issuer_is_away(issuer: Issuer, settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    """503, as nobody can say that the token is wrong; it needs no restart when it is there again."""
    monkeypatch.setattr("service.http.auth.issuer.PAUSE_SECONDS", 0)

    async def away(request: web.Request) -> web.StreamResponse:
        return web.Response(status=500)

    issuer.instead = away
    async with trusting(issuer, settings) as client:
        answer = await ask(client, issuer.token(sub="alice"))
        assert (answer.status, answer.code) == (503, "issuer_unavailable")
        assert "Retry-After" in answer.headers
        assert (await ask(client, "rubbish")).code == "invalid_token"
        assert (await client.get("/readyz")).status == 200, "other processes would be no better off"
        issuer.instead = None
        assert (await ask(client, issuer.token(sub="alice"))).status == 200
        issuer.instead = away
        assert (await ask(client, issuer.token(sub="alice"))).status == 200
