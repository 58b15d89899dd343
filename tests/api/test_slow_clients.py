"""Clients that come, or take, so slowly that they only hold on to something."""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import suppress
from dataclasses import replace
from typing import Any

import pytest

from service.images import MAX_BYTES
from service.settings import Settings
from service.storage import Storage
from tests.api.hostile import connections, held
from tests.api.loops import LOOPS, client_at
from tests.api.stored import Stored, store
from tests.api.supervised import Supervised, supervised
from tests.backstage import until
from tests.driver import Client
from tests.pictures import jpeg, noise
from tests.uploads import CHUNKED
from tests.wire import Wire, bare_head, chunk, connected, head, problem
from worker.decoder import Decoders

JPEG = "Content-Type: image/jpeg"


@pytest.fixture(params=LOOPS)
def loop(request: pytest.FixtureRequest) -> str:
    """What the service runs on."""
    return str(request.param)


async def drip(wire: Wire, piece: Callable[[], bytes], pause: float = 0.05) -> None:
    """Send a piece again and again, this slowly, until the service has had enough."""
    while True:
        try:
            await wire.send(piece())
        except ConnectionError:
            return
        await asyncio.sleep(pause)


async def while_dripping(wire: Wire, piece: bytes, done: Awaitable[bytes]) -> bytes:
    """What the service says to a client that goes on and on."""
    dripping = asyncio.create_task(drip(wire, lambda: piece))
    try:
        return await done
    finally:
        dripping.cancel()


# Headers


@pytest.mark.parametrize("first", [True, False], ids=["at_its_beginning", "behind_a_request"])
async def test_headers_that_drip(first: bool, loop: str, settings: Settings) -> None:
    """Their time begins with their first byte, and no further byte extends it."""
    async with client_at(loop, replace(settings, header_seconds=0.4)) as client, connected(client) as wire:
        if not first:
            await wire.send(head(client, target="/healthz", method="GET"))
            assert (await wire.answer()).status == 200
        begin = time.monotonic()
        await wire.send(b"POST /v1/images HTTP/1.1\r\nX-Drip: ")
        # Nothing is said; what still drips then may be answered by a reset.
        with suppress(ConnectionResetError):
            assert await while_dripping(wire, b"x", wire.rest()) == b""
        assert 0.3 < time.monotonic() - begin < 8


async def test_headers_in_time(loop: str, settings: Settings) -> None:
    """Slow ones, and a connection that was idle for longer than headers may take."""
    async with client_at(loop, replace(settings, header_seconds=1.5)) as client, connected(client) as wire:
        for pause in (1.6, 0):
            request = head(client, target="/healthz", method="GET")
            for at in range(0, len(request), 10):
                await wire.send(request[at : at + 10])
                await asyncio.sleep(0.01)
            assert (await wire.answer()).status == 200
            await asyncio.sleep(pause)  # this client thinks for that long


async def test_headers_without_end(loop: str, settings: Settings) -> None:
    """Line by line, each of them a small one: there is a limit for all, and the client is told."""
    async with client_at(loop, settings) as client, connected(client) as wire:
        await wire.send(b"GET /healthz HTTP/1.1\r\n")

        async def lines() -> None:
            for number in range(60):
                await wire.send(b"X-%d: " % number + b"x" * 1000 + b"\r\n")

        sending = asyncio.create_task(lines())
        assert problem(await wire.answer()) == (400, "malformed_request")
        assert await wire.rest() == b""
        await asyncio.wait([sending])


# Bodies


@pytest.mark.parametrize("framed", [False, True], ids=["raw", "chunked"])
async def test_a_body_that_drips(framed: bool, loop: str, settings: Settings) -> None:
    """It never stalls for long, and is refused all the same; the client can read that, and then the connection ends."""
    slow = replace(settings, body_idle_seconds=0.5, min_bytes_per_second=10_000.0, linger_seconds=0.5)
    async with client_at(loop, slow) as client, connected(client) as wire:
        length = CHUNKED if framed else f"Content-Length: {MAX_BYTES}"
        await wire.send(head(client, JPEG, length), chunk(jpeg().data[:2000]) if framed else jpeg().data[:2000])
        begin = time.monotonic()

        async def refusal() -> bytes:
            assert problem(await wire.answer()) == (400, "body_timeout")
            return await wire.rest()

        assert await while_dripping(wire, chunk(b"x") if framed else b"x", refusal()) == b""
        assert 0.5 < time.monotonic() - begin < 8


async def test_a_body_over_a_bad_line(loop: str, settings: Settings) -> None:
    """Slower than the whole of it may stall, faster than the rate."""
    photo = jpeg().data
    slow = replace(settings, body_idle_seconds=1.5, min_bytes_per_second=5000.0)
    async with client_at(loop, slow) as client, connected(client) as wire:
        await wire.send(head(client, JPEG, f"Content-Length: {len(photo)}"))
        for at in range(0, len(photo), 2000):
            await wire.send(photo[at : at + 2000])
            await asyncio.sleep(0.03)
        assert (await wire.answer()).status == 202


