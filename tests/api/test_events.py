"""`GET /v1/images/{id}/events`."""

import asyncio
import re
import signal
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack
from dataclasses import replace
from pathlib import Path

import pytest

from service import logs
from service.http import watch
from service.images import Record, Status
from service.settings import Settings
from service.storage import Storage, open_storage
from tests.api.hostile import connections, held, reset, resident
from tests.api.records import now_id, record, settle
from tests.api.streams import Stream, streaming
from tests.api.supervised import supervised, upload
from tests.backstage import until
from tests.bad_pictures import ONLY_DECODING_TELLS
from tests.driver import Client, client_of, drain
from tests.faults.proxy import proxy_to, through
from tests.faults.stories import new_user
from tests.pictures import TINY
from tests.wire import bare_head
from worker.decoder import Decoders

PNG = TINY["image/png"].data
SOON = 20.0
"""Seconds in which a stream must have noticed that something has come; longer than on an idle machine."""
FEW_SECONDS = 1.0
MANY = 120


async def queued(client: Client) -> str:
    """The path of an image that is queued."""
    answer = await client.upload(PNG, "image/png")
    assert answer.status == 202
    return answer.headers["Location"]


@pytest.fixture
async def brief(settings: Settings) -> AsyncIterator[Client]:
    """A user of a service whose streams last a second, and beat often."""
    quick = replace(settings, events_seconds=FEW_SECONDS, events_heartbeat_seconds=0.1)
    async with client_of(quick, new_user()) as made:
        yield made


async def test_from_queued_to_ready(client: Client, settings: Settings, storage: Storage, decoders: Decoders) -> None:
    """Two clients see the same: what `GET` says then, at once and when it changes; then the stream ends."""
    path = await queued(client)
    receipt = (await client.get(path)).json
    async with streaming(client.url, client.user, path) as one, streaming(client.url, client.user, path) as two:
        for stream in (one, two):
            assert stream.answer.status == 200
            assert stream.answer.headers["Content-Type"] == "text/event-stream"
            assert stream.answer.headers["Cache-Control"] == "no-store"
            assert stream.answer.headers["X-Accel-Buffering"] == "no"
            first = await stream.block()
            assert first
            assert 1_000 <= (first.retry or 0) <= 3_000
            event = await stream.status()
            assert event
            assert (event.name, event.id, event.data) == ("status", "queued-0", receipt)
        await drain(settings, storage, decoders)
        for stream in (one, two):
            async with asyncio.timeout(SOON):
                event = await stream.status()
            assert event
            assert (event.id, event.data["status"]) == ("ready-1", "ready")
            assert event.data == (await client.get(path)).json
            assert await stream.block() is None
    # The connection can be used again.
    async with streaming(client.url, client.user, path) as stream:
        assert [(await stream.status()), await stream.status()] == [event, None]
        stream.writer.write(bare_head("Connection: close", target="/healthz", method="GET"))
        assert (await stream.rest()).startswith(b"HTTP/1.1 200 OK")


async def test_a_rejected_image_says_why(
    client: Client, settings: Settings, storage: Storage, decoders: Decoders
) -> None:
    broken = ONLY_DECODING_TELLS["png_pixels_cut"]
    path = (await client.upload(broken.data, broken.content_type)).headers["Location"]
    async with streaming(client.url, client.user, path) as stream:
        await stream.status()
        await drain(settings, storage, decoders)
        event = await stream.status()
        assert event
        assert (event.id, event.data["reason"]["code"]) == ("rejected-1", "corrupt_image")
        assert await stream.block() is None


