"""What the tests of the page share: a browser a session, a worker a module, and a visitor of their own each."""

from collections.abc import AsyncIterator

import pytest
from playwright.async_api import Browser, expect

from service.settings import Settings
from service.storage import Storage
from tests.backstage import working
from tests.browser.chromium import launched
from tests.browser.gallery import Gallery
from tests.browser.watch import LONGEST_MS, Watch, watched
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
