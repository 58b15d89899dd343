"""What users write is text, wherever it is shown: no markup, no script, and nothing that breaks the page."""

from typing import Any

import pytest
from playwright.async_api import expect

from service.storage import Storage
from tests.api.records import record, settle
from tests.browser.gallery import Gallery, file
from tests.driver import Client
from tests.pictures import jpeg

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


@pytest.mark.parametrize("text", TEXTS.values(), ids=TEXTS)
@pytest.mark.parametrize("viewport", [(1100, 800), (320, 600)], ids=["wide", "narrow"])
async def test_title_tags_and_file_name(
    gallery: Gallery, client: Client, storage: Storage, text: str, viewport: tuple[int, int]
) -> None:
    """Each in the grid, and with the image."""
    await gallery.page.set_viewport_size({"width": viewport[0], "height": viewport[1]})
    tag = text.replace(",", "")[:32]
    named: dict[str, Any] = {"title": text.strip(), "tags": (tag.strip(),), "filename": f"{text[:100]}.jpg"}
    await settle(storage, record(client.user, **named))
    await gallery.page.reload()
    await expect(gallery.images).to_have_count(1)
    assert (await gallery.images.locator(".caption").text_content() or "").strip() == named["title"]
    await _unharmed(gallery)
    await gallery.images.get_by_role("button").click()
    assert await gallery.detail.get_by_role("heading").first.text_content() == named["title"]
    for shown in (named["filename"], named["tags"][0]):
        await expect(gallery.detail.get_by_text(shown, exact=True).first).to_be_visible()
    await expect(gallery.detail.get_by_label("Title", exact=True)).to_have_value(named["title"])
    await _unharmed(gallery)
    box = await gallery.detail.evaluate("one => one.scrollWidth - one.clientWidth")
    assert box <= 0


@pytest.mark.parametrize("name", TEXTS.values(), ids=TEXTS)
async def test_a_file_of_that_name_is_uploaded(gallery: Gallery, client: Client, name: str) -> None:
    """It keeps its name, as far as the service takes it."""
    await gallery.pick(file(f"{name.strip()}.jpg", jpeg().data), file(f"{name.strip()}.txt", b"text", "text/plain"))
    await expect(gallery.page.locator("#upload-list > li")).to_have_count(2)
    await expect(gallery.images).to_have_count(1)
    await _unharmed(gallery)
    (queued,) = (await client.get("/v1/images?status=queued")).json["images"]
    assert queued["filename"].endswith(".jpg")
    assert queued["filename"][:10] == name[:10]


@pytest.mark.parametrize(
    "address",
    [
        f"#tag={MARKUP}",
        "#status=<b>&tag=%ff",
        "#image=../../v1/usage",
        "#image=javascript:alert(1)",
        "#__proto__[x]=1&constructor=2",
        "?next=//example.org#tag=" + "x" * 5000,
    ],
)
async def test_an_address_from_somebody_else(gallery: Gallery, address: str) -> None:
    """Leads to nothing but an empty list."""
    await gallery.page.goto("about:blank")
    await gallery.page.goto(f"{gallery.url}/{address}")
    await expect(gallery.page.get_by_role("heading", name="Your images")).to_be_visible()
    await expect(gallery.page.locator("#empty")).to_be_visible()
    await _unharmed(gallery)