async def test_coming_again(client: Client, settings: Settings, storage: Storage, decoders: Decoders) -> None:
    """Only what the client does not know is told; who knows the last event is told to come no more."""
    path = await queued(client)
    async with streaming(client.url, client.user, path, "queued-0") as stream:
        first = await stream.block()
        assert first
        assert first.retry
        await drain(settings, storage, decoders)
        event = await stream.status()
        assert event
        assert event.id == "ready-1"
    async with streaming(client.url, client.user, path, "queued-0") as stream:  # a worker has finished between
        assert [await stream.status(), await stream.status()] == [event, None]
    for last in ("nonsense", "ready-7", ""):
        async with streaming(client.url, client.user, path, last) as stream:
            assert await stream.status() == event, last
    done = await client.get(f"{path}/events", Last_Event_ID="ready-1")
    assert (done.status, done.body, done.headers["Cache-Control"]) == (204, b"", "no-store")
    assert (await client.ask("PATCH", path, json={"title": "Rocket"})).status == 200
    async with streaming(client.url, client.user, path, "ready-1") as stream:
        edited = await stream.status()
        assert edited
        assert (edited.id, edited.data["title"]) == ("ready-2", "Rocket")


async def test_deleted_meanwhile(client: Client) -> None:
    """Who has heard of the image is told, once; to others it never was."""
    path = await queued(client)
    async with streaming(client.url, client.user, path) as stream:
        await stream.status()
        assert (await client.ask("DELETE", path)).status == 204
        event = await stream.status()
        assert event
        assert (event.id, event.data) == ("deleted", {"image_id": path.rpartition("/")[2], "status": "deleted"})
        assert await stream.block() is None
    async with streaming(client.url, client.user, path, "queued-0") as stream:
        assert [await stream.status(), await stream.status()] == [event, None]
    assert (await client.get(f"{path}/events", Last_Event_ID="deleted")).status == 204
    gone, never = await client.get(f"{path}/events"), await client.get(f"/v1/images/{now_id()}/events")
    assert (gone.status, gone.code) == (never.status, never.code) == (404, "image_not_found")


async def test_only_the_head(client: Client) -> None:
    """Of an image that is queued: the headers, and no waiting."""
    path = await queued(client)
    async with asyncio.timeout(SOON):
        answer = await client.ask("HEAD", f"{path}/events")
    assert (answer.status, answer.headers["Content-Type"], answer.body) == (200, "text/event-stream", b"")


async def test_a_stream_does_not_last_for_ever(brief: Client, settings: Settings, storage: Storage) -> None:
    """It beats, and ends as it should; its client comes again."""
    path = await queued(brief)
    begin, beats = time.monotonic(), 0
    async with streaming(brief.url, brief.user, path) as stream:
        while (event := await stream.block()) is not None:
            beats += event.heartbeat
    assert FEW_SECONDS <= time.monotonic() - begin < FEW_SECONDS + SOON
    assert beats >= 3
    await storage.objects.delete_staged(brief.user, path.rpartition("/")[2])
    # Its bytes have vanished, and there is no record: it cannot become anything any more.
    assert (await brief.get(f"{path}/events", Last_Event_ID="queued-0")).code == "image_not_found"


async def test_no_time_at_all(settings: Settings) -> None:
    """`EVENTS_SECONDS=0`: what there is, and no more."""
    async with client_of(replace(settings, events_seconds=0.0), new_user()) as client:
        path = await queued(client)
        async with streaming(client.url, client.user, path) as stream:
            assert [(event := await stream.status()) and event.id, await stream.status()] == ["queued-0", None]


