"""While no worker runs, images wait."""

from playwright.async_api import expect

from service.settings import Settings
from service.storage import Storage
from tests.backstage import until, working
from tests.browser.gallery import Gallery, ids_of
from tests.driver import Client
from tests.pictures import PHOTOS
from worker.decoder import Decoders

PHOTO = PHOTOS / "rocket.jpg"


async def test_no_worker(
    gallery: Gallery, settings: Settings, storage: Storage, decoders: Decoders, client: Client
) -> None:
    """Images wait, and say so, also after a reload; they become ready once there is one."""
    await gallery.pick(PHOTO)
    await expect(gallery.upload("rocket.jpg")).to_contain_text("Queued")
    await expect(gallery.images).to_have_count(1)
    await expect(gallery.images).to_contain_text("Being processed")
    await gallery.page.reload()
    await expect(gallery.images).to_contain_text("Being processed")
    async with working(settings, storage, decoders):
        await gallery.shown(1)
    assert len(await ids_of(client)) == 1


async def test_a_queued_one_is_deleted(
    gallery: Gallery, settings: Settings, storage: Storage, decoders: Decoders, client: Client
) -> None:
    """It never comes back."""
    await gallery.pick(PHOTO)
    await expect(gallery.images).to_have_count(1)
    await gallery.images.first.get_by_role("button").click()
    await gallery.detail.get_by_role("button", name="Delete").click()
    await gallery.page.get_by_role("button", name="Dismiss").click()

    async def gone() -> bool:
        return not await ids_of(client)

    await until(gone)
    async with working(settings, storage, decoders):
        await gallery.page.reload()
        await expect(gallery.page.get_by_text("Nothing here yet")).to_be_visible()
