"""The keys of an issuer of tokens: fetched, kept for a while, and fetched again when it signs with others."""

import asyncio
import json
import logging
import time
from collections.abc import Callable
from typing import Any

import aiohttp

from service.errors import Unavailable
from service.http.auth.jwk import Keys, usable_keys
from service.settings import Settings
from service.settings.values import secure_url

log = logging.getLogger(__name__)

FETCH_SECONDS = 5.0
PAUSE_SECONDS = 10.0
"""Between two fetches, whatever tokens come in: who makes up key ids does not make this service hammer the issuer."""
MOST_BYTES = 512 * 1024
HEADERS = {"Accept": "application/json", "Accept-Encoding": "identity"}


class IssuerKeys:
    """Public keys by `kid` and algorithm.

    They are fetched again after `JWT_KEYS_SECONDS`, or as soon as a token names one that is not known. While that does
    not succeed the old ones hold for `JWT_KEYS_STALE_SECONDS`.

    :param clock: the time of day in seconds; one that goes on while a Lambda container is frozen.
    """

    def __init__(self, settings: Settings, algorithms: list[str], clock: Callable[[], float] = time.time) -> None:
        self._settings, self._algorithms, self._clock = settings, algorithms, clock
        self._session: aiohttp.ClientSession | None = None
        self._keys: Keys = {}
        self._fetched = self._tried = float("-inf")
        self._failed = False
        self._fetching = asyncio.Lock()

    async def find(self, kid: str, algorithm: str) -> Any:
        """The key, or None when the issuer has no such key.

        :raises Unavailable: that is not known, because the issuer does not answer.
        """
        if self._age() >= self._settings.jwt_keys_stale_seconds:
            self._keys = {}
        if self._age() >= self._settings.jwt_keys_seconds and not (self._keys and self._fetching.locked()):
            await self._fetch()
        if (key := self._keys.get((kid, algorithm))) is None:
            await self._fetch()
            key = self._keys.get((kid, algorithm))
        if key is None and self._failed:
            detail = "The keys of the issuer of tokens cannot be had at the moment."
            raise Unavailable("issuer_unavailable", detail, retry_after=int(PAUSE_SECONDS))
        return key

    async def close(self) -> None:
        """Close the connections to the issuer."""
        if self._session is not None:
            await self._session.close()

    def _age(self) -> float:
        """Of the keys in seconds; a clock that was put back makes them old, not young."""
        age = self._clock() - self._fetched
        return age if age >= 0 else float("inf")

    async def _fetch(self) -> None:
        """Fetch the keys, unless that was tried a moment ago; one fetch at a time."""
        async with self._fetching:
            if 0 <= self._clock() - self._tried < PAUSE_SECONDS:
                return
            self._tried = self._clock()
            try:
                self._keys = usable_keys(await self._document(await self._url()), self._algorithms)
            except (aiohttp.ClientError, TimeoutError, OSError, ValueError, RecursionError) as error:
                self._failed = True
                said = str(error) or type(error).__name__
                log.warning("cannot fetch the keys of %s: %s", self._settings.jwt_issuer, said)
            else:
                self._fetched, self._failed = self._clock(), False

    async def _url(self) -> str:
        """Where the keys are: as was set, or as the issuer says (OpenID Connect Discovery 1.0, section 4)."""
        if self._settings.jwt_jwks_url:
            return self._settings.jwt_jwks_url
        issuer = self._settings.jwt_issuer
        found = await self._document(f"{issuer.rstrip('/')}/.well-known/openid-configuration")
        if not isinstance(found, dict) or found.get("issuer") != issuer:
            raise ValueError("its configuration is of another issuer")
        return secure_url(str(found.get("jwks_uri")))

    async def _document(self, url: str) -> Any:
        """A JSON document; no redirect is followed."""
        if self._session is None:
            self._session = aiohttp.ClientSession(
                timeout=aiohttp.ClientTimeout(total=FETCH_SECONDS),
                cookie_jar=aiohttp.DummyCookieJar(),
                auto_decompress=False,
                # Seldom used, so a kept connection would be a dead one; and none is left in a frozen Lambda container.
                connector=aiohttp.TCPConnector(force_close=True),
            )
        async with self._session.get(url, headers=HEADERS, allow_redirects=False) as answer:
            if answer.status != 200:
                raise ValueError(f"{url} answers {answer.status}")
            body = bytearray()
            async for piece in answer.content.iter_any():
                body += piece
                if len(body) > MOST_BYTES:
                    raise ValueError(f"{url} has more than {MOST_BYTES} bytes")
        return json.loads(body)