@pytest.mark.parametrize("how", ["closes", "resets", "says_no_more"])
async def test_a_client_that_leaves(how: str, settings: Settings, tmp_path: Path) -> None:
    """Its stream ends at once, is logged as such, and nobody looks for it any more. One who only listens stays."""
    async with AsyncExitStack() as opened:
        proxy = await opened.enter_async_context(proxy_to(str(settings.endpoint_s3)))
        through_it, seldom = through(settings, proxy), {"EVENTS_HEARTBEAT_SECONDS": "60"}
        service = await opened.enter_async_context(supervised(through_it, tmp_path, processes=1, **seldom))
        path = (await service.ask(upload(PNG, "image/png"))).headers["Location"]
        if how == "says_no_more":
            async with streaming(service.url, "alice", path) as stream:
                stream.writer.write_eof()
                await stream.status()
                assert (await service.ask(bare_head("X-User-Id: alice", target=path, method="DELETE"))).status == 204
                event = await stream.status()
                assert event
                assert event.id == "deleted"
            return
        request = bare_head("X-User-Id: alice", target=f"{path}/events", method="GET")
        (one,) = await connections(service.url, 1, request)
        got = b""
        while (
            not got.endswith(b"\n\n\r\n") or b"queued-0" not in got
        ):  # what is left unread would make a reset of the end
            got += await asyncio.get_running_loop().sock_recv(one, 1000)

        async def looked() -> bool:
            return proxy.all["dynamodb BatchGetItem"] > 0

        await until(looked)
        one.close() if how == "closes" else reset(one)

        async def gone() -> bool:
            return held(service.port) == 0 and bool(service.said(r"GET /v1/images/\S+/events 499"))

        await until(gone, seconds=SOON)
        looks = proxy.all["dynamodb BatchGetItem"]
        assert (await service.metrics())["cloud_images_requests_under_way",] == 0
        await asyncio.sleep(2 * watch.LONGEST_PAUSE)  # nothing is to happen in that time
        assert proxy.all["dynamodb BatchGetItem"] == looks


@pytest.mark.parametrize("processes", [1, 2])
async def test_the_service_ends(processes: int, settings: Settings, tmp_path: Path) -> None:
    """Streams end with it at once, whole, and their connections with them."""
    async with supervised(settings, tmp_path, processes, SHUTDOWN_SECONDS="60") as service:
        path = (await service.ask(upload(PNG, "image/png"))).headers["Location"]
        async with AsyncExitStack() as opened:
            streams = [await opened.enter_async_context(streaming(service.url, "alice", path)) for _ in range(8)]
            for stream in streams:
                await stream.status()
            begin = time.monotonic()
            service.process.send_signal(signal.SIGTERM)
            for stream in streams:
                assert await stream.status() is None
                assert await stream.rest() == b""
            async with asyncio.timeout(SOON):
                assert await service.process.wait() == 0
            assert time.monotonic() - begin < SOON
        assert "Traceback" not in service.log.read_text()


@pytest.mark.parametrize("kind", ["internal_error", "nothing", "log_in", "reset"])
async def test_aws_is_away_meanwhile(kind: str, settings: Settings, storage: Storage, decoders: Decoders) -> None:
    """A stream goes on beating, and tells what has come of the image when AWS is there again."""
    async with proxy_to(str(settings.endpoint_s3)) as proxy:
        quick = replace(through(settings, proxy), events_heartbeat_seconds=0.2)
        async with client_of(quick, new_user()) as client:
            path = await queued(client)
            async with streaming(client.url, client.user, path) as stream:
                await stream.status()
                with proxy.breaking("dynamodb BatchGetItem", kind) as rule:
                    await drain(settings, storage, decoders)
                    for _ in range(10):
                        event = await stream.block()
                        assert event
                        assert event.heartbeat

                    async def met() -> bool:
                        return rule.met > 0

                    await until(met)
                event = await stream.status()
                assert event
                assert event.id == "ready-1"
                assert await stream.block() is None
            with proxy.breaking("dynamodb GetItem", "internal_error"):
                away = await client.get(f"{path}/events")
                assert (away.status, away.code) == (503, "dynamodb_unavailable")


