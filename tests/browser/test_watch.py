"""Of what goes wrong in a page nothing goes unseen: this is what the other tests rely on."""

import re
from collections.abc import AsyncIterator

import pytest
from aiohttp import web
from playwright.async_api import Browser

from tests.backstage import until
from tests.browser.axe import violations
from tests.browser.fronts import listening
from tests.browser.watch import watched

POLICY = "default-src 'none'; script-src 'self'; img-src data:; connect-src 'self' http://127.0.0.1:*"
PAGE = '<!doctype html><html lang="en"><title>Page</title><link rel="icon" href="data:,"><main><h1>Page</h1></main>'


@pytest.fixture(scope="module")
async def url() -> AsyncIterator[str]:
    """A page that does nothing, with a policy."""

    async def page(request: web.Request) -> web.Response:
        return web.Response(text=PAGE, content_type="text/html", headers={"Content-Security-Policy": POLICY})

    app = web.Application()
    app.router.add_get("/", page)
    async with listening(app) as base:
        yield base


@pytest.mark.parametrize(
    ("script", "said"),
    [
        ("setTimeout(() => { throw new Error('it broke') })", "uncaught: it broke"),
        ("Promise.reject(new Error('nobody cares')); 1", "uncaught: nobody cares"),
        ("console.error('ouch')", "console error: ouch"),
        ("document.body.insertAdjacentHTML('beforeend', '<p style=\"color: red\">'); 1", "CSP style-src-attr forbids"),
        ("document.head.append(Object.assign(document.createElement('script'), {text: '1'}))", "CSP script-src-elem"),
        ("new Image().src = 'https://example.org/spy.gif'; 1", "CSP img-src forbids https://example.org"),
        ("fetch('http://127.0.0.1:9/spy').catch(() => 1)", "asks another host: GET http://127.0.0.1:9/spy"),
    ],
)
async def test_what_goes_wrong_fails_the_test(browser: Browser, url: str, script: str, said: str) -> None:
    with pytest.raises(AssertionError, match=re.escape(said)):
        await _visit(browser, url, script, said)


async def _visit(browser: Browser, url: str, script: str, said: str) -> None:
    async with watched(browser, url) as watch:
        page = await watch.page()
        await page.goto(url)
        await page.evaluate(script)

        async def heard() -> bool:
            return any(said in one for one in watch.wrong)

        await until(heard)


async def test_a_page_without_fault_passes(browser: Browser, url: str) -> None:
    async with watched(browser, url) as watch:
        page = await watch.page()
        await page.goto(url)
        assert await violations(page) == []


async def test_axe_finds_what_is_wrong(browser: Browser, url: str) -> None:
    async with watched(browser, url) as watch:
        page = await watch.page()
        await page.goto(url)
        await page.evaluate("document.querySelector('main').append(document.createElement('button'))")
        (found,) = await violations(page)
        assert found.startswith("button-name (critical): button: ")