async def test_a_body_of_a_stutterer(loop: str, settings: Settings) -> None:
    """What was quick may stall, but not for longer than any."""
    photo = jpeg().data
    slow = replace(settings, body_idle_seconds=0.4, min_bytes_per_second=1.0)
    async with client_at(loop, slow) as client, connected(client) as wire:
        await wire.send(head(client, JPEG, f"Content-Length: {len(photo)}"), photo[:-1])
        assert problem(await wire.answer()) == (400, "body_timeout")


@pytest.mark.parametrize("what", ["extensions", "one_byte_each"])
async def test_a_body_of_nothing_but_framing(what: str, loop: str, settings: Settings) -> None:
    """Chunks that cost more than they carry."""
    piece = b"1;" + b"x" * 1000 + b"\r\nx\r\n" if what == "extensions" else chunk(b"x")
    async with client_at(loop, settings) as client, connected(client) as wire:
        await wire.send(head(client, JPEG, CHUNKED), chunk(jpeg().data[:2000]))
        many = piece * (100_000 // len(piece))

        async def refusal() -> bytes:
            assert problem(await wire.answer()) == (400, "malformed_body")
            return await wire.rest()

        assert await while_dripping(wire, many, refusal()) == b""


# The rest of what was refused

ENDLESS: dict[str, Any] = {
    "in_bytes": {"linger_bytes": 1024 * 1024, "linger_seconds": 60.0},
    "in_seconds": {"linger_seconds": 0.5},
}


@pytest.mark.parametrize("bound", ENDLESS)
@pytest.mark.parametrize("refused", ["body", "headers"])
async def test_a_client_that_sends_for_ever(bound: str, refused: str, loop: str, settings: Settings) -> None:
    """It has its refusal, and then a while, or so many bytes."""
    bounded = replace(settings, keep_alive_seconds=1.0, **ENDLESS[bound])
    async with client_at(loop, bounded) as client, connected(client) as wire:
        begin = time.monotonic()
        coding = CHUNKED if refused == "body" else "Transfer-Encoding: gzip"
        await wire.send(head(client, "Content-Type: text/html", coding))
        assert (await wire.answer()).status == 400
        await drip(wire, lambda: chunk(noise(250_000)), pause=0)
        assert time.monotonic() - begin < 9


# Answers that nobody takes


@pytest.fixture(scope="module")
async def large(owner: Client, settings: Settings, storage: Storage, decoders: Decoders) -> Stored:
    """A photo of 4 MB, ready: with as much behind it as phones like to put there."""
    photo = jpeg()
    made = replace(photo, make=lambda: photo.data + noise(4_000_000))
    (stored,) = await store(owner, settings, storage, decoders, [made])
    return stored


@pytest.fixture(scope="module")
async def service(settings: Settings, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Supervised]:
    """A service of its own that has little patience."""
    patience = {"ANSWER_IDLE_SECONDS": "1", "KEEP_ALIVE_SECONDS": "1", "MIN_BYTES_PER_SECOND": "500"}
    async with supervised(settings, tmp_path_factory.mktemp("service"), processes=1, **patience) as made:
        yield made


def asked(large: Stored, owner: Client, *headers: str) -> bytes:
    return bare_head(f"X-User-Id: {owner.user}", *headers, target=large.content, method="GET")


@pytest.mark.parametrize("part", ["all", "what_is_left_in_buffers", "pipelined"])
async def test_clients_that_do_not_read(part: str, service: Supervised, owner: Client, large: Stored) -> None:
    """Whether the answer is still being sent, or only waits to be, when nobody takes it."""
    request = asked(large, owner)
    if part == "what_is_left_in_buffers":
        # More than the system takes of it, and less than would hold up whoever sends it.
        request = asked(large, owner, "Range: bytes=0-199999")
    elif part == "pipelined":
        request = bare_head(target="/nowhere", method="GET") * 600
    opened = await connections(service.url, 5, request, receive_bytes=4096)
    try:

        async def freed() -> bool:
            return held(service.port) == 0

        for one in opened:
            # An answer has begun, however soon it was cut.
            with suppress(ConnectionResetError):
                assert await asyncio.get_running_loop().sock_recv(one, 1) == b"H"
        await until(freed)
        assert (await service.ask()).status == 200
    finally:
        for one in opened:
            one.close()


async def test_a_client_that_reads_slowly(service: Supervised, owner: Client, large: Stored) -> None:
    """It gets all of it, though that takes longer than it may stand still."""
    (one,) = await connections(service.url, 1, asked(large, owner, "Connection: close"), receive_bytes=65_536)
    loop, got, begin = asyncio.get_running_loop(), bytearray(), time.monotonic()
    with one:
        while piece := await loop.sock_recv(one, 65_536):
            got += piece
            await asyncio.sleep(0.03)
    assert got.endswith(large.data)
    assert time.monotonic() - begin > 1