async def test_dynamodb_leaves_some_out(settings: Settings, storage: Storage) -> None:
    """What it has no room for is looked at the next time, and is not taken for anything else."""
    catalog, asked = storage.catalog, 0

    class Scant:
        async def several(self, images: list[tuple[str, str]]) -> object:
            nonlocal asked
            asked += 1
            return await catalog.several(images[:1] if asked < 4 else images)

    user, ids = new_user(), [now_id() for _ in range(3)]
    await settle(storage, *(record(user, image_id, status=Status.READY) for image_id in ids))
    looking = watch.Watch(Scant(), asyncio.Event())  # type: ignore[arg-type]
    async with AsyncExitStack() as opened:
        news = [opened.enter_context(looking.on((user, image_id))) for image_id in ids]
        async with asyncio.timeout(SOON):
            found = await asyncio.gather(*news)
    assert [isinstance(one, Record) and one.receipt.image_id for one in found] == ids
    assert len(looking) == 0


async def test_what_is_logged_of_all_names_none() -> None:
    """One task looks for all who wait; what goes wrong there is not about the user who came first."""
    logged = asyncio.Event()

    class Broken:
        async def several(self, images: list[tuple[str, str]]) -> object:
            with logs.about() as known:
                seen.append(dict(known))
            logged.set()
            raise ZeroDivisionError

    seen: list[dict[str, str]] = []
    looking = watch.Watch(Broken(), asyncio.Event())  # type: ignore[arg-type]
    with logs.about(user_id="first"), looking.on(("first", now_id())):
        async with asyncio.timeout(SOON):
            await logged.wait()
    assert seen[0] == {}


async def test_a_fault_of_ours_is_met_seldom() -> None:
    """Looks that fail in a way that nobody foresaw neither follow each other fast, nor end the looking."""
    begun: list[float] = []

    class Broken:
        async def several(self, images: Sequence[tuple[str, str]]) -> dict[tuple[str, str], Record]:
            begun.append(asyncio.get_running_loop().time())
            raise KeyError("status")

    looking = watch.Watch(Broken(), asyncio.Event())  # type: ignore[arg-type]
    with looking.on(("alice", now_id())):

        async def twice() -> bool:
            return len(begun) > 1

        await until(twice)
        assert begun[1] - begun[0] >= watch.SLACK * watch.LONGEST_PAUSE


async def test_who_takes_nothing(settings: Settings, tmp_path: Path) -> None:
    """Clients that never read hold on to nothing for longer than a stream lasts and a connection may be idle."""
    limits = {"EVENTS_SECONDS": "1", "EVENTS_HEARTBEAT_SECONDS": "0.1", "KEEP_ALIVE_SECONDS": "1"}
    async with supervised(settings, tmp_path, processes=1, ANSWER_IDLE_SECONDS="1", **limits) as service:
        path = (await service.ask(upload(PNG, "image/png"))).headers["Location"]
        # Pipelined, so that all there is to be said does not fit into what the system keeps for them.
        request = bare_head("X-User-Id: alice", target=f"{path}/events", method="GET")
        much = bare_head(target="/openapi.json", method="GET") * 60
        opened = await connections(service.url, 5, much + request, receive_bytes=4096)
        opened += await connections(service.url, 5, request, receive_bytes=4096)

        async def gone() -> bool:
            return held(service.port) == 0

        await until(gone)
        for one in opened:
            one.close()


