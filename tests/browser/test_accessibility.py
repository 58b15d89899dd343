"""The page for people who do not see it: axe-core finds nothing, everything has a name, news are announced."""

import re
from collections.abc import AsyncIterator
from typing import Any

import pytest
from playwright.async_api import Browser, Route, expect

from service.images import Status
from service.storage import Storage
from tests.api.records import record, settle
from tests.backstage import until
from tests.browser.axe import violations
from tests.browser.gallery import Gallery, file, ids_of
from tests.browser.watch import LOST, watched
from tests.driver import Client
from tests.pictures import PHOTOS

pytestmark = pytest.mark.usefixtures("worker")

PHONE = {"viewport": {"width": 360, "height": 640}, "has_touch": True, "is_mobile": True}
KINDS: dict[str, dict[str, Any]] = {"light": {}, "dark": {"color_scheme": "dark"}, "phone": PHONE}


async def _never(route: Route) -> None:
    """Leave the request without an answer."""


@pytest.mark.parametrize("kind", KINDS)
async def test_axe_finds_nothing(browser: Browser, client: Client, storage: Storage, kind: str) -> None:
    """In any state of the page, in each kind of window."""
    async with watched(browser, client.url, **KINDS[kind]) as watch:
        watch.forgiven.append(LOST)
        gallery = Gallery(await watch.page(), client.url, watch)
        found: dict[str, list[str]] = {}
        async for state in _states(gallery, client, storage):
            found[state] = await violations(gallery.page)
        assert len(found) == 11
        assert not any(found.values()), found


async def _states(gallery: Gallery, client: Client, storage: Storage) -> AsyncIterator[str]:
    page, keys = gallery.page, gallery.page.keyboard
    await gallery.open()
    await gallery.sign_in_form.get_by_label("Your name").fill("not a name")
    await keys.press("Enter")
    await expect(gallery.sign_in_form.get_by_role("alert")).to_contain_text("letters")
    yield "signed out, with a wrong name"
    await gallery.sign_in(client.user)
    await expect(page.get_by_text("Nothing here yet")).to_be_visible()
    yield "empty"
    await gallery.slow(1000)  # none comes to its end
    photos = [PHOTOS / name for name in ("rocket.jpg", "chelsea.png", "coffee.png", "hubble_deep_field.jpg")]
    bad = file("notes.png", b"text" * 99, "image/png"), file("notes.txt", b"text", "text/plain")
    await gallery.pick(*photos, *bad)
    await expect(gallery.upload("rocket.jpg").get_by_role("progressbar")).to_be_visible()
    await expect(gallery.upload("notes.txt")).to_contain_text("no picture")
    yield "uploading, some refused"
    await gallery.slow(-1)
    await gallery.shown(len(photos))
    yield "ready"
    await gallery.image("rocket.jpg").click()
    await gallery.edit("Rocket", "space, night")
    await expect(gallery.detail.get_by_role("button", name="Show images with the tag space")).to_be_visible()
    yield "one image"
    await keys.press("Escape")
    await gallery.image("Rocket").focus()
    await keys.press("Delete")
    await expect(page.get_by_role("button", name="Undo")).to_be_visible()
    yield "deleted, with a way back"
    await page.get_by_role("button", name="Dismiss").click()

    async def gone() -> bool:
        return len(await ids_of(client)) == len(photos) - 1

    await until(gone)
    await settle(storage, *(record(client.user, status=one) for one in (Status.REJECTED, Status.FAILED)))
    await page.reload()
    await expect(gallery.images).to_have_count(len(photos) + 1)
    yield "rejected and failed"
    await gallery.images.first.get_by_role("button").click()
    await expect(gallery.detail).to_be_visible()
    yield "one that failed"
    await keys.press("Escape")
    await page.get_by_role("searchbox", name="Tag").fill("nowhere")
    await expect(page.get_by_text("No images with the tag")).to_be_visible()
    yield "nothing found"
    await gallery.watch.context.set_offline(True)
    await page.get_by_role("radio", name="Rejected").check(force=True)
    await expect(page.get_by_role("button", name="Try again")).to_be_visible()
    yield "offline"
    await gallery.watch.context.set_offline(False)
    await page.route("**/v1/images?*", _never)
    await page.reload()
    await expect(page.get_by_role("radio", name="Rejected")).to_be_checked()
    yield "loading"


@pytest.mark.parametrize("kind", KINDS)
async def test_axe_finds_nothing_in_the_description(browser: Browser, client: Client, kind: str) -> None:
    """`/docs`, the API's description for people, which needs no script and asks for nothing else."""
    async with watched(browser, client.url, **KINDS[kind]) as watch:
        page = await watch.page()
        await page.goto(f"{client.url}/docs")
        await expect(page.get_by_role("heading").first).to_be_visible()
        assert await violations(page) == []
        assert await page.evaluate("document.documentElement.scrollWidth - innerWidth") <= 0


async def test_everything_has_a_name(gallery: Gallery) -> None:
    """And a role: this is what a screen reader makes of the page."""
    await gallery.pick(PHOTOS / "rocket.jpg", file("notes.txt", b"text", "text/plain"))
    await gallery.shown(1)
    await expect(gallery.upload("rocket.jpg")).to_contain_text("Ready")
    seen = await gallery.page.locator("body").aria_snapshot()
    for part in (
        '- link "Skip to the images"',
        "- banner:",
        '- heading "Images" [level=1]',
        "- main:",
        '- region "Drop pictures here, or paste them"',
        '- button "Choose pictures"',
        '- region "Uploads"',
        '- button "Show rocket.jpg"',
        'button "Remove from the list: rocket.jpg"',
        '- listitem "notes.txt"',
        '- region "Your images"',
        '- search "Filter images"',
        '- group "Status"',
        '- radio "All" [checked]',
        '- searchbox "Tag"',
        '- list "Your images"',
        '- button "rocket.jpg"',
    ):
        assert part in seen, (part, seen)
    assert not re.search(r"- (button|link|textbox|searchbox|radio|img)(:| \[|$)", seen, re.MULTILINE), seen
    await gallery.image("rocket.jpg").click()
    await expect(gallery.detail.get_by_role("img", name="rocket.jpg")).to_be_visible()
    shown = await gallery.page.locator("body").aria_snapshot()
    for part in (
        '- dialog "rocket.jpg"',
        '- textbox "Title"',
        '- textbox "Tags"',
        '- button "Close"',
        '- button "Download"',
        '- button "Delete"',
        '- img "rocket.jpg"',
    ):
        assert part in shown, (part, shown)
    # What is behind cannot be reached, says chromium's own tree.
    session = await gallery.protocol()
    nodes = (await session.send("Accessibility.getFullAXTree"))["nodes"]
    names = {one["name"]["value"] for one in nodes if not one["ignored"] and "name" in one}
    assert {"Title", "Download"} <= names
    assert "Choose pictures" not in names


async def test_news_are_announced(gallery: Gallery) -> None:
    """Politely, in a region that was there before them."""
    live = gallery.page.locator("[role=status]#live")
    await expect(live).to_contain_text("0 images")
    await gallery.pick(PHOTOS / "rocket.jpg", file("notes.txt", b"text", "text/plain"))
    await expect(live).to_contain_text("1 of 2 uploaded, 1 needs attention")
    await gallery.shown(1)
    await gallery.image("rocket.jpg").focus()
    await gallery.page.keyboard.press("Delete")
    await expect(live).to_contain_text("Deleted rocket.jpg")
    await expect(live).to_contain_text("Undo")
