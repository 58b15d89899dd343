"""A browser context in which nothing goes wrong unseen.

What the page says on the console as an error, exceptions and rejections that it does not catch, what its
Content-Security-Policy forbids, and requests to any host that it has no business with: each fails the test.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

from playwright.async_api import Browser, BrowserContext, ConsoleMessage, Dialog, Error, Page, Request

from tests.backstage import SECONDS, until

REPORT = """addEventListener('securitypolicyviolation', event =>
    console.error(`CSP ${event.effectiveDirective} forbids ${event.blockedURI || 'inline'} ${event.sample}`));"""
LOCAL = ("blob", "data")
HOLD = """new MutationObserver(changes => {
    for (const one of changes.flatMap(({ addedNodes }) => [...addedNodes])) {
        if (one.matches?.('.toast')) one.dispatchEvent(new PointerEvent('pointerenter'));
    }
}).observe(document, { childList: true, subtree: true });"""
"""Points at each notice as soon as it is there: else it goes after some seconds, which a busy machine may miss."""
LONGEST_MS = SECONDS * 1000
"""After that, what a page shall show or do does not come any more."""
REFUSED = "Failed to load resource: the server responded with a status of"
"""What chromium itself says of an answer of 400 and more, whatever the page does about it."""
LOST = "Failed to load resource: net::ERR_"
"""What chromium itself says of a connection that fails."""


@dataclass
class Watch:
    """A context, and what has gone wrong in it."""

    context: BrowserContext
    hosts: set[str]
    """With their ports: those that the page may ask."""
    wrong: list[str] = field(default_factory=list)
    forgiven: list[str] = field(default_factory=lambda: [REFUSED])
    """Beginnings of console messages that are to be expected in this test."""
    asked: list[str] = field(default_factory=list)
    """What the page has asked by boxes of the browser's own; the answer is no, but who leaves a page leaves it."""

    async def page(self) -> Page:
        """A page that is watched."""
        page = await self.context.new_page()
        page.on("pageerror", self._raised)
        page.on("dialog", self._answer)
        return page

    async def asked_times(self, count: int) -> None:
        """Wait until the page has asked so often: the answer to a key or a click may come before the box is known."""

        async def enough() -> bool:
            return len(self.asked) >= count

        await until(enough)
        assert len(self.asked) == count

    def said(self, message: ConsoleMessage) -> None:
        if message.type in ("error", "warning") and not message.text.startswith(tuple(self.forgiven)):
            self.wrong.append(f"console {message.type}: {message.text}")

    def requested(self, request: Request) -> None:
        url = urlsplit(request.url)
        if url.scheme not in LOCAL and url.netloc not in self.hosts:
            self.wrong.append(f"asks another host: {request.method} {request.url}")

    async def _answer(self, dialog: Dialog) -> None:
        self.asked.append(dialog.message)
        await (dialog.accept() if dialog.type == "beforeunload" else dialog.dismiss())

    def _raised(self, error: Error) -> None:
        self.wrong.append(f"uncaught: {error}")


@asynccontextmanager
async def watched(browser: Browser, *urls: str, **options: Any) -> AsyncIterator[Watch]:
    """A context of its own that may ask these URLs' hosts; fails when it is left if anything has gone wrong.

    :param options: of playwright's `new_context`.
    """
    # Times and dates in pictures are the same everywhere.
    usual = {"locale": "en-GB", "timezone_id": "UTC", "viewport": {"width": 1100, "height": 800}}
    context = await browser.new_context(**{**usual, **options})
    try:
        context.set_default_timeout(LONGEST_MS)
        for script in (REPORT, HOLD):
            await context.add_init_script(script)
        watch = Watch(context, {urlsplit(url).netloc for url in urls})
        context.on("console", watch.said)
        context.on("request", watch.requested)
        yield watch
        assert not watch.wrong, "\n".join(watch.wrong)
    finally:
        await context.close()
