"""A computer that has slept: its connections are dead, and no browser says so. No worker runs before one is wanted."""

from typing import Any

from playwright.async_api import expect

from service.settings import Settings
from service.storage import Storage
from tests.backstage import final, until, working
from tests.browser.fronts import Line
from tests.browser.gallery import Gallery, ids_of
from tests.driver import Client
from tests.pictures import PHOTOS
from worker.decoder import Decoders

SILENCE_MS = 50_000


async def test_a_stream_hangs(
    caller: Gallery, client: Client, line: Line, settings: Settings, storage: Storage, decoders: Decoders
) -> None:
    """Heartbeats that stay away end it; what it would have told is asked for, by a stream again."""
    streams, begun, come = list[str](), set[str](), set[str]()

    def answered(event: dict[str, Any]) -> None:
        if event["response"]["url"].endswith("/events"):
            begun.add(event["requestId"])

    async def has_spoken() -> bool:
        return bool(begun & come)

    async def told_in_vain() -> bool:
        return line.stuck > 0

    session = await caller.protocol()
    session.on("Network.responseReceived", answered)
    session.on("Network.dataReceived", lambda event: come.add(event["requestId"]))
    await session.send("Network.enable")
    upload = caller.upload("rocket.jpg")
    await caller.pick(PHOTOS / "rocket.jpg")
    await until(has_spoken)
    await expect(upload).to_contain_text("Queued")
    caller.page.on("request", lambda request: streams.append(request.url) if "/events" in request.url else None)
    line.hang()
    async with working(settings, storage, decoders):
        await final(client, *await ids_of(client))
        await until(told_in_vain)
    line.resume()
    await expect(upload).to_contain_text("Queued")
    await caller.page.clock.fast_forward(SILENCE_MS)
    await caller.page.clock.fast_forward(SILENCE_MS)
    await expect(upload).to_contain_text("Ready")
    assert streams
