"""Debian's chromium, driven by playwright; how it is found, and what is said where there is none."""

import os
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import NoReturn

import pytest
from playwright.async_api import Browser, async_playwright

NAMES = ("chromium-headless-shell", "chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
"""The one that has no window at all comes first: the same engine takes a third less of the processor there."""
REQUIRED = "BROWSER_REQUIRED"
"""With this variable set, what is missing fails the tests instead of skipping them; `.ci/run` sets it."""
NO_BROWSER = "there is no browser: install Debian's chromium (apt-get install chromium-headless-shell) or set CHROMIUM"


def missing(what: str) -> NoReturn:
    """Skip the test for want of `what`, unless it is required."""
    if os.environ.get(REQUIRED):
        pytest.fail(what)
    pytest.skip(what)


def command() -> str | None:
    """The browser's command: `CHROMIUM`, or the first on the PATH."""
    named = os.environ.get("CHROMIUM")
    return next(filter(None, map(shutil.which, (named,) if named else NAMES)), None)


@asynccontextmanager
async def launched() -> AsyncIterator[Browser]:
    """One browser without a window; skips the test if there is none."""
    found = command()
    if found is None:
        missing(NO_BROWSER)
    # Chromium's sandbox refuses to run as root, as which containers do.
    alone = ["--no-sandbox"] if os.geteuid() == 0 else []
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=found, args=alone)
        try:
            yield browser
        finally:
            await browser.close()
