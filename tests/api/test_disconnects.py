"""Clients that are gone at any moment, also behind several requests: all is whole or nothing, and nothing stays."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from aiohttp import web

from service.http.keys import SPOOL
from service.http.server import base_url, listening
from service.settings import Settings
from tests.api.hostile import crowd
from tests.api.supervised import samples, supervised, upload
from tests.backstage import until
from tests.driver import Client
from tests.forms import PNG
from tests.outside import outside_of
from tests.uploads import SIZE, TYPE, WHOLE
from tests.wire import connected, head

ENDS = ("cut", "half_close", "close")
PREFER = "Prefer: wait=30"


@asynccontextmanager
async def watched(settings: Settings) -> AsyncIterator[tuple[Client, web.Application]]:
    """A user of a service whose inside can be seen."""

    async def listen(connection: Any) -> list[asyncio.Server]:
        return [await asyncio.get_running_loop().create_server(connection, "127.0.0.1", 0)]

    async with listening(settings, listen) as (app, (server,)), aiohttp.ClientSession() as session:
        yield Client(session, base_url(server.sockets[0]), "alice"), app


def moments(request: bytes, headers: int) -> list[int]:
    """After how many bytes a client may be gone: in the line, the headers, at the seams, in the body, behind it."""
    line = request.index(b"\r\n")
    inside = range(headers + 1, len(request), max(1, (len(request) - headers) // 6))
    return sorted(
        {0, 1, line // 2, line, line + 2, headers - 30, headers - 2, headers, *inside, len(request) - 1, len(request)}
    )


@pytest.mark.parametrize("way", WHOLE)
async def test_gone_at_any_moment(way: str, settings: Settings) -> None:
    """In each way, on one service: as many messages as staged objects, no task, and the whole of the spool's budget."""
    small = replace(settings, spool_memory=0)  # so that each goes to disk
    lines, body = WHOLE[way]
    async with outside_of(settings) as outside:
        keys, _, messages = await outside.everything()
        async with watched(small) as (client, app):
            assert (await client.get("/healthz")).status == 200
            spool, tasks = app[SPOOL], len(asyncio.all_tasks())
            budget = spool.whole.left, spool.unwritten.left
            headers = head(client, *lines, "Prefer: wait=1")
            request = headers + body
            answered = 0
            for end in ENDS:
                for moment in moments(request, len(headers)):
                    async with connected(client) as wire:
                        await wire.send(request[:moment])
                        if end == "cut":
                            wire.cut()
                        elif end == "half_close":
                            wire.half_close()
                            if moment < len(request):
                                answered += b" 400 " in await wire.rest()

            async def quiet() -> bool:
                return len(asyncio.all_tasks()) <= tasks

            await until(quiet)
            assert (spool.whole.left, spool.unwritten.left) == budget
        # The service has ended, so whatever was going to be stored is.
        keys_after, _, messages_after = await outside.everything()
        assert len(keys_after) - len(keys) == messages_after - messages > 0
        assert answered > 5


async def test_nobody_waits_for_a_client_that_is_gone(client: Client) -> None:
    """Its upload was taken, and the request ends long before the time that it wanted to wait."""

    async def figures() -> dict[tuple[str, ...], float]:
        return samples((await client.get("/metrics")).body.decode())

    async def under_way(wanted: int) -> bool:
        return (await figures())["cloud_images_requests_under_way",] == wanted

    accepted = "cloud_images_uploads_total", "", "accepted"
    before = (await figures())[accepted]
    async with asyncio.timeout(25), connected(client) as wire:
        await wire.send(head(client, TYPE, SIZE, PREFER), PNG)
        await until(partial(under_way, 1))
        wire.cut()
        await until(partial(under_way, 0))
    assert (await figures())[accepted] == before + 1


async def test_a_killed_service_leaves_no_file(settings: Settings, tmp_path: Path) -> None:
    """Of bodies that were on disk when it was killed."""
    folder = tmp_path / "spool"
    folder.mkdir()
    spooling = {"SPOOL_DIR": str(folder), "SPOOL_MEMORY_BYTES": "0"}
    async with supervised(settings, tmp_path, processes=1, **spooling) as service:
        files = Path(f"/proc/{service.process.pid}/fd")

        async def on_disk() -> bool:
            return any(str(one.readlink()).startswith(str(folder)) for one in files.iterdir())

        async with crowd(service.url, 5, upload()[:-1000]):
            await until(on_disk)
            service.process.kill()
            await service.process.wait()
        assert list(folder.iterdir()) == []


# Pipelining


async def test_uploads_behind_a_request_that_takes_its_time(client: Client, settings: Settings) -> None:
    """They wait in the system, not in the service; then each is answered, in its order; or all are given up."""
    waiting = head(client, TYPE, SIZE, "Prefer: wait=1") + PNG
    one = head(client, TYPE, SIZE) + PNG
    async with connected(client) as wire:
        await wire.send(waiting, one * 40, head(client, target="/healthz", method="GET"))
        answers = [await wire.answer() for _ in range(42)]
    assert [answer.status for answer in answers] == [202] * 41 + [200]
    assert len({answer.json["image_id"] for answer in answers[:-1]}) == 41
    async with outside_of(settings) as outside:
        keys, _, messages = await outside.everything()
        async with watched(settings) as (other, _), connected(other) as wire:
            await wire.send(waiting, one * 40)
            assert (await wire.answer()).status == 202
            wire.cut()
        keys_after, _, messages_after = await outside.everything()
        assert 0 < len(keys_after) - len(keys) == messages_after - messages
