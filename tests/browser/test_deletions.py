"""What is deleted stays away, however one leaves; what was undone is not deleted; the total is of what one sees."""

from typing import Any

import pytest
from playwright.async_api import Route, expect

from tests import pictures
from tests.backstage import final, until
from tests.browser.gallery import Gallery, file
from tests.browser.watch import LOST
from tests.driver import Client

ONE_IMAGE = "**/v1/images/*"
NOTHING_GETS_OUT = """() => {
    window.real = window.fetch;
    const held = new Promise((_, reject) => window.lose = () => reject(new TypeError('lost')));
    window.fetch = (url, options) => options?.method === 'DELETE' ? held : real(url, options);
}"""
"""This page deletes nothing any more, the next one in its tab does."""
LEFT_AND_BACK = """() => {
    dispatchEvent(new PageTransitionEvent('pagehide', { persisted: true }));
    window.fetch = real;
    dispatchEvent(new PageTransitionEvent('pageshow', { persisted: true }));
    lose();
}"""
"""As browsers do that keep a page that was left: this one, driven by playwright, never does."""


@pytest.fixture
async def rocket(gallery: Gallery, client: Client, worker: None) -> dict[str, Any]:
    """One image of two, which the page shows."""
    made: list[dict[str, Any]] = []
    for title in ("Rocket", "Other"):
        headers = {"Content-Type": "image/jpeg"}
        answer = await client.ask(
            "POST", "/v1/images", params={"title": title}, data=pictures.jpeg().data, headers=headers
        )
        made.append(await final(client, answer.json["image_id"]))
    await gallery.page.reload()
    await gallery.shown(2)
    return made[0]


async def _delete(gallery: Gallery) -> None:
    await gallery.image("Rocket").focus()
    await gallery.page.keyboard.press("Delete")
    await expect(gallery.images).to_have_count(1)


async def _gone(client: Client, known: dict[str, Any]) -> None:
    async def gone() -> bool:
        return (await client.get(f"/v1/images/{known['image_id']}")).status == 404

    await until(gone)


async def test_a_reload(gallery: Gallery, client: Client, rocket: dict[str, Any]) -> None:
    """Though the page that was left could not tell the service: the next one does."""
    await gallery.page.evaluate(NOTHING_GETS_OUT)
    await _delete(gallery)
    seen = list[str]()
    await gallery.page.expose_function("seen", lambda text: seen.append(text))
    await gallery.page.add_init_script("""addEventListener('DOMContentLoaded', () => new MutationObserver(() => {
        for (const one of document.querySelectorAll('#grid .caption')) seen(one.textContent);
    }).observe(document.getElementById('grid'), { childList: true }))""")
    await gallery.page.reload()
    await gallery.shown(1)
    await _gone(client, rocket)
    assert set(seen) == {"Other"}
    await expect(gallery.page.get_by_text("1 image,")).to_be_visible()
    assert await gallery.page.evaluate("sessionStorage.getItem('cloud-images-deleted')") is None


async def test_a_reload_in_mid_deletion(gallery: Gallery, client: Client, rocket: dict[str, Any]) -> None:
    """Also what was sent before that, when nobody could undo it any more, gets there."""
    await gallery.page.evaluate(NOTHING_GETS_OUT)
    await _delete(gallery)
    await gallery.page.get_by_role("button", name="Dismiss").click()
    await gallery.page.reload()
    await gallery.shown(1)
    await _gone(client, rocket)


async def test_a_page_that_was_kept(gallery: Gallery, client: Client, rocket: dict[str, Any]) -> None:
    """It deletes what it could not when it was left, and offers no way back from that."""
    await gallery.page.evaluate(NOTHING_GETS_OUT)
    await _delete(gallery)
    await gallery.page.evaluate(LEFT_AND_BACK)
    await _gone(client, rocket)
    await expect(gallery.page.get_by_role("button", name="Undo")).to_have_count(0)
    await expect(gallery.images).to_have_count(1)
    await expect(gallery.page.get_by_text("not deleted")).to_have_count(0)


async def test_a_reload_without_the_service(gallery: Gallery, client: Client, rocket: dict[str, Any]) -> None:
    """What cannot be deleted comes back, and it is said."""
    gallery.watch.forgiven.append(LOST)
    await gallery.page.evaluate(NOTHING_GETS_OUT)
    await _delete(gallery)

    async def lose(route: Route) -> None:
        await (route.abort() if route.request.method == "DELETE" else route.continue_())

    await gallery.page.route(ONE_IMAGE, lose)
    await gallery.page.reload()
    await expect(gallery.page.get_by_text("Rocket is not deleted. No connection")).to_be_visible()
    await gallery.shown(2)
    await gallery.page.unroute_all()
    await gallery.page.get_by_role("button", name="Try again").click()
    await gallery.page.get_by_role("button", name="Dismiss").click()
    await _gone(client, rocket)


async def test_a_closed_tab(gallery: Gallery, client: Client, rocket: dict[str, Any]) -> None:
    await _delete(gallery)
    await gallery.page.close()
    await _gone(client, rocket)


async def test_away_and_back(gallery: Gallery, client: Client, rocket: dict[str, Any]) -> None:
    """From another page."""
    await gallery.page.evaluate(NOTHING_GETS_OUT)
    await _delete(gallery)
    await gallery.page.goto("about:blank")
    await gallery.page.go_back()
    await gallery.shown(1)
    await _gone(client, rocket)
    await expect(gallery.image("Other")).to_be_visible()


async def test_signing_out(gallery: Gallery, client: Client, rocket: dict[str, Any]) -> None:
    """Nothing is left for who comes next."""
    await _delete(gallery)
    await gallery.page.get_by_role("button", name="Sign out").click()
    await expect(gallery.sign_in_form).to_be_visible()
    await _gone(client, rocket)
    assert await gallery.page.evaluate("({...sessionStorage})") == {}


async def test_two_tabs(gallery: Gallery, client: Client, rocket: dict[str, Any]) -> None:
    """What one has deleted, but may undo, the other does not delete; what is deleted, it can delete once more."""
    other = Gallery(await gallery.watch.page(), gallery.url, gallery.watch)
    await other.open()
    await other.sign_in(client.user)
    await other.shown(2)
    await _delete(gallery)
    await other.page.reload()
    await other.shown(2)
    await gallery.page.get_by_role("button", name="Undo").click()
    await gallery.shown(2)
    await gallery.page.reload()
    await gallery.shown(2)
    assert (await client.get(f"/v1/images/{rocket['image_id']}")).status == 200
    for tab in (gallery, other):
        await _delete(tab)
        await tab.page.get_by_role("button", name="Dismiss").click()
    await _gone(client, rocket)
    for tab in (gallery, other):
        await tab.page.reload()
        await tab.shown(1)


async def test_the_total(gallery: Gallery, rocket: dict[str, Any]) -> None:
    """At once, and back again with the image; once it is deleted for good, it counts no longer and not twice."""
    total = gallery.page.locator("#usage")
    await expect(total).to_have_text("2 images, 220 KB")
    await _delete(gallery)
    await expect(total).to_have_text("1 image, 110 KB", timeout=2000)
    await gallery.page.get_by_role("button", name="Undo").click()
    await expect(total).to_have_text("2 images, 220 KB", timeout=2000)
    await _delete(gallery)
    async with gallery.page.expect_response("**/v1/usage"):
        await gallery.page.get_by_role("button", name="Dismiss").click()
        await expect(total).to_have_text("1 image, 110 KB")
    await gallery.pick(file("Third.jpg", pictures.jpeg().data))
    await expect(total).to_have_text("2 images, 220 KB")
