"""A slow link between a client and a service."""

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from urllib.parse import urlsplit

PIECE = 4096


@dataclass
class Link:
    """Carries at most so many bytes a second to the service; `carried` counts them."""

    url: str
    rate: float
    carried: int = 0


@asynccontextmanager
async def link_to(url: str, rate: float) -> AsyncIterator[Link]:
    """A link to the service at `url`, with small buffers, so that what is not carried is not sent either."""
    target = urlsplit(url)
    tasks = set[asyncio.Task[None]]()
    listener = socket.create_server(("127.0.0.1", 0))
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, PIECE)
    link = Link(f"http://127.0.0.1:{listener.getsockname()[1]}", rate)

    async def carry(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        ends = [writer]
        try:
            there, to = await asyncio.open_connection(target.hostname, target.port)
            ends.append(to)
            async with asyncio.TaskGroup() as group:
                group.create_task(_back(there, writer))
                while data := await reader.read(PIECE):
                    await asyncio.sleep(len(data) / link.rate)
                    to.write(data)
                    await to.drain()
                    link.carried += len(data)
                to.close()
        except* ConnectionError:
            pass
        finally:
            for end in ends:
                end.close()

    def begin(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.create_task(carry(reader, writer))
        tasks.add(task)
        task.add_done_callback(tasks.discard)

    server = await asyncio.start_server(begin, sock=listener, limit=PIECE)
    try:
        yield link
    finally:
        server.close()
        for task in tuple(tasks):
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def _back(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while data := await reader.read(65_536):
        writer.write(data)
        await writer.drain()
    writer.close()
