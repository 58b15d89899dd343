"""Calls of the API: each tried again as long as that may help, and what their answers say on the way."""

import asyncio
from collections.abc import Mapping
from typing import Any

from service.remote.answers import Image, Page, image_of, page_of
from service.remote.replies import Answer
from service.remote.requests import read
from service.remote.retries import Retries
from service.remote.transport import Transport

SURELY_SMALL = 512 * 1024
"""No gateway that is worth its name refuses a body of so few bytes."""


class Calls:
    """The API of one service, as one user."""

    def __init__(self, transport: Transport, retries: Retries) -> None:
        self.transport = transport
        self.retries = retries
        self._direct_from: int | None = None
        self._learned = False
        self._learning = asyncio.Lock()

    async def ask(self, method: str, path: str, **more: Any) -> Answer:
        """The answer; `more` as `Transport.ask` has it."""
        return await self.retries.run(lambda: self.transport.ask(method, path, **more))

    async def image(self, method: str, path: str, **more: Any) -> Image:
        """The image that the answer is."""
        return self.image_of((await self.ask(method, path, **more)).json())

    def image_of(self, body: Mapping[str, Any]) -> Image:
        """The image that the body of an answer is."""
        self._learn(body)
        return read(image_of, body)

    async def page(self, query: Mapping[str, str]) -> Page:
        """A page of images."""
        body = (await self.ask("GET", "/v1/images", query=query)).json()
        self._learn(body)
        return read(page_of, body)

    async def reaches(self, size: int, *, ask_anew: bool = False) -> bool:
        """Whether a body of so many bytes gets to the service; each of its answers about images says so.

        :param ask_anew: what was said earlier does not count: a gateway may have changed what it passes on.
        """
        if ask_anew:
            self._learned = False
        if size < SURELY_SMALL:
            return True
        async with self._learning:
            if not self._learned:
                await self.page({"limit": "1"})
        return self._direct_from is None or size < self._direct_from

    def _learn(self, body: Mapping[str, Any]) -> None:
        most = body.get("direct_upload_from")
        self._direct_from, self._learned = most if isinstance(most, int) else None, True
