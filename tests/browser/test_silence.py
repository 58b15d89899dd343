"""A connection that hangs, which no browser tells of: the page has a limit of its own, says so, and offers Retry."""

import asyncio
import re

from playwright.async_api import Route, expect

from tests.backstage import until
from tests.browser.fronts import Line
from tests.browser.gallery import Gallery, file, ids_of
from tests.driver import Client
from tests.pictures import PHOTOS, exactly

PHOTO = PHOTOS / "rocket.jpg"
LARGE = 4 * 1024 * 1024
STILL_MS = 16_000
SILENCE_MS = 50_000
HALF = """() => {
    const real = window.fetch;
    window.half = false;
    window.fetch = async (url, options) => {
        const answer = await real(url, options);
        if (window.half || !String(url).includes('/v1/images?')) return answer;
        window.half = true;
        return new Response(new ReadableStream({ start: one => one.enqueue(new TextEncoder().encode('{')) }), answer);
    };
}"""
"""The next list begins to come, and does not end."""
LATE_SECONDS = 3600
"""By the page's clock, which begins at 0: later than it waits for anything."""


async def _hangs_in_mid_upload(caller: Gallery, line: Line) -> None:
    await caller.slow(1024 * 1024)
    await caller.pick(file("large.png", exactly(LARGE).data, "image/png"))
    await expect(caller.upload("large.png")).to_contain_text(re.compile(r"[1-9]\d? %"))
    line.hang()
    await caller.slow(-1)


async def test_bytes_go_out_no_more(caller: Gallery, client: Client, line: Line, worker: None) -> None:
    """It is said, also to who does not look; Retry begins anew at once, and it is one image."""
    await _hangs_in_mid_upload(caller, line)
    upload = caller.upload("large.png")
    await caller.page.clock.fast_forward(STILL_MS)
    # What this machine takes out of the browser's hands may be all of it.
    await expect(upload).to_contain_text(re.compile("The connection stands still|the service has not answered yet"))
    await caller.page.clock.fast_forward(1000)
    await expect(caller.page.locator("#live")).to_contain_text("large.png: The connection stands still")
    line.resume()
    await upload.get_by_role("button", name="Retry").dblclick()
    await expect(upload).to_contain_text("Ready")
    assert len(await ids_of(client)) == 1


async def test_it_goes_on_by_itself(caller: Gallery, client: Client, line: Line, worker: None) -> None:
    """When nobody presses Retry."""
    await _hangs_in_mid_upload(caller, line)
    upload = caller.upload("large.png")
    await caller.page.clock.pause_at(LATE_SECONDS)
    await caller.page.clock.run_for(100)
    await expect(upload).to_contain_text("The connection stands still. Trying again")
    line.resume()
    await caller.page.clock.resume()
    await expect(upload).to_contain_text("Ready")
    assert len(await ids_of(client)) == 1


async def test_the_answer_never_comes(gallery: Gallery, client: Client, worker: None) -> None:
    """What has arrived, but not been answered, is the same image when it is sent again."""
    held, first = asyncio.Event(), asyncio.Event()

    async def hold(route: Route) -> None:
        if first.is_set():
            await route.continue_()
            return
        first.set()
        await route.fetch()
        await held.wait()
        await route.abort()

    await gallery.page.clock.install()
    await gallery.page.route("**/v1/images?filename=*", hold)
    await gallery.pick(PHOTO)
    upload = gallery.upload("rocket.jpg")

    async def accepted() -> bool:
        return bool(await ids_of(client))

    await until(accepted)
    await gallery.page.clock.fast_forward(STILL_MS)
    await upload.get_by_role("button", name="Retry").click()
    await expect(upload).to_contain_text("Ready")
    held.set()
    assert len(await ids_of(client)) == 1


async def test_the_list_hangs(caller: Gallery, line: Line) -> None:
    """It does not load for ever: it says so, and can be tried again."""
    line.hang()
    tag = caller.page.get_by_role("searchbox", name="Tag")
    await tag.fill("sea")
    await tag.press("Enter")
    await expect(caller.page.locator("#grid")).to_have_attribute("aria-busy", "true")
    await caller.page.clock.fast_forward(SILENCE_MS)
    await expect(caller.page.get_by_role("alert").filter(has_text="The connection stands still")).to_be_visible()
    line.resume()
    await caller.page.get_by_role("button", name="Try again").click()
    await expect(caller.page.get_by_text("No images with the tag “sea”")).to_be_visible()


async def test_the_list_hangs_in_its_middle(caller: Gallery) -> None:
    """The same, when the headers have come, or more."""
    await caller.page.evaluate(HALF)
    await caller.page.get_by_role("radio", name="Ready").check(force=True)  # one request, and no other beside it
    await caller.page.wait_for_function("() => half")
    await caller.page.clock.fast_forward(SILENCE_MS)
    await expect(caller.page.get_by_role("alert").filter(has_text="The connection stands still")).to_be_visible()
    await caller.page.get_by_role("button", name="Try again").click()
    await expect(caller.page.get_by_text("No images that are ready")).to_be_visible()


async def test_pictures_hang(caller: Gallery, worker: None) -> None:
    """They are asked for again, and those behind them are not kept waiting."""
    names = ("rocket.jpg", "chelsea.png", "coffee.png", "hubble_deep_field.jpg")
    await caller.pick(*(PHOTOS / name for name in names))
    await caller.shown(4)
    hung = asyncio.Event()
    held = list[Route]()

    async def hold(route: Route) -> None:
        if hung.is_set():
            await route.continue_()
        else:
            held.append(route)

    await caller.page.route("**/content?variant=thumb", hold)
    await caller.page.reload()
    await expect(caller.images).to_have_count(4)

    async def all_held() -> bool:
        return len(held) == 4

    await until(all_held)
    hung.set()
    await caller.page.clock.fast_forward(SILENCE_MS)
    await caller.page.clock.fast_forward(5000)
    await caller.shown(4)
