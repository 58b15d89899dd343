"""Stored images: the grid, one image large, title and tags, download, delete."""

import re
from dataclasses import replace
from pathlib import Path

import pytest
from playwright.async_api import Browser, expect

from service.images import Status, Variant
from service.storage import Storage
from tests import pictures
from tests.api.records import id_at, record, settle
from tests.backstage import final, until
from tests.browser.gallery import Gallery, file
from tests.browser.watch import watched
from tests.driver import Client
from tests.pictures import Picture

MANY = 130
"""More than two pages of the grid."""


async def _stored(client: Client, *given: Picture, **query: str) -> list[dict[str, object]]:
    """Images of the user, ready, in this order."""
    made = []
    for picture in given:
        answer = await client.ask(
            "POST",
            "/v1/images",
            params={"filename": f"{picture.name}.{picture.content_type.rpartition('/')[2]}", **query},
            data=picture.data,
            headers={"Content-Type": picture.content_type},
        )
        assert answer.status == 202, answer
        made.append(await final(client, answer.json["image_id"]))
    return made


@pytest.fixture
async def rocket(gallery: Gallery, client: Client, worker: None) -> dict[str, object]:
    """One image, which the page shows."""
    (made,) = await _stored(client, pictures.jpeg(), title="Rocket", tags="space,night")
    await gallery.page.reload()
    await gallery.shown(1)
    return made


async def test_facts_of_an_image(gallery: Gallery, rocket: dict[str, object]) -> None:
    """As the API tells them."""
    await gallery.image("Rocket").click()
    facts = gallery.detail
    await expect(facts.get_by_role("heading", name="Rocket")).to_be_visible()
    for text in ("jpeg.jpeg", "JPEG", "640 × 427 pixels", "112,525 bytes", str(rocket["sha256"])):
        await expect(facts).to_contain_text(text)
    stamps = await facts.locator("time").evaluate_all("all => all.map(one => one.dateTime)")
    assert stamps == [rocket["created_at"]]
    await expect(facts.get_by_label("Title", exact=True)).to_have_value("Rocket")
    await expect(facts.get_by_label("Tags", exact=True)).to_have_value("space, night")
    await gallery.page.wait_for_function("() => document.querySelector('#detail img')?.naturalWidth === 640")


async def test_an_image_has_an_address(gallery: Gallery, rocket: dict[str, object]) -> None:
    """It is open again after a reload, the way back closes it, and nobody else's address opens anything."""
    await gallery.image("Rocket").click()
    await expect(gallery.detail).to_be_visible()
    await gallery.page.reload()
    await expect(gallery.detail.get_by_role("heading", name="Rocket")).to_be_visible()
    await gallery.page.keyboard.press("Escape")
    await expect(gallery.detail).to_be_hidden()
    await expect(gallery.page).not_to_have_url(re.compile(str(rocket["image_id"])))
    await gallery.image("Rocket").click()
    await gallery.page.go_back()
    await expect(gallery.detail).to_be_hidden()
    await gallery.page.goto(f"{gallery.url}/#image={id_at(1_700_000_000_000)}")
    await expect(gallery.notices.get_by_text("This image is gone")).to_be_visible()


async def test_the_next_one(gallery: Gallery, client: Client, worker: None) -> None:
    """By buttons and arrow keys, in the order of the grid, to its ends."""
    await _stored(client, pictures.gif(), pictures.webp(), pictures.avif())
    await gallery.page.reload()
    await gallery.shown(3)
    await gallery.images.first.get_by_role("button").click()
    heading = gallery.detail.get_by_role("heading")
    await expect(heading).to_have_text("avif.avif")
    await expect(gallery.detail.get_by_role("button", name="Previous image")).to_be_hidden()
    await gallery.detail.get_by_role("button", name="Next image").click()
    await expect(heading).to_have_text("webp.webp")
    await gallery.page.keyboard.press("ArrowRight")
    await expect(heading).to_have_text("gif.gif")
    await gallery.page.keyboard.press("ArrowRight")
    await expect(heading).to_have_text("gif.gif")
    await gallery.page.keyboard.press("ArrowLeft")
    await expect(heading).to_have_text("webp.webp")


async def test_a_download_is_the_original(gallery: Gallery, rocket: dict[str, object], tmp_path: Path) -> None:
    """Byte for byte, under its name."""
    await gallery.image("Rocket").click()
    async with gallery.page.expect_download() as download:
        await gallery.detail.get_by_role("button", name="Download").click()
    got = await download.value
    await got.save_as(tmp_path / "got")
    assert (tmp_path / "got").read_bytes() == pictures.jpeg().data
    assert got.suggested_filename == "jpeg.jpeg"


