"""`Prefer: wait=N` (RFC 7240): hold the answer until the image's status is final."""

import asyncio
import re

from aiohttp import web

from service.http.keys import CLOSING, SETTINGS, STORAGE
from service.images import Record
from service.storage.catalog import Deleted

WAIT = re.compile(r"(?:^|[,;])\s*wait\s*=\s*\"?(\d{1,9})\"?\s*(?=$|[,;])", re.IGNORECASE)
FIRST_PAUSE, LONGEST_PAUSE = 0.01, 0.5
LONGER = 1.1
"""By how much each pause is longer than the one before it: what is waited in vain is a tenth of the whole or so."""


def preferred_wait(request: web.Request) -> float | None:
    """How many seconds the client prefers to wait, held to the service's own limit; None when it does not say."""
    found = WAIT.search(",".join(request.headers.getall("Prefer", [])))
    return min(float(found[1]), request.app[SETTINGS].wait_seconds) if found else None


async def settled(request: web.Request, user_id: str, image_id: str, seconds: float | None) -> Record | Deleted | None:
    """What the catalog knows of the image as soon as it knows anything, or after `seconds`; without them, now.

    It is now, too, when the service ends or the client is gone.
    """
    catalog, closing = request.app[STORAGE].catalog, request.app[CLOSING]
    loop = asyncio.get_running_loop()
    end, pause = loop.time() + (seconds or 0), FIRST_PAUSE
    while True:
        # First the pause: who waits has an image that was queued just now.
        left = end - loop.time()
        waits = left > 0 and not closing.is_set() and request.transport is not None
        if waits:
            await asyncio.sleep(min(pause, left))
            pause = min(pause * LONGER, LONGEST_PAUSE)
        if (known := await catalog.get(user_id, image_id)) is not None or not waits:
            return known
