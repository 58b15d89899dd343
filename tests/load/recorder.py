"""Stands between the service and DynamoDB: keeps what was answered, and then gives the same answers without it."""

import asyncio
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from urllib.parse import urlsplit

LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)", re.IGNORECASE)


class Recorder:
    """Listens at `url`. With `replaying`, what has been asked before is answered from memory.

    What DynamoDB answers is kept even when the service did not wait for it.
    """

    def __init__(self, endpoint: str) -> None:
        address = urlsplit(endpoint)
        self._to = str(address.hostname), int(address.port or 80)
        self._answers: dict[bytes, bytes] = {}
        self.url = ""
        self.replaying = False

    async def serve(self, ready: threading.Event) -> None:
        """Until it is cancelled."""
        server = await asyncio.start_server(self._converse, "127.0.0.1", 0)
        self.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        ready.set()
        async with server:
            await server.serve_forever()

    async def _converse(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(asyncio.IncompleteReadError, ConnectionError, asyncio.CancelledError):
            while True:
                head, body = await _message(reader)
                if not self.replaying or body not in self._answers:
                    self._answers[body] = await self._pass_on(head + body)
                writer.write(self._answers[body])
        writer.close()

    async def _pass_on(self, request: bytes) -> bytes:
        reader, writer = await asyncio.open_connection(*self._to)
        writer.write(request)
        answer = b"".join(await _message(reader))
        writer.close()
        return answer


async def _message(reader: asyncio.StreamReader) -> tuple[bytes, bytes]:
    head = await reader.readuntil(b"\r\n\r\n")
    length = LENGTH.search(head)
    return head, await reader.readexactly(int(length[1])) if length else b""


@contextmanager
def recording(endpoint: str) -> Iterator[Recorder]:
    """A recorder in a thread of its own, in front of `endpoint`."""
    recorder, ready = Recorder(endpoint), threading.Event()
    loop = asyncio.new_event_loop()
    task = loop.create_task(recorder.serve(ready))

    def work() -> None:
        with suppress(asyncio.CancelledError):
            loop.run_until_complete(task)

    thread = threading.Thread(target=work)
    thread.start()
    try:
        ready.wait()
        yield recorder
    finally:
        loop.call_soon_threadsafe(task.cancel)
        thread.join()
        loop.run_until_complete(_end(asyncio.all_tasks(loop)))
        loop.close()


async def _end(conversations: set["asyncio.Task[None]"]) -> None:
    for one in conversations:
        one.cancel()
    await asyncio.gather(*conversations, return_exceptions=True)
