"""How a service ends: whoever has connected is answered, and whoever is being answered gets that to its end."""

import asyncio
import contextlib
from collections.abc import Callable

from aiohttp import web

from service.http.connection import Connection

FINISH_LOOK_SECONDS = 0.05
PARTING_SECONDS = 1.0
"""How long after SIGTERM a connection that is kept alive may bring one more request, whose answer ends it. Were it
closed at once, a request on its way would fail, and the client could not know whether it was heard."""


async def close_gently(server: asyncio.Server, connection: Callable[[], Connection]) -> None:
    """Listen no more; whoever has connected until then is still answered."""
    accepted, queues = [], [one.dup() for one in server.sockets]
    server.close()
    for queue in queues:
        with queue, contextlib.suppress(OSError):
            queue.setblocking(False)
            while True:
                accepted.append(queue.accept()[0])
    for one in accepted:
        await asyncio.get_running_loop().connect_accepted_socket(connection, one)


async def finish(manager: web.Server, seconds: float) -> None:
    """Let the requests under way end by themselves.

    aiohttp's own shutdown comes only after this: it reads no further byte, so no upload under way could become whole.
    """
    loop = asyncio.get_running_loop()
    end = loop.time() + seconds
    idle_since: dict[web.RequestHandler, float] = {}
    while manager.connections and (now := loop.time()) < end:
        idle = [one for one in manager.connections if isinstance(one, Connection) and one.idle]
        idle_since = {one: idle_since.get(one, now) for one in idle}
        for connection, since in idle_since.items():
            if now - since >= PARTING_SECONDS:
                connection.force_close()
        await asyncio.sleep(FINISH_LOOK_SECONDS)