async def test_title_and_tags_are_edited(gallery: Gallery, client: Client, rocket: dict[str, object]) -> None:
    """The grid and the service have them at once."""
    await gallery.image("Rocket").click()
    await gallery.edit("Launch", "night, Falcon 9")
    await expect(gallery.detail.get_by_text("Saved")).to_be_visible()
    await expect(gallery.detail.get_by_role("heading", name="Launch")).to_be_visible()
    known = (await client.get(f"/v1/images/{rocket['image_id']}")).json
    assert (known["title"], known["tags"], known["version"]) == ("Launch", ["night", "Falcon 9"], 2)
    stamps = await gallery.detail.locator("time").evaluate_all("all => all.map(one => one.dateTime)")
    assert stamps == [known["created_at"], known["updated_at"]]
    await gallery.page.keyboard.press("Escape")
    await expect(gallery.image("Launch")).to_be_visible()
    await gallery.page.reload()
    await gallery.shown(1)
    await expect(gallery.image("Launch")).to_be_visible()


@pytest.mark.parametrize(
    ("title", "tags", "words"),
    [("x" * 201, "", "200"), ("", ",".join("abcdefghijk"), "10"), ("", "x" * 33, "32")],
)
async def test_an_edit_is_refused(
    gallery: Gallery, rocket: dict[str, object], title: str, tags: str, words: str
) -> None:
    """In words; what was typed stays."""
    await gallery.image("Rocket").click()
    for label, text in (("Title", title), ("Tags", tags)):
        # As typing does not, a paste by a script may pass the length that the field allows.
        await gallery.detail.get_by_label(label, exact=True).evaluate("(one, text) => { one.value = text; }", text)
    await gallery.detail.get_by_role("button", name="Save").click()
    await expect(gallery.detail.get_by_role("status")).to_contain_text(words)
    await expect(gallery.detail.get_by_label("Title", exact=True)).to_have_value(title)


@pytest.mark.parametrize("mine", [True, False])
async def test_somebody_else_edits_meanwhile(
    gallery: Gallery, browser: Browser, client: Client, rocket: dict[str, object], mine: bool
) -> None:
    """Nothing is overwritten unseen: one sees what the other wrote, and decides."""
    await gallery.image("Rocket").click()
    async with watched(browser, client.url) as watch:
        other = Gallery(await watch.page(), client.url, watch)
        await other.open()
        await other.sign_in(client.user)
        await other.image("Rocket").click()
        await other.edit("Theirs", "")
        await expect(other.detail.get_by_text("Saved")).to_be_visible()
    await gallery.edit("Mine", "space")
    conflict = gallery.detail.get_by_role("alert")
    await expect(conflict).to_contain_text("Theirs")
    known = await client.get(f"/v1/images/{rocket['image_id']}")
    assert known.json["title"] == "Theirs"
    await conflict.get_by_role("button", name="Save mine" if mine else "Keep theirs").click()
    title = "Mine" if mine else "Theirs"
    await expect(gallery.detail.get_by_role("heading", name=title)).to_be_visible()
    assert (await client.get(f"/v1/images/{rocket['image_id']}")).json["title"] == title


async def test_unsaved_words_are_not_lost(gallery: Gallery, client: Client, rocket: dict[str, object]) -> None:
    """Who leaves with unsaved words is asked, and can stay."""
    await gallery.image("Rocket").click()
    await gallery.detail.get_by_label("Title", exact=True).fill("Half a")
    await gallery.detail.get_by_role("button", name="Close").click()
    await gallery.watch.asked_times(1)
    assert gallery.watch.asked == ["Leave without saving title and tags?"]
    await expect(gallery.detail.get_by_label("Title", exact=True)).to_have_value("Half a")


async def test_deleting_is_undone(gallery: Gallery, client: Client, rocket: dict[str, object]) -> None:
    """The image goes from the grid at once, and comes back; the service never hears of it."""
    await gallery.image("Rocket").click()
    await gallery.detail.get_by_role("button", name="Delete").click()
    await expect(gallery.detail).to_be_hidden()
    await expect(gallery.images).to_have_count(0)
    await gallery.page.get_by_role("button", name="Undo").click()
    await gallery.shown(1)
    await gallery.page.reload()
    await gallery.shown(1)
    assert (await client.get(f"/v1/images/{rocket['image_id']}")).json["version"] == 1


