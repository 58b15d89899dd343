"""axe-core, which finds what keeps people with assistive technology out of a page: https://github.com/dequelabs/axe-core

It is installed from npm at the version in `axe/`, once; what it finds on a page is told as lines.
"""

import asyncio
import fcntl
import shutil
import subprocess
from functools import cache
from pathlib import Path

from playwright.async_api import Page

from tests.browser.chromium import missing

FOLDER = Path(__file__).parent / "axe"
SCRIPT = FOLDER / "node_modules/axe-core/axe.min.js"
RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
RUN = """async rules => {
    const { violations } = await axe.run(document, { runOnly: rules, resultTypes: ['violations'] });
    return violations.flatMap(one => one.nodes.map(
        node => `${one.id} (${one.impact}): ${node.target.join(' ')}: ${node.failureSummary}`));
}"""


async def violations(page: Page) -> list[str]:
    """What is wrong with the page as it is at this moment; skips the test where axe-core cannot be had."""
    if why_not := await asyncio.to_thread(_install):
        missing(why_not)
    await page.evaluate(SCRIPT.read_text())
    found: list[str] = await page.evaluate(RUN, RULES)
    return found


@cache
def _install() -> str | None:
    """Install it if it is not there; returns why it cannot be."""
    npm = shutil.which("npm")
    with (FOLDER / "package.json").open() as shared:
        fcntl.flock(shared, fcntl.LOCK_EX)  # test processes beside this one want it, too
        if SCRIPT.exists() and SCRIPT.stat().st_mtime >= (FOLDER / "package-lock.json").stat().st_mtime:
            return None
        if npm is None:
            return "there is no axe-core: npm, which installs it, is not here"
        words = [npm, "ci", "--no-audit", "--no-fund", "--ignore-scripts"]
        done = subprocess.run(words, cwd=FOLDER, capture_output=True, text=True)
        if done.returncode:
            return f"npm cannot install axe-core: {done.stderr.strip()[-200:]}"
        SCRIPT.touch()
        return None
