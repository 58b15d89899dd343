"""Waiting for the worker."""

import asyncio

from service.remote.answers import Image
from service.remote.calls import Calls
from service.remote.requests import path_of
from service.remote.transport import ANSWER_SECONDS

LONGEST_WAIT = 25.0
"""Seconds that one `Prefer: wait` asks for; the service takes up to 30, gateways before it up to 29."""
POLL_SECONDS = 1.0
"""Between two questions for a status at least."""


async def settled(calls: Calls, image_id: str, seconds: float) -> Image:
    """The image as soon as its status is final, or after that time as it is then."""
    loop = asyncio.get_running_loop()
    end = loop.time() + seconds
    while True:
        begun = loop.time()
        # Whole seconds are all that the header can say (RFC 7240, section 4.3).
        left = int(max(0.0, min(LONGEST_WAIT, end - begun)))
        image = await calls.image(
            "GET", path_of(image_id), headers={"Prefer": f"wait={left}"}, seconds=ANSWER_SECONDS + left
        )
        if image.final or loop.time() >= end:
            return image
        # Not everything that answers waits: a service that is about to end, or a gateway that drops the wish.
        await asyncio.sleep(max(0.0, min(begun + POLL_SECONDS, end) - loop.time()))
