"""What the tests of the page share: a browser a session, a worker a module, and a visitor of their own each."""

from collections.abc import AsyncIterator

import pytest
from playwright.async_api import Browser, expect

from service.settings import Settings
from service.storage import Storage
from tests.backstage import working
from tests.browser.chromium import launched
from tests.browser.fronts import Line, line_to
from tests.browser.gallery import Gallery
from tests.browser.watch import LONGEST_MS, LOST, Watch, watched
from tests.driver import Client
from worker.decoder import Decoders

expect.set_options(timeout=LONGEST_MS)


@pytest.fixture(scope="session")
async def browser() -> AsyncIterator[Browser]:
    """Debian's chromium."""
    async with launched() as opened:
        yield opened


@pytest.fixture(scope="module")
async def worker(settings: Settings, storage: Storage, decoders: Decoders) -> AsyncIterator[None]:
    """A worker that runs beside the module's tests."""
    async with working(settings, storage, decoders):
        yield


@pytest.fixture
async def watch(browser: Browser, client: Client) -> AsyncIterator[Watch]:
    """A browser context of its own, with the module's service."""
    async with watched(browser, client.url) as made:
        yield made


@pytest.fixture
async def visitor(watch: Watch, client: Client) -> Gallery:
    """Somebody who opens the page for the first time."""
    gallery = Gallery(await watch.page(), client.url, watch)
    await gallery.open()
    return gallery


@pytest.fixture
async def gallery(visitor: Gallery, client: Client) -> Gallery:
    """The page, signed in as `client`'s user; whether a worker runs is the test's choice."""
    await visitor.sign_in(client.user)
    return visitor


@pytest.fixture
async def line(client: Client) -> AsyncIterator[Line]:
    """A connection to the service that can hang."""
    async with line_to(client.url) as made:
        yield made


@pytest.fixture
async def caller(browser: Browser, client: Client, line: Line) -> AsyncIterator[Gallery]:
    """The page at the end of that line, signed in; its time is the test's."""
    async with watched(browser, line.url) as watch:
        watch.forgiven.append(LOST)
        gallery = Gallery(await watch.page(), line.url, watch)
        await gallery.page.clock.install(time=0)
        await gallery.open()
        await gallery.sign_in(client.user)
        await expect(gallery.page.get_by_text("Nothing here yet")).to_be_visible()
        yield gallery
