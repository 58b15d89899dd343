"""How a service ends: whoever has connected is answered, and whoever is being answered gets that to its end."""

import asyncio
import contextlib
from collections.abc import Callable

from aiohttp import web

from service.http.connection import Connection

FINISH_LOOK_SECONDS = 0.05


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
    idle: set[web.RequestHandler] = set()
    while manager.connections and loop.time() < end:
        # What one look finds idle may have sent a request that is only not read yet.
        before, idle = idle, {one for one in manager.connections if isinstance(one, Connection) and one.idle}
        for connection in before & idle:
            connection.force_close()
        await asyncio.sleep(FINISH_LOOK_SECONDS)