@pytest.mark.parametrize("limited_by", ["setting", "open_files"])
async def test_half_of_the_connections_at_most_wait(
    limited_by: str, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever comes then gets what there is, and is told to come again later; so there is room for others."""
    if limited_by == "open_files":
        monkeypatch.setattr("service.http.server.room", lambda wanted: 10)
    else:
        settings = replace(settings, max_connections=10)
    async with client_of(settings, new_user()) as client, AsyncExitStack() as opened:
        path = await queued(client)

        async def enter() -> Stream:
            return await opened.enter_async_context(streaming(client.url, client.user, path))

        for stream in [await enter() for _ in range(5)]:
            await stream.status()
        busy = await enter()
        first = await busy.block()
        assert first
        assert (first.retry or 0) >= 10_000
        assert [(event := await busy.status()) and event.id, await busy.status()] == ["queued-0", None]
        assert (await client.ask("DELETE", path)).status == 204


async def test_each_user_has_a_share(settings: Settings) -> None:
    """One who takes all of it gets no more than what there is; others wait as ever, and so does who leaves one."""
    async with (
        client_of(replace(settings, max_connections=2 * 16 * 8), new_user()) as client,
        AsyncExitStack() as opened,
    ):
        path = await queued(client)

        async def enter(user: Client, path: str, last: str | None = None) -> tuple[Stream, int]:
            stream = await opened.enter_async_context(streaming(user.url, user.user, path, last))
            first = await stream.block()
            assert first
            return stream, first.retry or 0

        taken = [await enter(client, path) for _ in range(8)]
        assert all(retry <= 3_000 for _, retry in taken)
        busy, retry = await enter(client, path)
        assert retry >= 10_000
        assert [(event := await busy.status()) and event.id, await busy.status()] == ["queued-0", None]
        # To one who knows the first event already there is nothing to be said.
        again, retry = await enter(client, path, "queued-0")
        assert (retry >= 10_000, await again.status()) == (True, None)
        other = client.as_user(new_user())
        stream, retry = await enter(other, await queued(other))
        assert (retry <= 3_000, (event := await stream.status()) and event.id) == (True, "queued-0")
        taken[0][0].writer.close()

        async def has_room() -> bool:
            return (await enter(client, path))[1] <= 3_000

        await until(has_room)
        assert (await client.ask("DELETE", path)).status == 204
        (known, gone) = [await taken[1][0].status() for _ in range(2)]
        assert [known and known.id, gone and gone.id] == ["queued-0", "deleted"]


async def test_a_small_service_has_room_for_a_browser(settings: Settings) -> None:
    """Six streams, as many connections as it opens to a host."""
    async with client_of(replace(settings, max_connections=40), new_user()) as client, AsyncExitStack() as opened:
        path = await queued(client)
        retries = []
        for _ in range(7):
            stream = await opened.enter_async_context(streaming(client.url, client.user, path))
            first = await stream.block()
            retries.append(first and (first.retry or 0) >= 10_000)
        assert retries == [False] * 6 + [True]


async def test_many_streams(settings: Settings, decoders: Decoders, tmp_path: Path) -> None:
    """Hundreds of images are looked at with few calls and little memory, and each stream hears of its own."""
    async with AsyncExitStack() as opened:
        proxy = await opened.enter_async_context(proxy_to(str(settings.endpoint_s3)))
        service = await opened.enter_async_context(supervised(through(settings, proxy), tmp_path, processes=1))
        paths = [(await service.ask(upload(PNG, "image/png"))).headers["Location"] for _ in range(MANY)]
        memory = resident(service.process.pid)
        streams = [await opened.enter_async_context(streaming(service.url, "alice", path)) for path in paths]
        for stream in streams:
            await stream.status()
        grown = resident(service.process.pid) - memory

        async def calls(seconds: float) -> int:
            before = sum(proxy.all.values())
            await asyncio.sleep(seconds)  # what is measured is what happens in a time
            return sum(proxy.all.values()) - before

        early = await calls(2)
        await asyncio.sleep(6)  # by then the pauses are at their longest
        late = await calls(6)
        async with open_storage(settings) as storage:
            await drain(settings, storage, decoders)
        heard = [await stream.status() for stream in streams]
        assert [event and event.data["image_id"] for event in heard] == [path.rpartition("/")[2] for path in paths]
        assert {event and event.id for event in heard} == {"ready-1"}
        print(
            f"{MANY} streams of {MANY} images: {early / 2:.1f} calls to AWS a second at first, {late / 6:.1f} later; "
            f"{grown / MANY / 1000:.1f} KB of memory each"
        )
        assert early / 2 <= 2 * MANY / watch.BATCH / watch.TICK_SECONDS
        assert late / 6 <= 2 * MANY / watch.BATCH / watch.LONGEST_PAUSE + 1
        assert grown < 40_000 * MANY
        assert not re.search("Traceback", service.log.read_text())
