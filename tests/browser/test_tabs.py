"""Many tabs of one browser: they share its six connections to a host, so those that nobody sees keep none."""

from service.settings import Settings
from service.storage import Storage
from tests.backstage import until, working
from tests.browser.gallery import Gallery
from tests.driver import Client
from tests.pictures import TINY
from worker.decoder import Decoders

ANOTHER_IS_SEEN = """() => {
    Object.defineProperty(document, 'hidden', { get: () => true });
    document.dispatchEvent(new Event('visibilitychange'));
}"""
"""As browsers do; driven by playwright, all tabs are seen."""


async def test_streams_leave_room(
    gallery: Gallery, client: Client, settings: Settings, storage: Storage, decoders: Decoders
) -> None:
    """Three tabs with two streams each would take all; and who is not seen shows what has become of images, too."""
    for number in range(2):
        data, headers = TINY["image/png"].data, {"Content-Type": "image/png"}
        answer = await client.ask("POST", f"/v1/images?title=image-{number}", data=data, headers=headers)
        assert answer.status == 202
    asked = list[str]()
    tabs = [Gallery(await gallery.watch.page(), gallery.url, gallery.watch) for _ in range(3)]
    for tab in tabs:
        await tab.open()
        async with tab.page.expect_response("**/events"), tab.page.expect_response("**/events"):
            await tab.sign_in(client.user)
        await tab.shown(0, 2)
        await tab.page.evaluate(ANOTHER_IS_SEEN)
        tab.page.on("request", lambda request: asked.append(request.url))

    async def several_times() -> bool:
        return len(asked) >= 6 * len(tabs)

    await gallery.page.reload()
    await gallery.shown(0, 2)
    await until(several_times)
    assert not [url for url in asked if url.endswith("/events")]
    async with working(settings, storage, decoders):
        for tab in (gallery, *tabs):
            await tab.shown(2)
