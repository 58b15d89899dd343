"""More connections than there is room for, and what is left of a crowd when it has gone."""

import asyncio
import os
import resource
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from service.settings import Settings
from tests.api.hostile import connections, crowd, held, open_files, reset, resident
from tests.api.supervised import HEALTH, Supervised, supervised, upload
from tests.backstage import until
from tests.driver import Answer
from tests.pictures import jpeg
from tests.wire import Wire, bare_head, problem

MOST = 40
IDLE, HEADERS, BODIES, PIPELINED = (
    int(os.environ.get(f"CROWD_{name}", few))
    for name, few in (("IDLE", 800), ("HEADERS", 250), ("BODIES", 100), ("PIPELINED", 2000))
)
"""`make crowd` brings more."""
SLOW_HEADERS = b"POST /v1/images HTTP/1.1\r\nHost: localhost\r\nX-Slow: "
GOOD_SECONDS = 60.0
"""For a request in a crowd, on a machine that has more to do."""


@pytest.fixture(scope="module")
async def small(settings: Settings, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Supervised]:
    """A service with room for few."""
    folder = tmp_path_factory.mktemp("small")
    async with supervised(settings, folder, processes=1, MAX_CONNECTIONS=str(MOST)) as made:
        yield made


async def wire_to(service: Supervised) -> tuple[Wire, asyncio.StreamWriter]:
    reader, writer = await asyncio.open_connection("127.0.0.1", service.port)
    return Wire(reader, writer), writer


async def answered(wire: Wire, request: bytes = HEALTH) -> Answer:
    await wire.send(request)
    async with asyncio.timeout(GOOD_SECONDS):
        return await wire.answer()


