"""Who is asking, in each AUTH_MODE, behind a path prefix, in several processes, and before a Lambda function."""

from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest
from playwright.async_api import Browser, expect

from service.http.auth.key_lines import KnownKey, digest_of, line_of, new_key
from service.settings import Settings
from tests.api.supervised import supervised
from tests.browser.fronts import as_gateway, behind_prefix
from tests.browser.gallery import Gallery, file
from tests.browser.watch import Watch, watched
from tests.driver import Client
from tests.functions import SERVICE, function
from tests.modes import OTHER, OWNER, Service, service_in
from tests.pictures import PHOTOS, exactly

pytestmark = pytest.mark.usefixtures("worker")
LARGE = 4_600_000


async def _visit(watch: Watch, url: str) -> Gallery:
    gallery = Gallery(await watch.page(), url, watch)
    await gallery.open()
    return gallery


@pytest.fixture(scope="module", params=["api-key", "jwt"])
async def service(
    request: pytest.FixtureRequest, settings: Settings, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Service]:
    """The service in a mode with secrets."""
    async with service_in(request.param, settings, tmp_path_factory.mktemp("mode")) as made:
        yield made


def _secret(service: Service, name: str) -> str:
    ((_, text),) = service.mode.user(name)
    return str(text.removeprefix("Bearer "))


async def test_a_secret_is_asked_for(service: Service, browser: Browser) -> None:
    """It is not shown, a wrong one is refused in words, and the right one shows that user's images only."""
    async with watched(browser, service.url) as watch:
        gallery = await _visit(watch, service.url)
        field = gallery.page.get_by_label("API key or token")
        await expect(field).to_have_attribute("type", "password")
        await field.fill("cloudimg_wrong")
        await field.press("Enter")
        await expect(gallery.sign_in_form.get_by_role("alert")).to_contain_text("not valid")
        await gallery.sign_in(_secret(service, OWNER))
        await gallery.pick(PHOTOS / "rocket.jpg")
        await gallery.shown(1)
        await gallery.page.get_by_role("button", name="Sign out").click()
        await gallery.sign_in(_secret(service, OTHER))
        await expect(gallery.page.get_by_text("Nothing here yet")).to_be_visible()


@pytest.mark.parametrize("remember", [False, True])
async def test_signing_in_lasts(visitor: Gallery, client: Client, remember: bool) -> None:
    """Over a reload; for other windows, only when it is wished."""
    await visitor.sign_in(client.user, remember=remember)
    await visitor.page.reload()
    await expect(visitor.page.get_by_text(client.user)).to_be_visible()
    await expect(visitor.sign_in_form).to_be_hidden()
    other = await _visit(visitor.watch, visitor.url)
    if remember:
        await expect(other.page.get_by_text(client.user)).to_be_visible()
    else:
        await expect(other.sign_in_form).to_be_visible()


async def test_signing_out_forgets(visitor: Gallery, client: Client) -> None:
    """Nothing of the user is left in the page, nor in what the browser keeps."""
    await visitor.sign_in(client.user, remember=True)
    await visitor.pick(PHOTOS / "rocket.jpg")
    await visitor.shown(1)
    await visitor.page.get_by_role("button", name="Sign out").click()
    await expect(visitor.sign_in_form).to_be_visible()
    await expect(visitor.images).to_have_count(0)
    await expect(visitor.uploads).to_have_count(0)
    state = await visitor.watch.context.storage_state()
    assert state == {"cookies": [], "origins": []}
    assert client.user not in await visitor.page.content()
    assert await visitor.page.evaluate("Object.values({...sessionStorage, ...localStorage})") == []
    assert await visitor.page.evaluate("caches.keys()") == []


@pytest.mark.parametrize("name", ["Ann Smith", "…", "a" * 129, "@ann"])
async def test_a_name_that_is_none(visitor: Gallery, name: str) -> None:
    """What cannot be a user's id is told before it is sent."""
    await visitor.sign_in_form.get_by_label("Your name").fill(name)
    await visitor.sign_in_form.get_by_role("button", name="Sign in").click()
    await expect(visitor.sign_in_form.get_by_role("alert")).to_contain_text("letters, digits")
    await expect(visitor.sign_in_form).to_be_visible()


@pytest.mark.parametrize("slash", ["", "/"])
async def test_behind_a_path_prefix(browser: Browser, client: Client, slash: str) -> None:
    """Of a proxy that says so in `X-Forwarded-Prefix`."""
    async with behind_prefix(client.url, "/my/photos") as url, watched(browser, url) as watch:
        gallery = Gallery(await watch.page(), url, watch)
        await gallery.page.goto(url + slash)
        await gallery.sign_in(client.user)
        await gallery.pick(PHOTOS / "rocket.jpg")
        await gallery.shown(1)
        await gallery.page.reload()
        await gallery.shown(1)


async def test_several_processes(browser: Browser, settings: Settings, client: Client, tmp_path: Path) -> None:
    """Requests of one page are answered by any of them."""
    async with supervised(settings, tmp_path, 2) as command, watched(browser, command.url) as watch:
        gallery = await _visit(watch, command.url)
        await gallery.sign_in(client.user)
        await gallery.pick(*(PHOTOS / name for name in ("rocket.jpg", "chelsea.png", "coffee.png")))
        await gallery.shown(3)


async def test_as_a_lambda_function(browser: Browser, settings: Settings, tmp_path: Path) -> None:
    """What is too large for a function goes straight to S3, and comes straight from there."""
    key = new_key()
    line = line_of(KnownKey("somebody", digest_of(key)))
    made = replace(settings, auth_mode="api-key", api_keys=line, direct_upload_from=LARGE)
    async with (
        function(SERVICE, made) as container,
        as_gateway(container) as url,
        watched(browser, url, str(settings.endpoint_s3)) as watch,
    ):
        gallery = await _visit(watch, url)
        await gallery.sign_in(key)
        large = exactly(LARGE)
        await gallery.pick(PHOTOS / "rocket.jpg", file("large.png", large.data, large.content_type))
        await gallery.shown(2)
        await expect(gallery.upload("large.png")).to_contain_text("Ready")
