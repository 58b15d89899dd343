"""The gallery page as a person uses it: what is on it by role and name, and what can be done with it."""

import asyncio
import mimetypes
from base64 import b64encode
from dataclasses import dataclass, field
from pathlib import Path

from playwright.async_api import CDPSession, FileChooser, FilePayload, Locator, Page, expect

from tests.backstage import SECONDS
from tests.browser.watch import Watch
from tests.driver import Client

COPY = """async encoded => {
    const bytes = new Blob([Uint8Array.from(atob(encoded), one => one.charCodeAt(0))], { type: 'image/png' });
    await navigator.clipboard.write([new ClipboardItem({ 'image/png': bytes })]);
}"""
PICTURES = """count => {
    const pictures = [...document.querySelectorAll('#grid img')];
    return pictures.length === count && pictures.every(one => one.complete && one.naturalWidth > 0);
}"""


def file(name: str, data: bytes, content_type: str = "image/jpeg") -> FilePayload:
    """A file as it is picked."""
    return {"name": name, "mimeType": content_type, "buffer": data}


def _read(path: Path) -> FilePayload:
    return file(path.name, path.read_bytes(), mimetypes.guess_type(path.name)[0] or "text/plain")


async def ids_of(client: Client) -> list[str]:
    """All images that the service has of a user, in whatever status."""
    # In this order: what becomes ready between the two looks is in both rather than in none.
    pages = [await client.get(f"/v1/images?limit=200{status}") for status in ("&status=queued", "")]
    return list(dict.fromkeys(one["image_id"] for page in pages for one in page.json["images"]))


@dataclass
class Gallery:
    """One window with the page in it."""

    page: Page
    url: str
    watch: Watch
    throttle: CDPSession | None = None
    choosers: asyncio.Queue[FileChooser] = field(default_factory=asyncio.Queue)
    """The system's dialogs for files that are open."""

    def __post_init__(self) -> None:
        # From the beginning: playwright tells the browser in the background that somebody listens, and a key or a click
        # that follows at once can be there before that. `expect_file_chooser` would wait in vain then.
        self.page.on("filechooser", self.choosers.put_nowait)

    async def open(self) -> None:
        """Go to the page."""
        await self.page.goto(f"{self.url}/")

    async def sign_in(self, text: str, *, remember: bool = False) -> None:
        """Say who is asking, as soon as the page wants to know."""
        await self.sign_in_form.get_by_role("textbox").or_(self.page.locator("#credential")).fill(text)
        if remember:
            await self.sign_in_form.get_by_role("checkbox").check()
        await self.sign_in_form.get_by_role("button", name="Sign in").click()
        await self.sign_in_form.wait_for(state="hidden")

    @property
    def sign_in_form(self) -> Locator:
        return self.page.get_by_role("dialog", name="Sign in")

    @property
    def detail(self) -> Locator:
        """What shows one image large."""
        return self.page.locator("dialog#detail[open]")

    @property
    def uploads(self) -> Locator:
        """What is on its way in, one item for each file."""
        return self.page.get_by_role("region", name="Uploads").get_by_role("listitem")

    @property
    def images(self) -> Locator:
        """The images of the grid."""
        return self.page.get_by_role("list", name="Your images").get_by_role("listitem")

    @property
    def notices(self) -> Locator:
        """What tells of something for a while; it stays here until somebody dismisses it."""
        return self.page.get_by_role("region", name="Notices")

    def image(self, name: str) -> Locator:
        """The image of that name in the grid."""
        return self.images.get_by_role("button", name=name, exact=True)

    async def captions(self) -> list[str]:
        """What stands at the images of the grid, in their order."""
        return await self.images.locator(".caption").all_text_contents()

    async def edit(self, title: str, tags: str) -> None:
        """Write title and tags of the image that is open, and save them."""
        await self.detail.get_by_label("Title", exact=True).fill(title)
        await self.detail.get_by_label("Tags", exact=True).fill(tags)
        await self.detail.get_by_role("button", name="Save", exact=True).click()

    async def pick(self, *files: FilePayload | Path) -> None:
        """Choose files in the system's dialog, by the button that opens it."""
        await self.page.get_by_role("button", name="Choose pictures").click()
        await self.choose(*files)

    async def choose(self, *files: FilePayload | Path) -> None:
        """Choose files in the system's dialog, as soon as it is open."""
        async with asyncio.timeout(SECONDS):
            chooser = await self.choosers.get()
        # It takes no paths beside contents.
        await chooser.set_files([_read(one) if isinstance(one, Path) else one for one in files])

    async def drop(self, *paths: Path) -> None:
        """Drag files or folders of this machine onto the page, and let go."""
        data = {"items": [], "files": [str(path) for path in paths], "dragOperationsMask": 1}
        session = await self.protocol()
        for kind in ("dragEnter", "dragOver", "drop"):
            await session.send("Input.dispatchDragEvent", {"type": kind, "x": 300, "y": 300, "data": data})

    async def protocol(self) -> CDPSession:
        """Chromium's own protocol, for what playwright has no words for."""
        return await self.watch.context.new_cdp_session(self.page)

    def upload(self, name: str) -> Locator:
        """The file of that name among the uploads."""
        return self.page.get_by_role("region", name="Uploads").get_by_role("listitem", name=name, exact=True)

    async def shown(self, count: int, others: int = 0) -> None:
        """Wait until the grid shows so many pictures, and as many other images without any."""
        await expect(self.images).to_have_count(count + others)
        await self.page.wait_for_function(PICTURES, arg=count)

    async def paste(self, data: bytes) -> None:
        """Put a PNG into the clipboard and paste it."""
        await self.watch.context.grant_permissions(["clipboard-read", "clipboard-write"], origin=self.url)
        await self.page.evaluate(COPY, b64encode(data).decode())
        await self.page.keyboard.press("Control+V")

    async def slow(self, bytes_per_second: int) -> None:
        """From here on so many bytes a second go out; -1: as many as can."""
        self.throttle = self.throttle or await self.protocol()
        speed = {"downloadThroughput": -1, "uploadThroughput": bytes_per_second, "latency": 0}
        await self.throttle.send("Network.enable")
        await self.throttle.send("Network.emulateNetworkConditions", {"offline": False, **speed})
