"""Somebody in a hurry, and somebody who does not see the page: clicks too many, ways back, what is said aloud."""

import asyncio
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from playwright.async_api import Browser, Route, expect

from tests import bad_pictures as bad
from tests.backstage import until
from tests.browser.gallery import Gallery, file, ids_of
from tests.browser.watch import watched
from tests.driver import Client
from tests.pictures import PHOTOS, TINY, exactly

pytestmark = pytest.mark.usefixtures("worker")

MANY = 60
NAMES = ("rocket.jpg", "chelsea.png", "coffee.png", "hubble_deep_field.jpg")
LISTEN = """() => {
    window.said = [];
    const live = document.getElementById('live');
    new MutationObserver(() => said.push([performance.now(), live.textContent])).observe(live, { childList: true });
}"""
BLOCKED = """for (const store of ['localStorage', 'sessionStorage'])
    Object.defineProperty(window, store, { get() { throw new DOMException('denied', 'SecurityError'); } });"""


async def test_a_double_click_is_for_one_view(gallery: Gallery) -> None:
    """The second click hits nothing of what has come into the first one's place: neither Delete, nor another image."""
    await gallery.pick(*(PHOTOS / name for name in NAMES))
    await gallery.shown(4)
    await gallery.images.first.get_by_role("button").click()
    delete = gallery.detail.get_by_role("button", name="Delete")
    box = await delete.bounding_box()
    assert box
    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    await gallery.page.mouse.click(x, y, click_count=3)
    await expect(gallery.images).to_have_count(3)
    await expect(gallery.detail).to_be_hidden()
    await gallery.images.first.get_by_role("button").click()
    await expect(gallery.detail).to_be_visible()
    await gallery.page.mouse.move(x, y)
    await gallery.page.mouse.down(click_count=2)
    await gallery.page.mouse.up(click_count=2)
    await expect(gallery.detail).to_be_visible()
    await expect(gallery.images).to_have_count(3)
    await gallery.page.keyboard.press("Escape")
    await gallery.images.first.get_by_role("button").click()
    await gallery.detail.get_by_role("button", name="Next image").dblclick()
    await expect(gallery.detail.get_by_role("button", name="Next image")).to_be_hidden()


async def test_the_way_back_from_unsaved_words(gallery: Gallery) -> None:
    """Who stays has the image's address again."""
    await gallery.pick(PHOTOS / "rocket.jpg")
    await gallery.shown(1)
    await gallery.image("rocket.jpg").click()
    address = gallery.page.url
    title = gallery.detail.get_by_label("Title", exact=True)
    await title.fill("Half a")
    await gallery.page.go_back()
    await gallery.page.wait_for_url(address)
    await expect(title).to_have_value("Half a")
    assert gallery.watch.asked == ["Leave without saving title and tags?"]


async def test_a_list_that_comes_late(gallery: Gallery) -> None:
    """It does not close what was opened meanwhile."""
    await gallery.pick(PHOTOS / "rocket.jpg")
    await gallery.shown(1)
    come = asyncio.Event()

    async def hold(route: Route) -> None:
        await come.wait()
        await route.continue_()

    await gallery.page.route("**/v1/images?*", hold)
    await gallery.page.get_by_role("radio", name="Ready").check(force=True)
    await gallery.upload("rocket.jpg").get_by_role("button", name="Show").click()
    await expect(gallery.detail).to_be_visible()
    come.set()
    await gallery.shown(1)
    await expect(gallery.detail).to_be_visible()


async def _said(gallery: Gallery) -> list[tuple[float, str]]:
    said: list[tuple[float, str]] = await gallery.page.evaluate("said")
    return said


async def test_what_is_said(gallery: Gallery) -> None:
    """What is ready, and why something is not, by its name."""
    await gallery.page.evaluate(LISTEN)
    await gallery.pick(file("notes.txt", b"x", "text/plain"))
    live = gallery.page.locator("#live")
    await expect(live).to_have_text(
        "notes.txt: This is no picture that can be shown here. 0 of 1 uploaded, 1 needs attention"
    )
    await gallery.pick(PHOTOS / "rocket.jpg")
    await expect(live).to_have_text("1 of 2 uploaded, 1 needs attention, 1 ready")
    assert len([text for _, text in await _said(gallery) if "notes.txt" in text]) == 1
    await gallery.pick(file("half.jpg", bad.TRUNCATED["jpeg_half"].data))
    await expect(live).to_have_text("half.jpg: The picture is damaged. 1 of 3 uploaded, 2 need attention, 1 ready")


