"""Pictures on their way: picked, dropped, pasted; what becomes of each, and why some are refused, in words."""

import asyncio
import hashlib
import re
import shutil
from pathlib import Path

import pytest
from playwright.async_api import Route, expect

from tests import bad_pictures as bad
from tests import pictures
from tests.browser.gallery import Gallery, file
from tests.driver import Client
from tests.pictures import MOST_BYTES, PHOTOS

pytestmark = pytest.mark.usefixtures("worker")

SLOW = 64 * 1024
"""Bytes a second, of which there is more than half a minute's work."""
RECORD = """() => {
    window.seen = new Set();
    const note = changes => changes.forEach(({ target }) => seen.add(target.value));
    const values = { subtree: true, attributes: true, attributeFilter: ['value'] };
    new MutationObserver(note).observe(document.querySelector('#upload-list'), values);
}"""
"""Keeps in `seen` whatever a bar of progress has shown."""
SOUND = {
    "rocket.jpg": pictures.jpeg(),
    "chelsea.png": pictures.png(),
    "moving.gif": pictures.gif_animated(),
    "photo.webp": pictures.webp(),
    "photo.avif": pictures.avif(),
}
BAD = {
    "notes.png": ("image/png", b"This is not a picture. " * 50, "not the kind of picture that its name says"),
    "page.jpg": ("image/jpeg", bad.SIGNATURE_ALONE["jpeg_html"].data, "damaged"),
    "notes.txt": ("text/plain", b"Not a picture", "no picture"),
    "drawing.svg": ("image/svg+xml", b"<svg xmlns='http://www.w3.org/2000/svg'/>", "no picture"),
    "huge.png": ("image/png", pictures.exactly(MOST_BYTES + 1).data, "more than 5 MB"),
    "cut.png": ("image/png", pictures.png().data[:100_000], "ends in the middle"),
    "bomb.png": ("image/png", bad.TOO_MANY_PIXELS["png_huge"].data, "too many pixels"),
    "long.gif": ("image/gif", bad.TOO_MANY_FRAMES["gif_frames"].data, "more than 900 frames"),
    "empty.png": ("image/png", b"", "empty"),
    # Only the worker can tell.
    "half.jpg": ("image/jpeg", bad.TRUNCATED["jpeg_half"].data, "damaged"),
}


async def test_several_with_bad_ones(gallery: Gallery, client: Client) -> None:
    """Each bad one says why; the others become ready without a reload, and are there after one."""
    good = [file(name, picture.data, picture.content_type) for name, picture in SOUND.items()]
    await gallery.pick(*good, *(file(name, data, kind) for name, (kind, data, _) in BAD.items()))
    for name, (_, _, words) in BAD.items():
        await expect(gallery.upload(name)).to_contain_text(words)
    for name in SOUND:
        await expect(gallery.upload(name)).to_contain_text("Ready")
    await gallery.shown(len(SOUND), others=1)
    listed = (await client.get("/v1/images?status=ready")).json["images"]
    assert {one["filename"]: one["sha256"] for one in listed} == {
        name: hashlib.sha256(picture.data).hexdigest() for name, picture in SOUND.items()
    }
    await gallery.page.reload()
    await gallery.shown(len(SOUND), others=1)
    await expect(gallery.uploads).to_have_count(0)


async def test_folders_are_dropped(gallery: Gallery, tmp_path: Path) -> None:
    """All pictures in them are taken; of what else is in them the number is told."""
    folder = tmp_path / "holiday"
    shutil.copytree(PHOTOS, folder / "day one")
    (folder / "notes.txt").write_text("Nothing to see")
    await gallery.drop(folder)
    await gallery.shown(4)
    await expect(gallery.uploads).to_have_count(4)
    await expect(gallery.notices).to_contain_text(re.compile("2 .*(files|other)"))


async def test_a_file_is_dropped(gallery: Gallery) -> None:
    await gallery.drop(PHOTOS / "rocket.jpg")
    await gallery.shown(1)


async def test_a_picture_is_pasted(gallery: Gallery, client: Client) -> None:
    await gallery.paste(pictures.png().data)
    await gallery.shown(1)
    (image,) = (await client.get("/v1/images")).json["images"]
    assert (image["content_type"], image["width"], image["height"]) == ("image/png", 451, 300)
    assert image["filename"].startswith("Pasted ")


async def test_pasted_text_is_none(gallery: Gallery) -> None:
    """Nor is it in the way of a field that it is pasted into."""
    await gallery.watch.context.grant_permissions(["clipboard-read", "clipboard-write"], origin=gallery.url)
    await gallery.page.evaluate("navigator.clipboard.writeText('space')")
    field = gallery.page.get_by_role("searchbox")
    await field.focus()
    await gallery.page.keyboard.press("Control+V")
    await expect(field).to_have_value("space")
    await expect(gallery.uploads).to_have_count(0)


async def test_progress_is_seen(gallery: Gallery) -> None:
    """As bytes go out, not only at their beginning and end."""
    await gallery.page.evaluate(RECORD)
    await gallery.slow(SLOW)
    await gallery.pick(file("slow.png", pictures.exactly(2 * 1024 * 1024).data, "image/png"))
    await expect(gallery.upload("slow.png").get_by_role("progressbar")).to_be_visible()
    await gallery.page.wait_for_function("() => [...seen].filter(part => part > 0 && part < 1).length >= 3")
    await gallery.slow(-1)
    await expect(gallery.upload("slow.png")).to_contain_text("Ready")
    parts = await gallery.page.evaluate("() => [...seen]")
    assert parts == sorted(parts), "it never goes back"


async def test_a_placeholder_until_the_picture_is_there(gallery: Gallery) -> None:
    """And the picture takes its place."""
    release = asyncio.Event()

    async def hold(route: Route) -> None:
        await release.wait()
        await route.continue_()

    await gallery.page.route("**/content?variant=thumb", hold)
    await gallery.pick(PHOTOS / "rocket.jpg")
    await expect(gallery.upload("rocket.jpg")).to_contain_text("Ready")
    await expect(gallery.images).to_have_count(1)
    await expect(gallery.images.locator(".placeholder, canvas").first).to_be_visible()
    release.set()
    await gallery.shown(1)


async def test_an_upload_is_cancelled(gallery: Gallery, client: Client) -> None:
    """Nothing of it stays."""
    await gallery.slow(SLOW)
    await gallery.pick(file("slow.png", pictures.exactly(2 * 1024 * 1024).data, "image/png"))
    await expect(gallery.upload("slow.png")).to_contain_text(re.compile(r"[1-9]\d? %"))
    await gallery.upload("slow.png").get_by_role("button", name="Cancel").click()
    await expect(gallery.uploads).to_have_count(0)
    assert (await client.get("/v1/images?status=queued")).json["images"] == []


async def test_finished_ones_are_cleared(gallery: Gallery) -> None:
    await gallery.pick(PHOTOS / "rocket.jpg", PHOTOS.parent / "pictures.py")
    await gallery.shown(1)
    await gallery.page.get_by_role("button", name="Clear finished").click()
    await expect(gallery.uploads).to_have_count(0)
    await expect(gallery.images).to_have_count(1)
