"""The page on a phone, enlarged, in the dark, and for people whom movement makes ill."""

from collections.abc import AsyncIterator

import pytest
from playwright.async_api import Browser, Locator, expect

from tests.browser.gallery import Gallery, file
from tests.browser.watch import watched
from tests.driver import Client
from tests.pictures import PHOTOS

pytestmark = pytest.mark.usefixtures("worker")

OVERFLOW = """() => [...document.querySelectorAll('body *, dialog')].filter(one => {
    const { left, right, width, height } = one.getBoundingClientRect();
    const seen = width > 1 && height > 1 && one.checkVisibility({ opacityProperty: true, visibilityProperty: true });
    return seen && !one.closest('.hidden, .skip') && (right > innerWidth + 1 || left < -1);
}).map(one => one.outerHTML.slice(0, 100))"""
BACKGROUND = "getComputedStyle(document.body).backgroundColor.match(/[\\d.]+/g).slice(0, 3).map(Number)"
MOVING = """() => document.getAnimations().filter(one => one.playState === 'running')
    .map(one => one.effect.getComputedTiming().duration).filter(duration => duration > 1)"""
SIZES = """all => all.map(one => {
    const { width, height } = one.getBoundingClientRect();
    return [one.outerHTML.slice(0, 100), width, height];
})"""
KINDS = {
    "phone": {
        "viewport": {"width": 320, "height": 568},
        "has_touch": True,
        "is_mobile": True,
        "device_scale_factor": 2,
    },
    # What a window of 1280 pixels has left.
    "200 %": {"viewport": {"width": 640, "height": 400}, "device_scale_factor": 2},
    "400 %": {"viewport": {"width": 320, "height": 256}, "device_scale_factor": 4},
}


@pytest.fixture(params=KINDS)
async def narrow(request: pytest.FixtureRequest, browser: Browser, client: Client) -> AsyncIterator[Gallery]:
    """A window with little room."""
    async with watched(browser, client.url, **KINDS[request.param]) as watch:
        gallery = Gallery(await watch.page(), client.url, watch)
        await gallery.open()
        yield gallery


async def _fits(gallery: Gallery) -> None:
    assert await gallery.page.evaluate("document.documentElement.scrollWidth - innerWidth") <= 0
    assert await gallery.page.evaluate(OVERFLOW) == []


async def _can_be_hit(buttons: Locator) -> None:
    """WCAG 2.5.8: 24 × 24 pixels at least, all of them at this moment."""
    sizes = await buttons.evaluate_all(SIZES)
    assert sizes
    assert all(min(width, height) >= 24 for _, width, height in sizes), sizes


async def test_with_little_room(narrow: Gallery, client: Client) -> None:
    """Nothing has to be scrolled to the side, in any state, and everything can be hit."""
    await expect(narrow.sign_in_form).to_be_visible()
    await _fits(narrow)
    await narrow.sign_in(client.user)
    await expect(narrow.page.get_by_text("Nothing here yet")).to_be_visible()
    await _fits(narrow)
    await narrow.pick(
        PHOTOS / "rocket.jpg", PHOTOS / "chelsea.png", file(f"{'long-name' * 12}.png", b"text" * 99, "image/png")
    )
    await narrow.shown(2)
    for name in ("rocket.jpg", "chelsea.png"):
        await expect(narrow.upload(name)).to_contain_text("Ready")
    await _fits(narrow)
    await _can_be_hit(narrow.page.get_by_role("button"))
    await narrow.image("rocket.jpg").click()
    await expect(narrow.detail.get_by_role("heading")).to_be_visible()
    await _fits(narrow)
    await _can_be_hit(narrow.detail.get_by_role("button"))
    await narrow.detail.get_by_role("button", name="Delete").click()
    await expect(narrow.page.get_by_role("button", name="Undo")).to_be_in_viewport()
    await _fits(narrow)


async def test_large_letters(gallery: Gallery) -> None:
    """Twice as large as usual, by the browser's own setting: nothing is cut off."""
    await gallery.pick(PHOTOS / "rocket.jpg")
    await gallery.shown(1)
    await gallery.page.evaluate("document.documentElement.style.fontSize = '200%'; 1")
    await _fits(gallery)
    await gallery.image("rocket.jpg").click()
    await _fits(gallery)


@pytest.mark.parametrize(("scheme", "dark"), [("dark", True), ("light", False)])
async def test_dark_and_light(browser: Browser, client: Client, scheme: str, dark: bool) -> None:
    """As the system wants it."""
    async with watched(browser, client.url, color_scheme=scheme) as watch:
        gallery = Gallery(await watch.page(), client.url, watch)
        await gallery.open()
        await gallery.sign_in(client.user)
        brightness = sum(await gallery.page.evaluate(BACKGROUND)) / 3
        assert (brightness < 60) if dark else (brightness > 220)


async def test_less_movement(browser: Browser, client: Client) -> None:
    """Nothing moves for those who have asked for that."""
    async with watched(browser, client.url, reduced_motion="reduce") as watch:
        gallery = Gallery(await watch.page(), client.url, watch)
        await gallery.page.route("**/v1/images?*", lambda route: None)  # the list never comes: it looks like loading
        await gallery.open()
        await gallery.sign_in(client.user)
        assert await gallery.page.evaluate(MOVING) == []
        await gallery.page.unroute_all()
        await gallery.page.reload()
        await gallery.pick(PHOTOS / "rocket.jpg")
        await expect(gallery.images).to_have_count(1)
        assert await gallery.page.evaluate(MOVING) == []
        await gallery.image("rocket.jpg").click()
        assert await gallery.page.evaluate(MOVING) == []
