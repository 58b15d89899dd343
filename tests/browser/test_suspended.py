"""A computer that has slept: its connections are dead, and no browser says so. No worker runs before one is wanted."""

from playwright.async_api import expect

from service.settings import Settings
from service.storage import Storage
from tests.backstage import until, working
from tests.browser.fronts import Line
from tests.browser.gallery import Gallery
from tests.pictures import PHOTOS
from worker.decoder import Decoders

SILENCE_MS = 50_000


async def test_a_stream_hangs(
    caller: Gallery, line: Line, settings: Settings, storage: Storage, decoders: Decoders
) -> None:
    """Heartbeats that stay away end it; what it would have told is asked for, by a stream again."""
    streams = list[str]()
    upload = caller.upload("rocket.jpg")
    async with caller.page.expect_request("**/events"):
        await caller.pick(PHOTOS / "rocket.jpg")
    await expect(upload).to_contain_text("Queued")
    caller.page.on("request", lambda request: streams.append(request.url) if "/events" in request.url else None)
    line.hang()

    async def told_in_vain() -> bool:
        return line.stuck > 0

    async with working(settings, storage, decoders):
        await until(told_in_vain)
    line.resume()
    await expect(upload).to_contain_text("Queued")
    await caller.page.clock.fast_forward(SILENCE_MS)
    await caller.page.clock.fast_forward(SILENCE_MS)
    await expect(upload).to_contain_text("Ready")
    assert streams
