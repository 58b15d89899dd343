"""An issuer of tokens on a port of its own: keys, where to find their public halves, and what can go wrong with it."""

import base64
import json
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import jwt
from aiohttp import web
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from jwt.algorithms import ECAlgorithm, RSAAlgorithm

AUDIENCE = "images"
Answers = Callable[[web.Request], Awaitable[web.StreamResponse]]


def b64(data: bytes | dict[str, Any] | str) -> str:
    """A part of a token."""
    if isinstance(data, dict):
        data = json.dumps(data)
    return base64.urlsafe_b64encode(data.encode() if isinstance(data, str) else data).decode().rstrip("=")


class Key:
    """A key pair, and what the issuer says of it."""

    def __init__(self, kid: str, algorithm: str = "RS256", bits: int = 2048, **said: Any) -> None:
        self.kid, self.algorithm = kid, algorithm
        self.private: Any
        if algorithm.startswith("ES"):
            self.private = ec.generate_private_key(ec.SECP256R1())
            shown = ECAlgorithm.to_jwk(self.private.public_key(), as_dict=True)
        else:
            self.private = rsa.generate_private_key(public_exponent=65_537, key_size=bits)
            shown = RSAAlgorithm.to_jwk(self.private.public_key(), as_dict=True)
        shown.pop("key_ops", None)
        self.public: dict[str, Any] = {**shown, "kid": kid, "use": "sig", "alg": algorithm, **said}

    def signed(self, header: dict[str, Any], claims: dict[str, Any] | str) -> str:
        """A token with exactly this header and these claims, signed as the header says if this key can."""
        algorithm = header.get("alg") if header.get("alg") in ("RS512", "PS256") else self.algorithm
        signing = f"{b64(header)}.{b64(claims)}"
        made = jwt.get_algorithm_by_name(str(algorithm)).sign(signing.encode(), self.private)
        return f"{signing}.{b64(made)}"


class Issuer:
    """Signs tokens; `url` is its name, and where its keys are found (OpenID Connect Discovery 1.0)."""

    def __init__(self) -> None:
        self.url = ""
        self.key = Key("1")
        self.shown: list[Any] = [self.key.public]
        """The keys that it publishes."""
        self.asked: list[str] = []
        """Paths of the requests that came."""
        self.instead: Answers | None = None
        """What it answers all requests with, for once."""
        self.named = ""
        """What its configuration calls it, if not by its URL."""

    def claims(self, **claims: Any) -> dict[str, Any]:
        """Those of a token of an hour; what is None is left out."""
        usual = {"iss": self.url, "aud": AUDIENCE, "exp": int(time.time()) + 3600}
        return {name: value for name, value in (usual | claims).items() if value is not None}

    def token(self, key: Key | None = None, **claims: Any) -> str:
        """A token of an hour, with these claims."""
        key = key or self.key
        return key.signed({"alg": key.algorithm, "kid": key.kid, "typ": "JWT"}, self.claims(**claims))

    async def answer(self, request: web.Request) -> web.StreamResponse:
        """Its configuration, or its keys."""
        self.asked.append(request.path)
        if self.instead is not None:
            return await self.instead(request)
        if request.path == "/keys":
            return web.json_response({"keys": self.shown})
        return web.json_response({"issuer": self.named or self.url, "jwks_uri": f"{self.url}/keys"})


@asynccontextmanager
async def issuing() -> AsyncIterator[Issuer]:
    """An issuer."""
    issuer, app = Issuer(), web.Application()
    app.add_routes([web.get(path, issuer.answer) for path in ("/.well-known/openid-configuration", "/keys")])
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    try:
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        issuer.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
        yield issuer
    finally:
        await runner.cleanup()
