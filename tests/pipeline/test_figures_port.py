"""The port of a worker's figures: whoever comes to it, and however many, the worker goes on as if nobody did."""

import asyncio
from pathlib import Path
from urllib.parse import urlsplit

import aiohttp
import pytest

from service.storage.provision import provision
from tests.api.hostile import connections, crowd, held, open_files, resident
from tests.backstage import final, until
from tests.conftest import settings_at
from tests.driver import client_of
from tests.pictures import jpeg
from tests.showing import showing
from tests.wire import bare_head
from worker import shown
from worker.metrics import Metrics

FIGURES = bare_head(target="/metrics", method="GET")
HOSTILE = {
    "silent": b"",
    "half_a_head": FIGURES[:-10],
    "takes_nothing": FIGURES,
    "a_body_without_end": bare_head("Transfer-Encoding: chunked", target="/metrics") + b"1\r\na\r\n",
    "no_http": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" * 20,
}


@pytest.mark.parametrize("said", HOSTILE.values(), ids=HOSTILE)
async def test_no_connection_lasts(said: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever its client says, or does not say, or take."""
    monkeypatch.setattr(shown, "QUESTION_SECONDS", 0.5)
    async with shown.shown(Metrics(sweeps=False), settings_at("http://127.0.0.1:1", worker_metrics_port=0)) as url:
        opened = await connections(url, 3, said, receive_bytes=4096)

        async def gone() -> bool:
            return held(urlsplit(url).port or 0) == 0

        await until(gone, seconds=10)
        for one in opened:
            one.close()


async def test_one_question_a_connection() -> None:
    """So there is none that idles; clients are told so."""
    async with (
        shown.shown(Metrics(sweeps=False), settings_at("http://127.0.0.1:1", worker_metrics_port=0)) as url,
        aiohttp.ClientSession() as session,
    ):
        for path, status in (("/metrics", 200), ("/healthz", 200), ("/nothing", 404)):
            async with session.get(url + path) as answer:
                assert (answer.status, answer.headers["Connection"]) == (status, "close")
        (one,) = await connections(url, 1, FIGURES * 5)
        got, loop = b"", asyncio.get_running_loop()
        async with asyncio.timeout(10):
            while piece := await loop.sock_recv(one, 65536):
                got += piece
        one.close()
        assert got.count(b"HTTP/1.1 200 OK") == 1


async def test_a_crowd(endpoint: str, tmp_path: Path) -> None:
    """Of hundreds the newest are kept; who asks is answered, files and memory stay bounded, and images become ready."""
    settings = settings_at(endpoint)
    await provision(settings)
    async with showing(settings, tmp_path) as worker, client_of(settings, "alice") as alice:
        port, pid = urlsplit(worker.url).port or 0, worker.process.pid
        await final(alice, (await alice.upload(jpeg().data)).json["image_id"])
        files, memory = open_files(pid), resident(pid)
        async with crowd(worker.url, 300, FIGURES[:-10]):

            async def few() -> bool:
                return held(port) <= shown.MOST_CONNECTIONS

            await until(few, seconds=shown.QUESTION_SECONDS / 2)
            assert open_files(pid) <= files + shown.MOST_CONNECTIONS + 2
            assert resident(pid) - memory < 20_000_000
            assert (await worker.figures())["cloud_images_uploads_under_way",] == 0
            assert await worker.health() == 200
            image = await final(alice, (await alice.upload(jpeg().data)).json["image_id"])
            assert image["status"] == "ready"
