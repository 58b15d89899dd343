"""What one does by the way, and what a bad line does to it: nothing that one has undone, typed or sent is lost."""

import asyncio
from typing import Any

import pytest
from playwright.async_api import Request, Route, expect

from tests import pictures
from tests.backstage import final
from tests.browser.gallery import Gallery, ids_of
from tests.driver import Client
from tests.pictures import PHOTOS

PHOTO = PHOTOS / "rocket.jpg"
JPEG = {"Content-Type": "image/jpeg"}
HOTEL = "<html><p>Welcome to our wireless network. Please accept the terms.</p></html>"
PASTE = """one => {
    const data = new DataTransfer();
    data.items.add(new File(['x'], 'image.png', { type: 'image/png' }));
    data.setData('text/plain', 'a word');
    return one.dispatchEvent(new ClipboardEvent('paste', { clipboardData: data, bubbles: true, cancelable: true }));
}"""
LONG_MS = 60_000
ONE_IMAGE = "**/v1/images/*"


@pytest.fixture
async def rocket(gallery: Gallery, client: Client, worker: None) -> dict[str, Any]:
    """One image, which the page shows."""
    sent = {"title": "Rocket", "tags": "space,night"}
    answer = await client.ask("POST", "/v1/images", params=sent, data=pictures.jpeg().data, headers=JPEG)
    made: dict[str, Any] = await final(client, answer.json["image_id"])
    await gallery.page.reload()
    await gallery.shown(1)
    return made


@pytest.mark.parametrize("by", ["mouse", "keys"])
async def test_what_is_undone_stays_undone(gallery: Gallery, rocket: dict[str, Any], by: str) -> None:
    """Also after the time in which it could have been undone; the notice goes from under pointer and focus."""
    page, deletions = gallery.page, list[Request]()
    page.on("request", lambda request: deletions.append(request) if request.method == "DELETE" else None)
    # The page's time stands still, until it goes on by far.
    await page.clock.install(time=0)
    await page.clock.pause_at(LONG_MS / 1000)
    await gallery.image("Rocket").focus()
    await page.keyboard.press("Delete")
    await expect(gallery.images).to_have_count(0)
    undo = page.get_by_role("button", name="Undo")
    if by == "mouse":
        await undo.hover()
        await undo.click()
    else:
        await undo.focus()
        await page.keyboard.press("Enter")
    await expect(gallery.images).to_have_count(1)
    # Pointer events of what has gone come a frame later.
    await page.mouse.move(5, 5)
    await page.evaluate("() => document.body.offsetTop")
    await page.clock.fast_forward(LONG_MS)
    # An answer that the page gets tells that what it has asked for before is known here, too.
    await page.evaluate("() => fetch('healthz')")
    assert deletions == []


async def test_typing_while_it_is_saved(gallery: Gallery, client: Client, rocket: dict[str, Any]) -> None:
    """What is saved is what was there; what was typed since stays."""
    arrived, go_on = asyncio.Event(), asyncio.Event()

    async def slow(route: Route) -> None:
        if route.request.method == "PATCH":
            arrived.set()
            await go_on.wait()
        await route.continue_()

    await gallery.page.route(ONE_IMAGE, slow)
    await gallery.image("Rocket").click()
    title = gallery.detail.get_by_label("Title", exact=True)
    await gallery.edit("Launch", "")
    await arrived.wait()
    await title.fill("Launch of a rocket")
    go_on.set()
    await expect(gallery.detail.get_by_text("Saved")).to_be_visible()
    await expect(gallery.detail.get_by_role("heading", name="Launch", exact=True)).to_be_visible()
    await expect(title).to_have_value("Launch of a rocket")
    await gallery.detail.get_by_role("button", name="Save").click()
    await expect(gallery.detail.get_by_role("heading", name="Launch of a rocket")).to_be_visible()
    assert (await client.get(f"/v1/images/{rocket['image_id']}")).json["title"] == "Launch of a rocket"


async def test_escape_again_and_again(gallery: Gallery, rocket: dict[str, Any]) -> None:
    """Each time one is asked; nothing that was typed goes unasked, neither with the page."""
    await gallery.image("Rocket").click()
    title = gallery.detail.get_by_label("Title", exact=True)
    await title.fill("Half a")
    for n in range(1, 4):
        await gallery.page.keyboard.press("Escape")
        await gallery.watch.asked_times(n)
    await expect(title).to_have_value("Half a")
    gallery.watch.asked.clear()
    await gallery.page.reload()
    assert gallery.watch.asked == [""]  # by the browser, in words of its own


async def test_somebody_between_answers(gallery: Gallery, client: Client, worker: None) -> None:
    """With a page of their own, as networks of hotels do: that is no connection, and everything goes on after it."""

    async def hotel(route: Route) -> None:
        await route.fulfill(status=200, content_type="text/html", body=HOTEL)

    await gallery.page.route("**/v1/**", hotel)
    await gallery.page.reload()
    await expect(gallery.page.get_by_role("alert").filter(has_text="No connection")).to_be_visible()
    await gallery.pick(PHOTO)
    await expect(gallery.upload("rocket.jpg")).to_contain_text("No connection")
    await gallery.page.unroute_all()
    await gallery.page.get_by_role("button", name="Try again").click()
    await expect(gallery.upload("rocket.jpg")).to_contain_text("Ready")
    await gallery.shown(1)
    assert len(await ids_of(client)) == 1


async def test_a_deleted_one_leaves_the_uploads(gallery: Gallery, client: Client, worker: None) -> None:
    await gallery.pick(PHOTO)
    await gallery.shown(1)
    await gallery.image("rocket.jpg").focus()
    await gallery.page.keyboard.press("Delete")
    await gallery.page.get_by_role("button", name="Dismiss").click()
    await expect(gallery.uploads).to_have_count(0)
    assert await ids_of(client) == []


async def test_words_are_pasted_where_one_writes(gallery: Gallery, client: Client) -> None:
    """Though a word processor put a picture of them into the clipboard, too."""
    tag = gallery.page.get_by_role("searchbox", name="Tag")
    assert await tag.evaluate(PASTE), "the browser was kept from pasting"
    await expect(gallery.uploads).to_have_count(0)
    assert not await gallery.page.locator("body").evaluate(PASTE)
    await expect(gallery.uploads).to_have_count(1)