async def test_many_at_once(gallery: Gallery, client: Client, tmp_path: Path) -> None:
    """All from folders in folders; of what is no picture one is told; not every step is said aloud."""
    for n in range(MANY):
        path = tmp_path / "holiday" / "/".join(["day"] * (n % 3)) / f"{n}.jpg"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(TINY["image/jpeg"].data)
    for name in ("one.heic", "two.pdf", "three.zip"):
        (tmp_path / "holiday" / name).write_bytes(b"x")
    (tmp_path / "holiday" / "empty.png").write_bytes(b"")
    (tmp_path / "holiday" / "large.png").write_bytes(exactly(6 * 1024 * 1024).data)
    await gallery.page.evaluate(LISTEN)
    await gallery.drop(tmp_path / "holiday")
    await expect(gallery.notices.get_by_text("Left out, as they are no pictures: 3 files.")).to_be_visible()
    for name, words in {"empty.png": "empty", "large.png": "more than 5 MB"}.items():
        await expect(gallery.upload(name)).to_contain_text(words)
    await expect(gallery.page.locator("#live")).to_have_text(
        f"{MANY} of {MANY + 2} uploaded, 2 need attention, {MANY} ready", timeout=90_000
    )
    times = [time for time, _ in await _said(gallery)]
    assert min(later - earlier for earlier, later in pairwise(times)) >= 1400
    assert len(await ids_of(client)) == MANY


async def test_words_from_right_to_left(gallery: Gallery) -> None:
    """Begin at the right, wherever they stand."""
    await gallery.pick(PHOTOS / "rocket.jpg")
    await gallery.shown(1)
    await gallery.image("rocket.jpg").click()
    await gallery.edit("\u05e9\u05dc\u05d5\u05dd", "\u05d9\u05de\u05d9\u05df")
    await expect(gallery.detail.get_by_text("Saved")).to_be_visible()
    places = (
        gallery.detail.get_by_label("Title", exact=True),
        gallery.detail.get_by_label("Tags", exact=True),
        gallery.detail.get_by_role("heading"),
        gallery.images.locator(".caption"),
    )
    for place in places:
        await expect(place).to_have_css("direction", "rtl")


async def test_an_older_browser(browser: Browser, client: Client) -> None:
    """Phones that get no later one are for pictures, too."""
    async with watched(browser, client.url) as watch:
        await watch.context.add_init_script("delete AbortSignal.any")
        gallery = Gallery(await watch.page(), client.url, watch)
        await gallery.open()
        await gallery.sign_in(client.user)
        await gallery.pick(PHOTOS / "rocket.jpg")
        await gallery.shown(1)
        await expect(gallery.upload("rocket.jpg")).to_contain_text("Ready")


async def test_a_browser_that_keeps_nothing(browser: Browser, client: Client) -> None:
    """Where cookies and storage are blocked, everything works until the page is left."""
    async with watched(browser, client.url) as watch:
        await watch.context.add_init_script(BLOCKED)
        gallery = Gallery(await watch.page(), client.url, watch)
        await gallery.open()
        await gallery.sign_in(client.user, remember=True)
        await gallery.pick(PHOTOS / "rocket.jpg")
        await gallery.shown(1)
        await gallery.image("rocket.jpg").focus()
        await gallery.page.keyboard.press("Delete")
        await gallery.page.reload()
        await expect(gallery.sign_in_form).to_be_visible()

        async def gone() -> bool:
            return await ids_of(client) == []

        await until(gone)


async def test_signing_out_in_mid_upload(gallery: Gallery, client: Client) -> None:
    """One is asked; what was on its way comes neither to this user nor to the next."""
    await gallery.slow(100 * 1024)
    await gallery.pick(file("large.png", exactly(2 * 1024 * 1024).data, "image/png"))
    await expect(gallery.upload("large.png")).to_contain_text("Uploading")
    await gallery.page.get_by_role("button", name="Sign out").click()
    await expect(gallery.sign_in_form).to_be_visible()
    assert gallery.watch.asked == [""]
    await gallery.slow(-1)
    other = client.as_user(f"{client.user}-next")
    await gallery.sign_in(other.user)
    await expect(gallery.page.get_by_text("Nothing here yet")).to_be_visible()
    await expect(gallery.uploads).to_have_count(0)
    assert await ids_of(client) == await ids_of(other) == []


async def test_deleted_in_another_tab(gallery: Gallery, client: Client) -> None:
    """Who has it open is told by whatever they try; what they typed stays."""
    await gallery.pick(PHOTOS / "rocket.jpg")
    await gallery.shown(1)
    await gallery.image("rocket.jpg").click()
    known: dict[str, Any] = (await client.get("/v1/images")).json["images"][0]
    assert (await client.ask("DELETE", f"/v1/images/{known['image_id']}")).status == 204
    await gallery.edit("Launch", "")
    await expect(gallery.detail.get_by_role("status")).to_contain_text("This image is gone")
    await expect(gallery.detail.get_by_label("Title", exact=True)).to_have_value("Launch")
    await gallery.detail.get_by_role("button", name="Download").click()
    await expect(gallery.detail.get_by_text("The download failed. This image is gone")).to_be_visible()
