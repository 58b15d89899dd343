"""The whole way by keyboard alone: one always sees where one is, and gets everywhere."""

import pytest
from playwright.async_api import Page, expect

from tests.backstage import until
from tests.browser.gallery import Gallery, file
from tests.driver import Client
from tests.pictures import gif, jpeg, png

pytestmark = pytest.mark.usefixtures("worker")

MOST_TABS = 40
FOCUSED = "document.activeElement.getAttribute('aria-label') || document.activeElement.textContent.trim()"
RING = """() => {
    const one = document.activeElement;
    const shown = ['label', 'button', 'a', 'input', 'h2'].map(kind => one.closest(kind)).filter(Boolean);
    return shown.concat(...shown.map(each => [...each.querySelectorAll('span')])).some(each => {
        const { outlineStyle, outlineWidth, boxShadow } = getComputedStyle(each);
        return (outlineStyle !== 'none' && parseFloat(outlineWidth) >= 1) || boxShadow !== 'none';
    });
}"""
INSIDE = "document.querySelector('dialog[open]').contains(document.activeElement)"


async def tab_to(page: Page, name: str, key: str = "Tab") -> None:
    """Press Tab until what has the focus goes by that name; whatever has it on the way is seen to have it."""
    passed = []
    for _ in range(MOST_TABS):
        await page.keyboard.press(key)
        passed.append(await page.evaluate(FOCUSED))
        if await page.evaluate("document.activeElement !== document.body"):
            assert await page.evaluate(RING), f"no ring around {passed[-1]!r}"
        if passed[-1] == name:
            return
    pytest.fail(f"{name!r} is not among {passed}")


async def focus_is_on(page: Page, name: str) -> None:
    """Wait until what has the focus goes by that name."""

    async def there() -> bool:
        return bool(await page.evaluate(FOCUSED) == name)

    await until(there)


async def test_the_whole_way(visitor: Gallery, client: Client) -> None:
    page, keys = visitor.page, visitor.page.keyboard
    # Sign in
    await expect(visitor.sign_in_form.get_by_label("Your name")).to_be_focused()
    await keys.press("Escape")
    await expect(visitor.sign_in_form).to_be_visible()
    await keys.type(client.user)
    await keys.press("Enter")
    await expect(visitor.sign_in_form).to_be_hidden()
    # Upload
    await page.reload()
    await expect(page.get_by_text("Nothing here yet")).to_be_visible()
    await tab_to(page, "Skip to the images")
    await tab_to(page, "Choose pictures")
    await keys.press("Enter")
    files = [
        file("one.jpg", jpeg().data),
        file("two.png", png().data, "image/png"),
        file("three.gif", gif().data, "image/gif"),
    ]
    await visitor.choose(*files)
    await visitor.shown(3)
    for one in files:
        await expect(visitor.upload(one["name"])).to_contain_text("Ready")
    await tab_to(page, "Clear finished")
    await keys.press("Space")
    await expect(visitor.uploads).to_have_count(0)
    await focus_is_on(page, "Choose pictures")
    # The grid
    names = await visitor.captions()
    await tab_to(page, names[0])
    await keys.press("ArrowRight")
    await focus_is_on(page, names[1])
    await keys.press("End")
    await focus_is_on(page, names[2])
    await keys.press("Home")
    await focus_is_on(page, names[0])
    # One image
    await keys.press("Enter")
    await expect(visitor.detail).to_be_visible()
    assert await page.evaluate(INSIDE)
    await tab_to(page, "Close")
    for _ in range(20):
        await keys.press("Tab")
        assert await page.evaluate(f"{INSIDE} || document.activeElement === document.body")
    await visitor.detail.get_by_label("Title", exact=True).focus()
    await keys.press("Control+A")
    await keys.type("A title")
    await keys.press("Tab")
    await keys.type("sea, sun")
    await keys.press("Enter")
    await expect(visitor.detail.get_by_text("Saved")).to_be_visible()
    await keys.press("Escape")
    await expect(visitor.detail).to_be_hidden()
    await focus_is_on(page, "A title")
    # Delete, and undo
    await keys.press("Delete")
    await expect(visitor.images).to_have_count(2)
    await focus_is_on(page, names[1])
    await keys.press("Control+Z")
    await visitor.shown(3)
    # Filter
    await tab_to(page, "Skip to the images", "Shift+Tab")
    await keys.press("Enter")
    await page.get_by_role("radio", name="All").focus()
    await keys.press("ArrowRight")
    await expect(page.get_by_role("radio", name="Ready")).to_be_checked()
    await keys.press("Tab")
    await keys.type("sun")
    await visitor.shown(1)
    # Sign out
    await page.keyboard.press("Home")
    await page.get_by_role("link", name="Skip to the images").focus()
    await tab_to(page, "Sign out")
    await keys.press("Enter")
    await expect(visitor.sign_in_form).to_be_visible()


async def test_the_focus_comes_back(gallery: Gallery) -> None:
    """Behind what was opened and closed, and behind what was deleted; never to the page's beginning."""
    page, keys = gallery.page, gallery.page.keyboard
    await gallery.pick(file("one.jpg", jpeg().data), file("two.png", png().data, "image/png"))
    await gallery.shown(2)
    first, second = await gallery.captions()
    await gallery.image(second).focus()
    await keys.press("Enter")
    await keys.press("Delete")
    await expect(gallery.detail).to_be_hidden()
    await focus_is_on(page, first)
    await keys.press("Delete")
    await expect(gallery.images).to_have_count(0)
    await focus_is_on(page, "Choose pictures")


async def test_letters_in_a_field_are_letters(gallery: Gallery) -> None:
    """No shortcut takes them away."""
    await gallery.pick(file("one.jpg", jpeg().data), file("two.png", png().data, "image/png"))
    await gallery.shown(2)
    await gallery.images.first.get_by_role("button").click()
    title = gallery.detail.get_by_label("Title", exact=True)
    await title.fill("ab")
    for key in ("ArrowLeft", "Delete", "Home", "Delete"):
        await title.press(key)
    await expect(title).to_have_value("")
    await expect(gallery.images).to_have_count(2)
