"""Hundreds of streams of events: what they cost, who is served beside them, and how they end with the service."""

import asyncio
import re
import signal
import time
from contextlib import AsyncExitStack
from pathlib import Path

from service.http import watch
from service.settings import Settings
from service.storage import Storage
from tests.api.hostile import connections, crowd, held, open_files, resident
from tests.api.streams import Stream, streaming
from tests.api.supervised import supervised, upload
from tests.backstage import until
from tests.driver import drain
from tests.faults.proxy import proxy_to, through
from tests.sweeping import DATA, receipt_of
from tests.wire import bare_head
from worker.decoder import Decoders

MANY = 300
LOOK = "dynamodb BatchGetItem"
SHARE = 128
"""A sixteenth of the half of `MAX_CONNECTIONS`, as it is by default."""
GOOD_SECONDS = 15.0
"""In which an upload is taken meanwhile, also on a machine that is slower and busy."""
END_SECONDS = 15.0


async def test_hundreds(settings: Settings, storage: Storage, decoders: Decoders, tmp_path: Path) -> None:
    """One user takes all he can get, many others one each; uploads pass, AWS is asked little, and SIGTERM ends all."""
    users = ["mallory", *(f"user-{number}" for number in range(MANY))]
    receipts = [receipt_of(user) for user in users]
    for at in range(0, len(receipts), 20):
        await asyncio.gather(*(storage.objects.put_staged(one, [DATA]) for one in receipts[at : at + 20]))
    paths = [f"/v1/images/{one.image_id}" for one in receipts]
    async with AsyncExitStack() as opened:
        proxy = await opened.enter_async_context(proxy_to(str(settings.endpoint_s3)))
        service = await opened.enter_async_context(supervised(through(settings, proxy), tmp_path, processes=1))
        assert (await service.ask(upload())).status == 202
        pid = service.process.pid
        memory, files = resident(pid), open_files(pid)

        async def enter(user: str, path: str) -> tuple[Stream, bool]:
            """A stream, and whether it waits."""
            stream = await opened.enter_async_context(streaming(service.url, user, path))
            first = await stream.block()
            assert first
            event = await stream.status()
            assert event
            assert event.id == "queued-0"
            return stream, (first.retry or 0) <= 3_000

        greedy = [await enter(users[0], paths[0]) for _ in range(MANY)]
        assert [waits for _, waits in greedy] == [True] * SHARE + [False] * (MANY - SHARE)
        others = [await enter(user, path) for user, path in zip(users[1:], paths[1:], strict=True)]
        assert all(waits for _, waits in others)
        grown = resident(pid) - memory
        assert grown < 40_000 * 2 * MANY + 10_000_000
        assert open_files(pid) <= files + 2 * MANY + 20

        before, begin, longest = proxy.all[LOOK], time.monotonic(), 0.0
        for _ in range(10):
            sent = time.monotonic()
            assert (await service.ask(upload())).status == 202
            longest = max(longest, time.monotonic() - sent)
        looks = (proxy.all[LOOK] - before) / (time.monotonic() - begin)
        assert longest < GOOD_SECONDS
        assert looks <= 2 * MANY / watch.BATCH / watch.TICK_SECONDS
        print(f"{grown / 2e3 / MANY:.1f} KB of memory each; {looks:.1f} looks a second; an upload {longest:.2f} s")

        # Those that wait hear of it; the greedy one, too.
        await storage.queue.send(receipts[1].message)
        await drain(settings, storage, decoders)
        event = await others[0][0].status()
        assert event
        assert event.id == "ready-1"

        begin = time.monotonic()
        service.process.send_signal(signal.SIGTERM)
        for stream, waits in greedy + others[1:]:
            if waits:
                # Its end as HTTP/1.1 marks it, and then that of the connection.
                assert await stream.status() is None
                assert await stream.rest() == b""
        async with asyncio.timeout(END_SECONDS):
            assert await service.process.wait() == 0
        assert time.monotonic() - begin < END_SECONDS
        assert not re.search("Traceback|ERROR", service.log.read_text())


async def test_who_reads_nothing_of_many(settings: Settings, storage: Storage, tmp_path: Path) -> None:
    """Streams that nobody reads end when their time is over, and their connections go when room is needed."""
    receipt = receipt_of("mallory")
    await storage.objects.put_staged(receipt, [DATA])
    request = bare_head("X-User-Id: mallory", target=f"/v1/images/{receipt.image_id}/events", method="GET")
    limits = {"EVENTS_SECONDS": "2", "EVENTS_HEARTBEAT_SECONDS": "0.1", "MAX_CONNECTIONS": "100"}
    async with supervised(settings, tmp_path, processes=1, **limits) as service:
        opened = await connections(service.url, 100, request, receive_bytes=4096)

        async def full() -> bool:
            return held(service.port) >= 99

        await until(full)

        async def answered() -> bool:
            try:
                return (await service.ask(upload())).status == 202
            except (ConnectionError, asyncio.IncompleteReadError):
                return False

        # All but a few streams are at their end at once, so they give way to who comes.
        await until(answered, seconds=5)
        async with crowd(service.url, 50):
            await until(answered, seconds=5)
        for one in opened:
            one.close()
