"""Asks a service that may be down at any moment, as a good client does: again and again, until there is an answer."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from io import BytesIO
from typing import Any

import aiohttp

from tests.chaos.ledger import Ledger, Upload
from tests.driver import Answer, Client
from tests.forms import FORM, file_part, form, word_part

NO_ANSWER = (aiohttp.ClientConnectionError, aiohttp.ClientPayloadError, ConnectionError, TimeoutError)
PATIENCE_SECONDS = 300
"""A service that is started again and again answers within that, also on a busy machine."""
LONGEST_SECONDS = 60
PAUSE_SECONDS = 0.1
IMAGES = "/v1/images"

Ask = Callable[[], Awaitable[Answer]]


class Asking:
    """One user's way to the service; what he tries and hears stands in the ledger."""

    def __init__(self, client: Client, ledger: Ledger) -> None:
        self.client = client
        self._ledger = ledger

    async def until_answered(self, ask: Ask, upload: Upload | None = None) -> Answer:
        """The answer, however often it takes to get one."""
        async with asyncio.timeout(PATIENCE_SECONDS):
            # Nobody tells a client when to try again.
            while (answer := await self.once(ask, upload)) is None:  # noqa: ASYNC110
                await asyncio.sleep(PAUSE_SECONDS)
            return answer

    async def once(self, ask: Ask, upload: Upload | None = None) -> Answer | None:
        """The answer, or None when there is none, or one that says "later"."""
        if upload:
            self._ledger.tried(upload)
        try:
            answer = await ask()
        except NO_ANSWER as error:
            self._ledger.answers[type(error).__name__] += 1
            return None
        self._ledger.answers[str(answer.status)] += 1
        return None if answer.status == 503 else answer

    def asks(self, method: str, path: str, **more: Any) -> Ask:
        """This request."""
        timeout = aiohttp.ClientTimeout(LONGEST_SECONDS)
        return lambda: self.client.ask(method, path, timeout=timeout, **more)

    def uploads(self, upload: Upload, headers: Mapping[str, str], *, as_form: bool) -> Ask:
        """An upload as a form or as a raw body: under one key, both are the same request."""
        specimen = upload.specimen
        body = specimen.data
        if as_form:
            body = form(word_part("title", upload.title), file_part(body, specimen.content_type))
        typed = {"Content-Type": FORM if as_form else specimen.content_type, **headers}
        query = {} if as_form else {"title": upload.title}
        # Anew for each request, as it is read to its end.
        return lambda: self.asks("POST", IMAGES, data=BytesIO(body), headers=typed, params=query)()
