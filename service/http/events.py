"""`GET /v1/images/{id}/events`: the status of an image as server-sent events, until it is final.

https://html.spec.whatwg.org/multipage/server-sent-events.html
"""

import asyncio
import json
import random
from contextlib import nullcontext, suppress
from typing import Any, cast

from aiohttp import web

from service.errors import NotFound
from service.http.auth import authenticated
from service.http.images import image_id_of
from service.http.keys import CLOSING, SETTINGS, STORAGE
from service.http.parting import Parting
from service.http.problems import CLIENT_GONE, CODE
from service.http.views import view
from service.http.watch import WATCH, News
from service.images import Receipt, Record, Status
from service.storage.catalog import Deleted

HEADERS = {
    "Content-Type": "text/event-stream",
    "Cache-Control": "no-store",
    # nginx would collect what is to be seen at once.
    "X-Accel-Buffering": "no",
}
HEARTBEAT = b":\n\n"
PROBE_SECONDS = 0.1
"""After this a client that sends no more is written to for the second time: one that is gone resets at the first."""
RETRY_MILLISECONDS = (1_000, 3_000)
"""After how long clients come again; not all at the same moment when a service ends."""
BUSY_MILLISECONDS = (10_000, 20_000)
SHARE = 2
"""One in so many of a process's connections may wait for events; whoever comes then gets what there is and no more."""
SHARE_OF_A_USER = 16
"""One in so many of those may be of one user, who else could take them all."""
FEWEST_OF_A_USER = 6
"""As many connections as browsers open to a host."""

Known = Record | Receipt | Deleted


async def get_events(request: web.Request) -> web.StreamResponse:
    """The present status, unless it is the client's `Last-Event-ID`, and each change. 204 to who knows the last one."""
    user_id, image_id = authenticated(request), image_id_of(request)
    known = await _known(request, user_id, image_id)
    last = request.headers.get("Last-Event-ID")
    # To who has never heard of a deleted image, it must look like one that never was.
    if known is None or (isinstance(known, Deleted) and not last):
        raise NotFound("image_not_found", f"There is no image {image_id}.")
    if not isinstance(known, Receipt) and last == _id(known):
        return web.Response(status=204, headers={"Cache-Control": "no-store"})
    response = web.StreamResponse(headers=HEADERS)
    await response.prepare(request)
    if request.method != "HEAD":
        try:
            await _tell(request, response, (user_id, image_id), known, last)
        except ConnectionError:
            response[CODE] = CLIENT_GONE
    return response


async def _known(request: web.Request, user_id: str, image_id: str) -> Known | None:
    storage = request.app[STORAGE]
    if (known := await storage.catalog.get(user_id, image_id)) is not None:
        return known
    # Without a receipt the worker may have finished between the two looks.
    receipt = await storage.objects.queued_receipt(user_id, image_id)
    return receipt or await storage.catalog.get(user_id, image_id)


async def _tell(
    request: web.Request, response: web.StreamResponse, image: tuple[str, str], known: Known, last: str | None
) -> None:
    watch, busy = request.app[WATCH], _is_busy(request, image[0])
    waits = isinstance(known, Receipt) and not busy
    retry = f"retry: {random.randint(*(BUSY_MILLISECONDS if busy else RETRY_MILLISECONDS))}\n\n"  # noqa: S311
    first = _event(request, image[1], known) if _id(known) != last else ""
    # Nothing is awaited since the look at their number, so no two take the last place.
    with watch.on(image) if waits else nullcontext() as news:
        await response.write((retry + first).encode())
        if news is not None:
            await _wait(request, response, news)
            if news.done() and (found := news.result()) is not None:
                await response.write(_event(request, image[1], found).encode())
    if request.app[CLOSING].is_set():
        response.force_close()


def _is_busy(request: web.Request, user_id: str) -> bool:
    """Whether one more stream would be one too many, of all or of this user."""
    watch, most = request.app[WATCH], request.app[SETTINGS].max_connections // SHARE
    return len(watch) >= most or watch.of(user_id) >= max(FEWEST_OF_A_USER, most // SHARE_OF_A_USER)


async def _wait(request: web.Request, response: web.StreamResponse, news: News) -> None:
    """Until there are news, or the stream's time is over; with signs of life for what stands in between.

    :raises ConnectionResetError: the client is gone.
    """
    settings, loop, stirred = request.app[SETTINGS], asyncio.get_running_loop(), asyncio.Event()
    news.add_done_callback(lambda _: stirred.set())
    # A client that sends no more may be gone altogether: what is sent to it then tells.
    connection = cast(Parting, request.protocol)
    connection.attention = stirred.set
    end, pause = loop.time() + settings.events_seconds, settings.events_heartbeat_seconds
    try:
        while not news.done() and (left := end - loop.time()) > 0:
            with suppress(TimeoutError):
                async with asyncio.timeout(min(left, pause)):
                    await stirred.wait()
            pause = PROBE_SECONDS if stirred.is_set() else settings.events_heartbeat_seconds
            stirred.clear()
            if request.transport is None:
                raise ConnectionResetError("The client is gone.")
            if not news.done() and loop.time() < end:
                await response.write(HEARTBEAT)
    finally:
        connection.attention = None


def _id(known: Known) -> str:
    """Names the state that an image is in."""
    if isinstance(known, Deleted):
        return Status.DELETED
    return f"{known.status}-{known.version}" if isinstance(known, Record) else f"{Status.QUEUED}-0"


def _event(request: web.Request, image_id: str, known: Known) -> str:
    """One event, the same as `GET /v1/images/{id}` answers; of a deleted image only that it is."""
    data: dict[str, Any] = {"image_id": image_id, "status": Status.DELETED}
    if not isinstance(known, Deleted):
        data = view(request, known)
    return f"event: status\nid: {_id(known)}\ndata: {json.dumps(data)}\n\n"
