"""Who waits for an image's final status, and one task that looks for all of them: many images with one call."""

import asyncio
import logging
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from contextvars import Context
from dataclasses import dataclass, field

from aiohttp import web

from service.errors import ServiceError
from service.images import Record
from service.storage.catalog import Catalog, Deleted

log = logging.getLogger(__name__)

TICK_SECONDS = 0.1
"""There are no more rounds of looks than one in this time, however many wait."""
LONGEST_PAUSE = 2.0
LONGER = 1.25
"""By how much each pause is longer than the one before it."""
SLACK = 0.5
"""Whoever's pause is over but for so much of it is looked at together with the others: half of the looks, in turn."""
BATCH = 100
"""Most images of one look."""

Image = tuple[str, str]
"""A user's id and an image's."""
News = asyncio.Future[Record | Deleted | None]
"""What has become of an image; None when the service ends and nobody looks any more."""


@dataclass(eq=False, slots=True)
class _Wait:
    """For one image: when it is to be looked at next, and who waits for that."""

    due: float
    pause: float = TICK_SECONDS
    waiters: set[News] = field(default_factory=set)


class Watch:
    """Looks at images that are queued, in ever longer pauses, for as long as anybody waits for one of them.

    What AWS's absence keeps from being seen is seen later.
    """

    def __init__(self, catalog: Catalog, closing: asyncio.Event) -> None:
        self._catalog = catalog
        self._closing = closing
        self._waits: dict[Image, _Wait] = {}
        self._of: Counter[str] = Counter()
        self._task: asyncio.Task[None] | None = None

    def __len__(self) -> int:
        """How many wait."""
        return self._of.total()

    def of(self, user_id: str) -> int:
        """How many of this user wait."""
        return self._of[user_id]

    @contextmanager
    def on(self, image: Image) -> Iterator[News]:
        """The news of an image that has no record yet, as soon as there are any."""
        loop = asyncio.get_running_loop()
        news: News = loop.create_future()
        wait = self._waits.setdefault(image, _Wait(loop.time() + TICK_SECONDS))
        wait.waiters.add(news)
        self._of[image[0]] += 1
        if self._closing.is_set():
            self._end()
        elif self._task is None:
            # In a context of its own: what is logged there is about all of them, not about the one that came first.
            self._task = asyncio.create_task(self._until_closing(), context=Context())
        try:
            yield news
        finally:
            self._of[image[0]] -= 1
            if not self._of[image[0]]:
                del self._of[image[0]]
            wait.waiters.discard(news)
            if not wait.waiters and self._waits.get(image) is wait:
                del self._waits[image]

    async def _until_closing(self) -> None:
        closing = asyncio.create_task(self._closing.wait())
        looking = asyncio.create_task(self._keep_looking())
        try:
            await asyncio.wait({closing, looking}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            if not looking.done():
                self._end()
            closing.cancel()
            looking.cancel()

    def _end(self) -> None:
        self._task = None
        for wait in self._waits.values():
            _tell(wait, None)
        self._waits.clear()

    async def _keep_looking(self) -> None:
        while self._waits:
            await asyncio.sleep(TICK_SECONDS)
            await self._look()
        # Whoever comes next starts another.
        self._task = None

    async def _look(self) -> None:
        now = asyncio.get_running_loop().time()
        if not any(wait.due <= now for wait in self._waits.values()):
            return
        due = [image for image, wait in self._waits.items() if wait.due - SLACK * wait.pause <= now]
        await asyncio.gather(*(self._look_at(due[at : at + BATCH]) for at in range(0, len(due), BATCH)))

    async def _look_at(self, images: Sequence[Image]) -> None:
        try:
            found, longer = await self._catalog.several(images), LONGER
        except Exception as error:
            if not isinstance(error, ServiceError):
                log.exception("a look at images failed in a way that nobody foresaw")
            found, longer = {}, LONGEST_PAUSE / TICK_SECONDS
        now = asyncio.get_running_loop().time()
        for image in images:
            if (wait := self._waits.get(image)) is None:
                continue
            if image in found:
                del self._waits[image]
                _tell(wait, found[image])
            else:
                wait.pause = min(wait.pause * longer, LONGEST_PAUSE)
                wait.due = now + wait.pause


def _tell(wait: _Wait, what: Record | Deleted | None) -> None:
    for news in wait.waiters:
        if not news.done():
            news.set_result(what)


WATCH = web.AppKey("watch", Watch)
