"""Photographs of the page in each state, for docs/images; other tests look at what they show."""

import os
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import datetime
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
from PIL import Image
from playwright.async_api import Browser, expect

from service.images import Record, created_at
from service.storage import Storage
from tests.api.records import id_at
from tests.backstage import final
from tests.browser.fronts import line_to
from tests.browser.gallery import Gallery, file
from tests.browser.watch import LOST, watched
from tests.driver import Client
from tests.pictures import PHOTOS, encoded

pytestmark = [
    pytest.mark.usefixtures("worker"),
    pytest.mark.skipif("SCREENSHOTS" not in os.environ, reason="only `make screenshots` takes photographs"),
]

FOLDER = Path(__file__).parents[2] / "docs/images"
MOST_BYTES = 150_000
LOADED = """() => [...document.querySelectorAll('#grid .frame')].filter(one => {
    const { top } = one.getBoundingClientRect();
    return top < innerHeight && !('loaded' in one.dataset);
}).length === 0 && document.querySelectorAll('#grid .frame').length > 0"""
NOON = datetime.fromisoformat("2026-10-25T12:00:00Z")
MINUTE = 60_000
PHONE = {"viewport": {"width": 390, "height": 780}, "device_scale_factor": 2, "has_touch": True, "is_mobile": True}
# Of four photographs: file, what is cut out of it (left, top, right, bottom as parts of the whole), title.
CUTS = (
    ("rocket.jpg", (0.25, 0.05, 0.8, 1), "Falcon 9 at dawn"),
    ("hubble_deep_field.jpg", (0, 0, 0.5, 0.5), "Deep field, north-west"),
    ("coffee.png", (0.1, 0, 0.95, 1), "Espresso"),
    ("chelsea.png", (0.2, 0, 0.9, 1), "Chelsea"),
    ("hubble_deep_field.jpg", (0.45, 0.4, 1, 1), "Deep field, south-east"),
    ("rocket.jpg", (0, 0.3, 1, 1), "The pad"),
    ("chelsea.png", (0.1, 0.15, 0.75, 0.7), "Chelsea, close"),
    ("coffee.png", (0.4, 0.3, 1, 1), "The spoon"),
    ("hubble_deep_field.jpg", (0, 0, 1, 1), "Deep field"),
    ("coffee.png", (0, 0, 1, 1), "Coffee break"),
)


@pytest.fixture(scope="module")
async def stored(_module_client: Client, storage: Storage, worker: None) -> None:
    """The same images for all photographs, at times that do not depend on the clock."""
    owner = _module_client.as_user("alice")
    for n, (name, (left, top, right, bottom), title) in enumerate(CUTS):
        with Image.open(PHOTOS / name) as photo:
            (width, height), whole = photo.size, photo.convert("RGB")
        cut = whole.crop((int(left * width), int(top * height), int(right * width), int(bottom * height)))
        data = encoded(cut, "JPEG", quality=90)
        sent = owner.as_user("maker")
        answer = await sent.upload(data, path=f"/v1/images?filename={name}")
        ready = await final(sent, answer.json["image_id"])
        await _dated(sent, owner, storage, ready, int(NOON.timestamp() * 1000) - n * 7 * MINUTE, title)


async def _dated(sent: Client, owner: Client, storage: Storage, ready: Any, when: int, title: str) -> None:
    """Give a ready image to the owner, as if it had come then."""
    known = await storage.catalog.get(sent.user, ready["image_id"])
    assert isinstance(known, Record)
    image_id = id_at(when, when)
    receipt = replace(known.receipt, user_id=owner.user, image_id=image_id, title=title, tags=("space", "launch"))
    for name in ("original", *known.variants):
        path = f"/v1/images/{ready['image_id']}/content" + ("" if name == "original" else f"?variant={name}")
        got = await sent.get(path)
        await storage.objects.put_image(receipt, name, got.headers["Content-Type"], got.body)
    await storage.catalog.settle(replace(known, receipt=receipt, updated_at=created_at(image_id)))


@asynccontextmanager
async def _window(
    browser: Browser, client: Client, name: str = "alice", url: str | None = None, **options: Any
) -> AsyncIterator[Gallery]:
    size = {"viewport": {"width": 1080, "height": 720}, "reduced_motion": "reduce"}
    at = url or client.url
    async with watched(browser, at, **(size | options)) as watch:
        watch.forgiven.append(LOST)
        gallery = Gallery(await watch.page(), at, watch)
        await gallery.open()
        if name:
            await gallery.sign_in(name)
        yield gallery


async def _photograph(gallery: Gallery, name: str) -> None:
    """Take it, with the mouse out of the way; keep it if that is wished."""
    await gallery.page.mouse.move(0, 0)
    with Image.open(BytesIO(await gallery.page.screenshot())) as taken:
        photo = taken.convert("RGB")
    assert len(photo.getcolors(1 << 24) or ()) > 50, "there is nothing on it"
    data = encoded(photo, "WEBP", quality=85, method=6)
    assert len(data) <= MOST_BYTES, (name, len(data))
    FOLDER.mkdir(exist_ok=True)
    (FOLDER / f"{name}.webp").write_bytes(data)


async def test_signed_out(browser: Browser, client: Client) -> None:
    async with _window(browser, client, "") as gallery:
        await gallery.sign_in_form.get_by_label("Your name").fill("alice")
        await _photograph(gallery, "signed-out")


@pytest.mark.usefixtures("stored")
async def test_grid_and_one_image(browser: Browser, client: Client) -> None:
    async with _window(browser, client) as gallery:
        await gallery.shown(len(CUTS))
        await _photograph(gallery, "grid")
        await gallery.image("Falcon 9 at dawn").click()
        await expect(gallery.detail.locator("img")).to_be_visible()
        await _photograph(gallery, "image")


@pytest.mark.usefixtures("stored")
@pytest.mark.parametrize(("name", "options"), [("dark", {"color_scheme": "dark"}), ("phone", PHONE)])
async def test_other_windows(browser: Browser, client: Client, name: str, options: dict[str, Any]) -> None:
    async with _window(browser, client, **options) as gallery:
        await gallery.page.wait_for_function(LOADED)
        await _photograph(gallery, name)


async def test_on_the_way(browser: Browser, client: Client) -> None:
    """Some are ready, some under way, one is refused; then the connection breaks."""
    async with line_to(client.url) as line, _window(browser, client, "bob", url=line.url) as gallery:
        await gallery.pick(PHOTOS / "rocket.jpg")
        await gallery.shown(1)
        await expect(gallery.upload("rocket.jpg")).to_contain_text("Ready")
        await gallery.slow(20_000)
        notes = file("meeting-notes.png", b"Not a picture at all. " * 90, "image/png")
        await gallery.pick(notes, PHOTOS / "coffee.png", PHOTOS / "hubble_deep_field.jpg")
        await expect(gallery.upload("meeting-notes.png")).to_contain_text("not the kind")
        await expect(gallery.upload("coffee.png")).to_contain_text(re.compile(r"[2-9]\d %"))
        await _photograph(gallery, "uploading")
        line.cut()
        for name in ("coffee.png", "hubble_deep_field.jpg"):
            await expect(gallery.upload(name)).to_contain_text("No connection")
        await _photograph(gallery, "offline")