async def test_the_longest_idle_make_room(small: Supervised) -> None:
    """Whoever comes anew is served, and whoever has asked for something lately stays."""
    oldest, oldest_end = await wire_to(small)
    busy, busy_end = await wire_to(small)
    assert (await answered(oldest)).status == (await answered(busy)).status == 200

    async def all_in() -> bool:
        return held(small.port) == MOST

    async with crowd(small.url, MOST - 2):
        # Who is still in the system's queue when another one asks has come after that, for the service.
        await until(all_in)
        for _ in range(3):
            assert (await answered(busy)).status == 200
            async with crowd(small.url, MOST // 2, SLOW_HEADERS):
                assert (await small.ask()).status == 200
        assert (await answered(busy)).status == 200
        async with asyncio.timeout(GOOD_SECONDS):
            assert await oldest.rest() == b""
        assert held(small.port) <= MOST
    oldest_end.close()
    busy_end.close()


async def test_nobody_is_idle(small: Supervised) -> None:
    """Who comes then is told so at once, and those who were there get what they came for."""
    whole = upload()
    async with crowd(small.url, MOST, whole[:1000]) as opened:

        async def told() -> Answer | None:
            wire, end = await wire_to(small)
            try:
                answer = await answered(wire)
                return answer if answer.status == 503 else None
            finally:
                end.close()

        answer = await until(told)
        assert problem(answer) == (503, "service_unavailable")
        assert int(answer.headers["Retry-After"]) > 0
        assert answer.headers["Connection"] == "close"
        loop = asyncio.get_running_loop()
        await loop.sock_sendall(opened[0], whole[1000:])
        async with asyncio.timeout(GOOD_SECONDS):
            assert (await loop.sock_recv(opened[0], 100)).startswith(b"HTTP/1.1 202 ")
        # Its connection is idle now, so there is room.
        assert (await small.ask()).status == 200

    async def gone() -> bool:
        return held(small.port) == 0

    await until(gone)
    assert (await small.ask(whole)).status == 202


async def test_the_refused_make_room(small: Supervised) -> None:
    """Nobody without a name takes all places, by bodies that never come and of which only the rest is waited for."""
    loop = asyncio.get_running_loop()
    async with crowd(small.url, MOST, bare_head("Content-Type: image/jpeg", "Content-Length: 1000")) as opened:
        async with asyncio.timeout(GOOD_SECONDS):
            for one in opened:
                assert (await loop.sock_recv(one, 100)).startswith(b"HTTP/1.1 401 ")
        for _ in range(3):
            assert (await small.ask(upload())).status == 202


async def test_those_who_take_no_answer_make_room(settings: Settings, tmp_path: Path) -> None:
    """Nobody takes all places by asking for much that needs no name, and reading nothing of it."""
    asked = bare_head(target="/openapi.json", method="GET") * 60
    async with supervised(settings, tmp_path, processes=1, MAX_CONNECTIONS="20", ANSWER_IDLE_SECONDS="600") as service:
        opened = await connections(service.url, 20, asked, receive_bytes=4096)
        try:

            async def served() -> bool:
                return (await service.ask(upload())).status == 202

            async def fit() -> bool:
                return held(service.port) <= 20

            await until(served)
            # Their sockets are gone too, not only their places.
            async with crowd(service.url, 18):
                await until(served)
                await until(fit)
        finally:
            for one in opened:
                one.close()


async def test_thousands(settings: Settings, tmp_path: Path) -> None:
    """Idle ones, slow headers and slow bodies, while a good client is served; they cost little, and leave nothing."""
    room = str(IDLE + HEADERS + BODIES + 50)
    photo, whole = jpeg().data, upload()
    longest = 0.0
    # Nobody is to be cut off for being slow, however slow the machine is.
    patience = dict.fromkeys(("KEEP_ALIVE_SECONDS", "HEADER_SECONDS", "BODY_IDLE_SECONDS"), "600")
    limits = {"MAX_CONNECTIONS": room, "SPOOL_MEMORY_BYTES": "2000000", **patience}
    async with supervised(settings, tmp_path, processes=1, **limits) as service:
        pid, loop = service.process.pid, asyncio.get_running_loop()

        async def good() -> None:
            nonlocal longest
            begin = loop.time()
            answer = await service.ask(whole)
            assert answer.status == 202
            record = await service.ask(bare_head("X-User-Id: alice", target=answer.headers["Location"], method="GET"))
            assert record.json["size"] == len(photo)
            longest = max(longest, loop.time() - begin)

        for _ in range(5):
            await good()
        files, memory = open_files(pid), resident(pid)

        async def all_there() -> bool:
            return held(service.port) >= IDLE + HEADERS + BODIES

        async def come_and_go() -> int:
            """How much memory they took."""
            async with (
                crowd(service.url, IDLE),
                crowd(service.url, HEADERS, SLOW_HEADERS) as headers,
                crowd(service.url, BODIES, whole[: len(whole) // 2]) as bodies,
            ):
                await until(all_there)
                for turn in range(10):
                    for one in headers[turn::10]:
                        await loop.sock_sendall(one, b"x")
                    for one in bodies[turn::10]:
                        await loop.sock_sendall(one, photo[:100])
                    await good()
                grown = resident(pid) - memory
                for one in bodies[::2]:
                    reset(one)
            await until(back)
            return grown

        async def back() -> bool:
            return held(service.port) == 0 and open_files(pid) <= files + 20

        grown = await come_and_go()
        kept = resident(pid) - memory
        again = await come_and_go()
        await good()
        assert longest < GOOD_SECONDS
        assert grown < 40_000 * (IDLE + HEADERS + BODIES) + 30_000_000
        assert again < 1.3 * grown + 10_000_000, "what Python keeps of those who left serves the next ones"
        assert (await service.metrics())["cloud_images_requests_under_way",] == 0
        print(
            f"{IDLE} idle, {HEADERS} slow headers, {BODIES} slow bodies: {grown / 1e6:.1f} MB more memory, "
            f"{kept / 1e6:.1f} MB when they had gone, {again / 1e6:.1f} MB with as many again; "
            f"the longest upload and read {longest:.2f} s"
        )


async def test_thousands_of_requests_in_one_go(small: Supervised) -> None:
    """Each is answered, in its order, and they do not all wait in the service's memory."""
    targets = [f"/nowhere/{number}" for number in range(PIPELINED)]
    assert (await small.ask()).status == 200
    before, most = resident(small.process.pid), 0
    reader, writer = await asyncio.open_connection("127.0.0.1", small.port)
    wire = Wire(reader, writer)
    async with asyncio.timeout(100):
        writer.write(b"".join(bare_head("X-Long: " + "x" * 1000, target=target, method="GET") for target in targets))
        for target in targets:
            assert f"GET {target}:" in (await wire.answer()).json["detail"]
            if target.endswith("00"):
                most = max(most, resident(small.process.pid))
    writer.close()
    # A KB each, whose headers would take several times as much.
    assert most - before < 6_000_000


async def test_no_descriptor_is_left(settings: Settings, tmp_path: Path) -> None:
    """The system refuses what was promised: the service goes on, and answers again as soon as it can."""
    async with supervised(settings, tmp_path, processes=1) as service:
        pid = service.process.pid
        assert (await service.ask(upload())).status == 202
        resource.prlimit(pid, resource.RLIMIT_NOFILE, (open_files(pid) + 20, 4096))
        async with crowd(service.url, 100):

            async def full() -> bool:
                return held(service.port) >= 15

            await until(full)
        resource.prlimit(pid, resource.RLIMIT_NOFILE, (4096, 4096))

        async def again() -> bool:
            try:
                return (await service.ask(upload())).status == 202
            except (ConnectionError, asyncio.IncompleteReadError):
                return False

        await until(again)


@pytest.mark.parametrize(
    ("soft", "hard", "wanted", "expected"),
    [(256, 5000, 1000, "1000 2100"), (256, 500, 1000, "200 500"), (50, 50, 1000, "16 50"), (4000, 5000, 10, "10 4000")],
)
def test_room_that_the_system_leaves(soft: int, hard: int, wanted: int, expected: str) -> None:
    """As many files as are needed, if they can be had; else fewer connections."""
    code = (
        "import resource as r, sys; from service.http.crowd import room; soft, hard, wanted = map(int, sys.argv[1:]);"
        "r.setrlimit(r.RLIMIT_NOFILE, (soft, hard)); print(room(wanted), r.getrlimit(r.RLIMIT_NOFILE)[0])"
    )
    words = [sys.executable, "-c", code, str(soft), str(hard), str(wanted)]
    assert subprocess.run(words, check=True, capture_output=True, text=True).stdout.strip() == expected
