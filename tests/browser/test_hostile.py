"""What users write is text, wherever it is shown: no markup, no script, and nothing that breaks the page."""

from typing import Any

import pytest
from playwright.async_api import expect

from service.storage import Storage
from tests.api.records import id_at, record, settle
from tests.browser.gallery import Gallery, file
from tests.driver import Client
from tests.pictures import TINY

MARKUP = "<img src=x onerror=alert(1)><script>alert(2)</script>"
TEXTS = {
    "markup": MARKUP,
    "quotes": "\"'><svg/onload=alert(3)>",
    "template": "${alert(4)} {{alert(5)}} javascript:alert(6)",
    "right to left": "\u202egnp.erutcip \u05e9\u05dc\u05d5\u05dd",
    "emoji": "\U0001f469\u200d\U0001f680 \U0001f1fa\U0001f1f3 \U0001f600",
    "long": "W" * 200,
    "words": "long words " * 18,
    "combining": "Z" + "\u0351\u0343\u0329" * 60,
}
WIDTH = "document.documentElement.scrollWidth - document.documentElement.clientWidth"
INJECTED = "document.querySelectorAll('script:not([src]), [onerror], [onload], a[href^=javascript]').length"


async def _unharmed(gallery: Gallery) -> None:
    assert gallery.watch.asked == []
    assert await gallery.page.evaluate(INJECTED) == 0
    assert await gallery.page.evaluate(WIDTH) <= 0


@pytest.mark.parametrize("width", [1100, 320])
async def test_titles_tags_and_file_names(gallery: Gallery, client: Client, storage: Storage, width: int) -> None:
    """Each in the grid, and with its image."""
    await gallery.page.set_viewport_size({"width": width, "height": 700})
    named: list[dict[str, Any]] = [
        {"title": text.strip(), "tags": (text.replace(",", "")[:32].strip(),), "filename": f"{text[:100]}.jpg"}
        for text in TEXTS.values()
    ]
    await settle(storage, *(record(client.user, id_at(1_700_000_000_000 - n), **one) for n, one in enumerate(named)))
    await gallery.page.reload()
    await expect(gallery.images).to_have_count(len(named))
    captions = await gallery.images.locator(".caption").all_text_contents()
    assert [text.strip() for text in captions] == [one["title"] for one in named]
    await _unharmed(gallery)
    await gallery.images.first.get_by_role("button").click()
    for one in named:
        heading = gallery.detail.get_by_role("heading").first
        await expect(heading).to_have_text(one["title"])
        for shown in (one["filename"], one["tags"][0]):
            await expect(gallery.detail.get_by_text(shown, exact=True).first).to_be_visible()
        await expect(gallery.detail.get_by_label("Title", exact=True)).to_have_value(one["title"])
        assert await gallery.detail.evaluate("one => one.scrollWidth - one.clientWidth") <= 0, one
        await _unharmed(gallery)
        await heading.focus()
        await gallery.page.keyboard.press("ArrowRight")


async def test_files_of_such_names(gallery: Gallery, client: Client) -> None:
    """They keep them, as far as the service takes them."""
    names = [text.strip() for text in TEXTS.values()]
    await gallery.pick(
        *(file(f"{name}.jpg", TINY["image/jpeg"].data) for name in names),
        *(file(f"{name}.txt", b"text", "text/plain") for name in names),
    )
    await expect(gallery.page.locator("#upload-list > li")).to_have_count(2 * len(names))
    await expect(gallery.images).to_have_count(len(names))
    await _unharmed(gallery)
    queued = (await client.get("/v1/images?status=queued")).json["images"]
    kept = {one["filename"] for one in queued}
    assert {f"{name}.jpg" for name in names if len(name) < 60} <= kept
    assert len(kept) == len(names)


async def test_addresses_from_somebody_else(gallery: Gallery) -> None:
    """Lead to nothing but an empty list."""
    for address in (
        f"#tag={MARKUP}",
        "#status=<b>&tag=%ff",
        "#image=../../v1/usage",
        "#image=javascript:alert(1)",
        "#__proto__[x]=1&constructor=2",
        "?next=//example.org#tag=" + "x" * 5000,
    ):
        await gallery.page.goto("about:blank")
        await gallery.page.goto(f"{gallery.url}/{address}")
        await expect(gallery.page.locator("#empty")).to_be_visible()
        await _unharmed(gallery)