async def test_deleted_for_good(gallery: Gallery, client: Client, rocket: dict[str, object]) -> None:
    await gallery.image("Rocket").click()
    await gallery.detail.get_by_role("button", name="Delete").click()
    await gallery.page.get_by_role("button", name="Dismiss").click()

    async def gone() -> bool:
        return (await client.get(f"/v1/images/{rocket['image_id']}")).status == 404

    await until(gone)
    await expect(gallery.page.get_by_text("Nothing here yet")).to_be_visible()
    await gallery.page.reload()
    await expect(gallery.page.get_by_text("Nothing here yet")).to_be_visible()


@pytest.mark.parametrize("leave", ["reload", "sign out"])
async def test_deleted_when_the_page_is_left(
    gallery: Gallery, client: Client, rocket: dict[str, object], leave: str
) -> None:
    """Who leaves cannot undo it any more."""
    await gallery.image("Rocket").click()
    await gallery.detail.get_by_role("button", name="Delete").click()
    await expect(gallery.images).to_have_count(0)
    if leave == "reload":
        await gallery.page.reload()
    else:
        await gallery.page.get_by_role("button", name="Sign out").click()

    async def gone() -> bool:
        return (await client.get(f"/v1/images/{rocket['image_id']}")).status == 404

    await until(gone)


async def test_filters(gallery: Gallery, client: Client, storage: Storage) -> None:
    """By status and by tag; they are part of the address."""
    kinds = {"ready": Status.READY, "rejected": Status.REJECTED, "failed": Status.FAILED}
    for n, (name, status) in enumerate(kinds.items()):
        for tag in ("sea", "land"):
            made = record(client.user, id_at(1_700_000_000_000 + n), status=status, title=f"{name} {tag}", tags=(tag,))
            await settle(storage, made)
    await gallery.page.reload()
    await expect(gallery.images).to_have_count(6)
    for name in kinds:
        await gallery.page.get_by_role("radio", name=name.capitalize()).check(force=True)
        await expect(gallery.images).to_have_count(2)
        await expect(gallery.images.first).to_contain_text(name)
    await gallery.page.get_by_role("searchbox", name="Tag").fill("sea")
    await expect(gallery.images).to_have_count(1)
    await gallery.page.reload()
    await expect(gallery.images).to_have_count(1)
    await expect(gallery.page.get_by_role("radio", name="Failed")).to_be_checked()
    await expect(gallery.page.get_by_role("searchbox", name="Tag")).to_have_value("sea")
    await gallery.page.get_by_role("radio", name="All").check(force=True)
    await expect(gallery.images).to_have_count(3)
    await gallery.page.get_by_role("searchbox", name="Tag").fill("nowhere")
    await expect(gallery.page.get_by_text("No images with the tag “nowhere”")).to_be_visible()


async def test_a_tag_leads_to_its_images(gallery: Gallery, rocket: dict[str, object], client: Client) -> None:
    await _stored(client, pictures.png(), title="Cat")
    await gallery.page.reload()
    await gallery.shown(2)
    await gallery.image("Rocket").click()
    await gallery.detail.get_by_role("button", name="Show images with the tag space").click()
    await gallery.shown(1)
    await expect(gallery.image("Rocket")).to_be_visible()


async def test_the_grid_goes_on_as_one_scrolls(gallery: Gallery, client: Client, storage: Storage) -> None:
    """All images, each once, newest first; and only the pictures near to what one sees are loaded."""
    first = 1_700_000_000_000
    names = [f"Image {n}" for n in range(MANY)]
    thumb = {"thumb": Variant(width=160, height=120, size=len(pictures.webp().data))}
    plain = (record(client.user, id_at(first + n), title=name) for n, name in enumerate(names))
    records = [replace(one, variants=thumb) for one in plain]
    for made in records:
        await storage.objects.put_image(made.receipt, "thumb", "image/webp", pictures.webp().data)
    await settle(storage, *records)
    await gallery.page.reload()
    await gallery.page.wait_for_function("() => document.querySelectorAll('#grid img').length > 0")
    assert await gallery.images.count() < MANY

    async def all_there() -> bool:
        await gallery.page.mouse.wheel(0, 2000)
        return await gallery.images.count() >= MANY

    await until(all_there)
    assert [name.strip() for name in await gallery.captions()] == names[::-1]
    await gallery.image("Image 0").scroll_into_view_if_needed()
    await gallery.page.wait_for_function("() => document.querySelector('#grid li:last-child img')?.naturalWidth > 0")
    assert await gallery.images.locator("img").count() < MANY / 2


async def test_a_new_image_takes_its_place(gallery: Gallery, rocket: dict[str, object]) -> None:
    """At the beginning, without a reload."""
    await gallery.pick(file("cat.png", pictures.png().data, "image/png"))
    await gallery.shown(2)
    assert await gallery.captions() == ["cat.png", "Rocket"]
