"""Rare moments that once mattered: each of these tests fails without the code that it stands for."""

import asyncio
import json
import os
import resource
import signal
from dataclasses import replace
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from service.errors import Unavailable
from service.images import new_image_id
from service.intake.spool import Spool
from service.settings import Settings
from service.storage import Storage
from tests.backstage import SECONDS, decoder_pids
from tests.driver import Client, client_of, drain
from tests.pictures import jpeg
from worker.consumer import Consumer
from worker.decoder import Decoders, open_decoders
from worker.processing import Done, process


async def test_bytes_stored_after_a_deletion_go_at_the_next_delivery(
    settings: Settings, storage: Storage, decoders: Decoders, client: Client
) -> None:
    """A worker that dies between storing and settling leaves them; the message comes again and finds nothing staged."""
    answer = await client.upload(jpeg().data)
    receipt = await storage.objects.staged_receipt(client.user, answer.json["image_id"])
    assert receipt
    assert (await client.ask("DELETE", answer.headers["Location"])).status == 204
    await storage.objects.put_image(receipt, "original", "image/jpeg", jpeg().data)
    assert await process(receipt, storage, decoders) == Done(None)
    assert await storage.objects.open_image(client.user, receipt.image_id, "original") is None
    await drain(settings, storage, decoders)


async def test_a_disk_that_is_full_is_no_fault_of_the_upload(settings: Settings, client: Client) -> None:
    """503 with Retry-After, in a process that may write 4 KB to a file."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    ignored = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    try:
        async with client_of(replace(settings, spool_memory=0), client.user) as own:
            resource.setrlimit(resource.RLIMIT_FSIZE, (4096, hard))
            answer = await own.upload(jpeg().data)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
        signal.signal(signal.SIGXFSZ, ignored)
    assert (answer.status, answer.code) == (503, "spool_unavailable")
    assert answer.headers["Retry-After"]


async def test_a_spool_that_failed_gives_its_memory_back(tmp_path: Path) -> None:
    """Also when the folder is gone by then."""
    spool = Spool(20, str(tmp_path))
    tmp_path.rmdir()
    async with spool.open() as spooled:
        await spooled.write(b"12345")
        with pytest.raises(Unavailable):
            await spooled.write(b"1234567890")
    assert (spool.whole.left, spool.unwritten.left) == (10, 3)


@pytest.mark.parametrize("head", ["", "Transfer-Encoding: chunked\r\n"], ids=["no_length", "chunked"])
async def test_what_is_not_http_is_answered_also_before_a_fin(client: Client, head: str) -> None:
    """The body, the error that it is, and the FIN come in one packet."""
    address = urlsplit(client.url)
    reader, writer = await asyncio.open_connection(address.hostname, address.port)
    request = f"POST /v1/images HTTP/1.1\r\nHost: x\r\nX-User-Id: a\r\nContent-Type: image/jpeg\r\n{head}\r\n"
    writer.write(request.encode() + jpeg().data[:2000])
    writer.write_eof()
    async with asyncio.timeout(SECONDS):
        answer = await reader.read()
    writer.close()
    assert answer.startswith(b"HTTP/1.1 400") or answer.startswith(b"HTTP/1.0 400")
    assert json.loads(answer.partition(b"\r\n\r\n")[2])["code"]


async def test_two_requests_and_a_fin_are_both_answered(client: Client) -> None:
    """Pipelined, with nothing to come after them."""
    request = f"GET /v1/images/{new_image_id()} HTTP/1.1\r\nHost: x\r\nX-User-Id: {client.user}\r\n"
    once = (request + "\r\n").encode()
    last = (request + "Connection: close\r\n\r\n").encode()
    answer = await client.raw(once + last, half_close=True)
    assert answer.count(b"HTTP/1.1 404") == 2


async def test_a_queue_without_a_redrive_policy_is_no_hot_loop(
    settings: Settings, storage: Storage, decoders: Decoders, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What fails comes again after its pause, however often it has come already."""
    monkeypatch.setattr(type(storage.queue), "max_deliveries", lambda _: _none())
    await storage.queue.send("not a message")
    stop = asyncio.Event()
    patient = replace(settings, retry_seconds=300, poll_seconds=0)
    running = asyncio.create_task(Consumer(patient, storage, decoders, stop).run())
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(asyncio.shield(running), 2)
    assert await storage.queue.receive(1, 0) == []
    assert not await storage.queue.is_empty()
    stop.set()
    await running


async def _none() -> None:
    return None


async def test_ctrl_c_in_a_terminal_reaches_no_decoder(settings: Settings, tmp_path: Path) -> None:
    """The signal goes to the whole group; the decoder goes on, because the worker wants to finish."""
    async with open_decoders(replace(settings, decoders=1), {"thumb": 256}) as decoders:
        before = decoder_pids()
        await decoders.decode(jpeg().data, "image/jpeg")
        (pid,) = decoder_pids() - before
        for name in (signal.SIGINT, signal.SIGTERM):
            os.kill(pid, name)
        await decoders.decode(jpeg().data, "image/jpeg")
        assert Path(f"/proc/{pid}").exists()
