"""An issuer of tokens, as an authorizer of an HTTP API asks for one: a key, and where to find its public half."""

import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import jwt
from aiohttp import web
from cryptography.hazmat.primitives.asymmetric import rsa
from jwt.algorithms import RSAAlgorithm

AUDIENCE = "images"


class Issuer:
    """Signs tokens; `url` is its name, and where its key is found (OpenID Connect Discovery 1.0)."""

    def __init__(self) -> None:
        self.url = ""
        self._key = rsa.generate_private_key(public_exponent=65_537, key_size=2048)

    def token(self, **claims: Any) -> str:
        """A token of an hour, with these claims."""
        usual = {"iss": self.url, "aud": AUDIENCE, "exp": int(time.time()) + 3600}
        return jwt.encode(usual | claims, self._key, "RS256", headers={"kid": "1"})

    async def discovery(self, request: web.Request) -> web.Response:
        """Where the keys are."""
        return web.json_response({"issuer": self.url, "jwks_uri": f"{self.url}/keys"})

    async def keys(self, request: web.Request) -> web.Response:
        """The public key."""
        key = RSAAlgorithm.to_jwk(self._key.public_key(), as_dict=True)
        return web.json_response({"keys": [{**key, "kid": "1", "use": "sig", "alg": "RS256"}]})


@asynccontextmanager
async def issuing() -> AsyncIterator[Issuer]:
    """An issuer on a port of its own."""
    issuer, app = Issuer(), web.Application()
    app.add_routes([web.get("/.well-known/openid-configuration", issuer.discovery), web.get("/keys", issuer.keys)])
    runner = web.AppRunner(app)
    await runner.setup()
    try:
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        issuer.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
        yield issuer
    finally:
        await runner.cleanup()
