"""A service on each of the event loops, which tell the ends of connections in their own ways."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import aiohttp
import uvloop

from service.http.server import serving
from service.settings import Settings
from tests.driver import Client

LOOPS = ("asyncio", "uvloop")


@asynccontextmanager
async def served(loop: str, settings: Settings) -> AsyncIterator[str]:
    """A service on the tests' own loop, or on one such as `cloud-images serve` has, in a thread of its own."""
    if loop == "asyncio":
        async with serving(settings) as url:
            yield url
        return
    here = asyncio.get_running_loop()
    started: asyncio.Future[str] = here.create_future()
    there, stop = uvloop.new_event_loop(), asyncio.Event()

    async def serve() -> None:
        async with serving(settings) as url:
            here.call_soon_threadsafe(started.set_result, url)
            await stop.wait()

    def run() -> None:
        with asyncio.Runner(loop_factory=lambda: there) as runner:
            runner.run(serve())

    thread = asyncio.create_task(asyncio.to_thread(run))
    await asyncio.wait((thread, started), return_when=asyncio.FIRST_COMPLETED)
    try:
        yield started.result()
    finally:
        there.call_soon_threadsafe(stop.set)
        await thread


@asynccontextmanager
async def client_at(loop: str, settings: Settings) -> AsyncIterator[Client]:
    """A user of a service of its own."""
    async with served(loop, settings) as url, aiohttp.ClientSession() as session:
        yield Client(session, url, "alice")
