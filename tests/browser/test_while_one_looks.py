"""An image that becomes ready while it is open; no worker runs before the test wants one."""

from playwright.async_api import expect

from service.settings import Settings
from service.storage import Storage
from tests.backstage import working
from tests.browser.gallery import Gallery
from tests.pictures import PHOTOS
from worker.decoder import Decoders


async def test_the_focus_stays_inside(
    gallery: Gallery, settings: Settings, storage: Storage, decoders: Decoders
) -> None:
    """What had it is gone, but it is not at the beginning of the page."""
    await gallery.pick(PHOTOS / "rocket.jpg")
    await gallery.images.first.get_by_role("button").click()
    await gallery.detail.get_by_role("button", name="Close").focus()
    async with working(settings, storage, decoders):
        await expect(gallery.detail.get_by_label("Title", exact=True)).to_be_visible()
    await expect(gallery.detail.get_by_role("heading", name="rocket.jpg")).to_be_focused()
