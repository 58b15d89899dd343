"""What goes wrong on the way: no connection, service, worker or room, and tokens that expire. No upload gets lost."""

import asyncio
import re
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from playwright.async_api import Browser, expect

from service.http.server import serving
from service.settings import Settings
from tests.browser.fronts import line_to
from tests.browser.gallery import Gallery, file, ids_of
from tests.browser.watch import LOST, watched
from tests.driver import Client, client_of
from tests.local_aws import free_port
from tests.modes import OWNER, service_in
from tests.pictures import PHOTOS, exactly

pytestmark = pytest.mark.usefixtures("worker")

PHOTO = PHOTOS / "rocket.jpg"


@asynccontextmanager
async def _visiting(browser: Browser, url: str, text: str) -> AsyncIterator[Gallery]:
    async with watched(browser, url) as watch:
        gallery = Gallery(await watch.page(), url, watch)
        await gallery.open()
        await gallery.sign_in(text)
        yield gallery


async def test_offline_in_mid_upload(browser: Browser, client: Client) -> None:
    """It says so, goes on by itself when the connection is back, and becomes one image."""
    async with line_to(client.url) as line, _visiting(browser, line.url, client.user) as gallery:
        gallery.watch.forgiven.append(LOST)
        await gallery.slow(64 * 1024)  # a minute's work
        await gallery.pick(file("large.png", exactly(4 * 1024 * 1024).data, "image/png"))
        upload = gallery.upload("large.png")
        await expect(upload).to_contain_text(re.compile(r"[1-9]\d? %"))
        await gallery.watch.context.set_offline(True)
        line.cut()
        await expect(upload).to_contain_text("No connection")
        assert await ids_of(client) == []
        line.broken = False
        await gallery.slow(-1)
        await gallery.watch.context.set_offline(False)
        await expect(upload).to_contain_text("Ready")
        await gallery.shown(1)
        assert len(await ids_of(client)) == 1


async def test_picked_while_offline(gallery: Gallery, client: Client) -> None:
    gallery.watch.forgiven.append(LOST)
    await gallery.watch.context.set_offline(True)
    await gallery.pick(PHOTO, PHOTOS / "chelsea.png")
    await expect(gallery.upload("rocket.jpg")).to_contain_text("No connection")
    await gallery.watch.context.set_offline(False)
    await gallery.shown(2)
    assert len(await ids_of(client)) == 2


async def test_an_answer_is_lost(gallery: Gallery, client: Client) -> None:
    """The upload has arrived, but the page does not know; sent again, it is the same image."""
    gallery.watch.forgiven.append(LOST)
    session, lost = await gallery.protocol(), asyncio.Event()

    async def lose(event: dict[str, Any]) -> None:
        if lost.is_set():
            await session.send("Fetch.continueRequest", {"requestId": event["requestId"]})
            return
        assert event["responseStatusCode"] == 202
        lost.set()
        reason = {"requestId": event["requestId"], "errorReason": "ConnectionReset"}
        await session.send("Fetch.failRequest", reason)

    session.on("Fetch.requestPaused", lose)
    uploads = {"urlPattern": "*/v1/images?filename=*", "requestStage": "Response"}
    await session.send("Fetch.enable", {"patterns": [uploads]})
    await gallery.pick(PHOTO)
    await expect(gallery.upload("rocket.jpg")).to_contain_text("Ready")
    await gallery.shown(1)
    assert lost.is_set()
    assert len(await ids_of(client)) == 1


async def test_the_service_is_away(browser: Browser, settings: Settings, client: Client) -> None:
    """While it is, the page says so; when it is back, uploads go on by themselves."""
    fixed = replace(settings, port=free_port())
    async with watched(browser, f"http://127.0.0.1:{fixed.port}") as watch:
        watch.forgiven.append(LOST)
        async with serving(fixed) as url:
            gallery = Gallery(await watch.page(), url, watch)
            await gallery.open()
            await gallery.sign_in(client.user)
            await gallery.pick(PHOTO)
            await gallery.shown(1)
        await gallery.pick(PHOTOS / "chelsea.png")
        await expect(gallery.upload("chelsea.png")).to_contain_text("No connection")
        await gallery.image("rocket.jpg").click()
        await expect(gallery.detail.get_by_role("heading", name="rocket.jpg")).to_be_visible()
        await gallery.edit("Rocket", "")
        await expect(gallery.detail.get_by_role("status")).to_contain_text("No connection")
        async with serving(fixed):
            await gallery.detail.get_by_role("button", name="Save").click()
            await expect(gallery.detail.get_by_text("Saved")).to_be_visible()
            await gallery.page.keyboard.press("Escape")
            await expect(gallery.upload("chelsea.png")).to_contain_text("Ready")
            await gallery.shown(2)


async def test_the_list_does_not_come(gallery: Gallery) -> None:
    """It says why, with a button to try again."""
    gallery.watch.forgiven.append(LOST)
    await gallery.page.route("**/v1/images?*", lambda route: route.abort())
    await gallery.page.reload()
    await expect(gallery.page.get_by_role("alert").filter(has_text="No connection")).to_be_visible()
    await gallery.page.unroute_all()
    await gallery.page.get_by_role("button", name="Try again").click()
    await expect(gallery.page.get_by_text("Nothing here yet")).to_be_visible()


async def test_no_room_left(browser: Browser, settings: Settings, client: Client) -> None:
    """The quota is shown, and what is beyond it refused; once there is room it can be sent again."""
    async with (
        client_of(replace(settings, quota_images=1), client.user) as own,
        _visiting(browser, own.url, client.user) as gallery,
    ):
        await gallery.pick(PHOTO)
        await gallery.shown(1)
        await expect(gallery.page.get_by_text("1 of 1 image")).to_be_visible()
        await gallery.pick(PHOTOS / "chelsea.png")
        await expect(gallery.upload("chelsea.png")).to_contain_text("no room left")
        await gallery.image("rocket.jpg").focus()
        await gallery.page.keyboard.press("Delete")
        await gallery.page.get_by_role("button", name="Dismiss").click()
        await expect(gallery.page.get_by_text("0 of 1 image")).to_be_visible()
        await gallery.upload("chelsea.png").get_by_role("button", name="Retry").click()
        await expect(gallery.upload("chelsea.png")).to_contain_text("Ready")


async def test_a_token_expires(browser: Browser, settings: Settings, tmp_path: Path) -> None:
    """The page asks again, says why, and loses no upload."""
    # To a service whose clock may be behind the token is good; nobody has to wait for its end, nor to be in time.
    async with (
        service_in("jwt", replace(settings, jwt_leeway_seconds=300), tmp_path) as service,
        serving(replace(service.settings, jwt_leeway_seconds=0)) as strict,
        line_to(service.url) as line,
    ):
        short = service.mode.issuer.token(sub=OWNER, exp=int(time.time()) - 1)
        async with _visiting(browser, line.url, short) as gallery:
            gallery.watch.forgiven.append(LOST)
            await expect(gallery.page.get_by_text("Nothing here yet")).to_be_visible()
            line.lead_to(strict)
            names = ("rocket.jpg", "chelsea.png", "coffee.png", "hubble_deep_field.jpg")
            await gallery.pick(*(PHOTOS / name for name in names))
            await expect(gallery.sign_in_form).to_contain_text("expired")
            await expect(gallery.page.locator("#upload-list > li")).to_have_count(4)
            await gallery.sign_in(service.mode.issuer.token(sub=OWNER))
            await gallery.shown(4)
