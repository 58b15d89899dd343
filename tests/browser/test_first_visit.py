"""The first visit: a page that can know that nobody is signed in asks people, not the service."""

from dataclasses import replace
from pathlib import Path

import pytest
from playwright.async_api import Browser, expect

from service.settings import Settings
from tests.browser.fronts import behind_prefix
from tests.browser.gallery import Gallery
from tests.browser.watch import REFUSED, watched
from tests.driver import Client, client_of
from tests.modes import OWNER, service_in


async def test_nothing_is_refused(browser: Browser, client: Client) -> None:
    """Neither at first, nor after signing out: the console stays empty."""
    async with watched(browser, client.url) as watch:
        watch.forgiven.remove(REFUSED)
        gallery = Gallery(await watch.page(), client.url, watch)
        for _ in range(2):
            await gallery.open()
            await expect(gallery.sign_in_form.get_by_label("Your name")).to_be_visible()
            await gallery.sign_in(client.user)
            await expect(gallery.page.get_by_text("Nothing here yet")).to_be_visible()
            await gallery.page.get_by_role("button", name="Sign out").click()
            await expect(gallery.sign_in_form).to_be_visible()


async def test_no_key_is_refused(browser: Browser, settings: Settings, tmp_path: Path) -> None:
    async with service_in("api-key", settings, tmp_path) as service, watched(browser, service.url) as watch:
        watch.forgiven.remove(REFUSED)
        gallery = Gallery(await watch.page(), service.url, watch)
        await gallery.open()
        await expect(gallery.sign_in_form.get_by_label("API key or token")).to_be_visible()
        ((_, text),) = service.mode.user(OWNER)
        await gallery.sign_in(str(text.removeprefix("Bearer ")))
        await expect(gallery.page.get_by_text("Nothing here yet")).to_be_visible()


async def test_a_gateway_may_say_who_it_is(browser: Browser, client: Client) -> None:
    """For all that the page knows: so it asks the service first."""
    async with behind_prefix(client.url, "/photos") as url, watched(browser, url) as watch:
        await watch.context.set_extra_http_headers({"X-User-Id": client.user})
        gallery = Gallery(await watch.page(), url, watch)
        await gallery.page.goto(url)
        await expect(gallery.page.get_by_text("Nothing here yet")).to_be_visible()
        await expect(gallery.sign_in_form).to_be_hidden()


@pytest.mark.parametrize("header", ["X-Forwarded-For", "Via", "Cookie", "X-User-Id", "Authorization"])
async def test_signs_of_a_gateway(client: Client, header: str) -> None:
    async with client.session.get(client.url, headers={header: "x"}) as answer:
        assert '<meta name="sign-in" content="">' in await answer.text()
        known = answer.headers["ETag"]
    # A cache between many clients has to ask with each one's headers.
    async with client.session.get(client.url, headers={"If-None-Match": known}) as answer:
        assert answer.status == 200
        assert header in answer.headers["Vary"].split(", ")


async def test_a_gateway_that_leaves_no_sign(settings: Settings) -> None:
    """But that the service was told of."""
    async with client_of(replace(settings, trust_user_header=True), "x") as own, own.session.get(own.url) as answer:
        assert '<meta name="sign-in" content="">' in await answer.text()
