"""Uploads and the connections they come on: the client always gets to read the answer, and nothing is half done."""

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Iterator
from dataclasses import replace

import pytest

from service.settings import Settings
from tests.api.loops import LOOPS, client_at
from tests.driver import Answer, Client
from tests.forms import FORM, PNG, file_part, form
from tests.outside import Outside, outside_of
from tests.pictures import MOST_BYTES, TINY, noise
from tests.uploads import CHUNKED, SIZE, TYPE, WHOLE, Refuses
from tests.wire import bare_head, chunk, connected, exchange, head

EXPECT = "Expect: 100-continue"
TEXT = b"This is not a picture. " * 5000
TEXT_SIZE = f"Content-Length: {len(TEXT)}"


@pytest.fixture(scope="module", params=LOOPS)
def loop(request: pytest.FixtureRequest) -> str:
    """What the service runs on: each tells the end of a connection in its own way."""
    return str(request.param)


@pytest.fixture(scope="module")
async def client(loop: str, settings: Settings) -> AsyncIterator[Client]:
    async with client_at(loop, settings) as made:
        yield made


@pytest.fixture(scope="module")
async def outside(settings: Settings) -> AsyncIterator[Outside]:
    async with outside_of(settings) as look:
        yield look


@pytest.fixture
def refuses(outside: Outside) -> Refuses:
    return Refuses(outside)


@pytest.fixture(autouse=True)
def nothing_logged(caplog: pytest.LogCaptureFixture) -> Iterator[None]:
    """Whatever clients do to their connections, it is no trouble of the service."""
    yield
    assert [record for record in caplog.get_records("call") if record.levelno >= logging.WARNING] == []


# Reading the answer

SLOW = {
    "too_large_declared": ("too_large", [TYPE, f"Content-Length: {6_000_000}"], b""),
    "too_large": ("too_large", ["Content-Type: image/jpeg", CHUNKED], chunk(TINY["image/jpeg"].data)),
    "type": ("unsupported_media_type", ["Content-Type: text/html", CHUNKED], b""),
    "form": ("malformed_multipart", [f"Content-Type: {FORM}", CHUNKED], chunk(TEXT)),
}


@pytest.mark.parametrize("name", SLOW)
async def test_a_slow_client_that_reads_only_at_the_end(name: str, client: Client, refuses: Refuses) -> None:
    """It sends 6 MB first; the service, long since decided, has to hear it out."""
    code, headers, first = SLOW[name]
    framed, piece = CHUNKED in headers, noise(250_000)

    async def slowly() -> Answer:
        async with connected(client) as wire:
            await wire.send(head(client, *headers), first)
            for _ in range(24):
                await wire.send(chunk(piece) if framed else piece)
                # No waiting for anything: this is how slow the client is.
                await asyncio.sleep(0.02)
            if framed:
                await wire.send(chunk(b""))
            return await wire.answer()

    await refuses(slowly(), code)


@pytest.mark.parametrize("way", WHOLE)
async def test_a_client_that_ends_its_side_behind_the_body(way: str, client: Client) -> None:
    headers, body = WHOLE[way]
    answer = await exchange(client, head(client, *headers), body, half_close=True)
    assert answer.status == 202


@pytest.mark.parametrize("way", WHOLE)
async def test_a_client_that_ends_its_side_in_the_body(way: str, client: Client, refuses: Refuses) -> None:
    """At once, and when the service has begun to read."""
    headers, body = WHOLE[way]
    await refuses(exchange(client, head(client, *headers), body[:-20], half_close=True), "incomplete_body")

    async def later() -> Answer:
        async with connected(client) as wire:
            await wire.send(head(client, *headers, EXPECT))
            assert (await wire.answer()).status == 100
            await wire.send(body[:-20])
            wire.half_close()
            return await wire.answer()

    await refuses(later(), "incomplete_body")


async def test_broken_framing_behind_a_good_chunk(client: Client, refuses: Refuses) -> None:
    async def broken() -> Answer:
        async with connected(client) as wire:
            await wire.send(head(client, TYPE, CHUNKED, EXPECT))
            assert (await wire.answer()).status == 100
            await wire.send(chunk(PNG[:40]), b"no length\r\n")
            return await wire.answer()

    await refuses(broken(), "malformed_body")


# `Expect: 100-continue`


@pytest.mark.parametrize("way", WHOLE)
async def test_a_body_is_invited_when_the_headers_are_good(way: str, client: Client) -> None:
    headers, body = WHOLE[way]
    async with connected(client) as wire:
        await wire.send(head(client, *headers, EXPECT))
        assert (await wire.answer()).status == 100
        await wire.send(body)
        assert (await wire.answer()).status == 202


UNINVITED = {
    "type": (400, "unsupported_media_type", ["X-User-Id: alice", "Content-Type: text/html", TEXT_SIZE]),
    "size": (400, "too_large", ["X-User-Id: alice", TYPE, f"Content-Length: {MOST_BYTES + 1}"]),
    "encoding": (400, "unsupported_encoding", ["X-User-Id: alice", TYPE, TEXT_SIZE, "Content-Encoding: gzip"]),
    "boundary": (400, "malformed_multipart", ["X-User-Id: alice", "Content-Type: multipart/form-data", TEXT_SIZE]),
    "key": (400, "invalid_idempotency_key", ["X-User-Id: alice", TYPE, TEXT_SIZE, "Idempotency-Key: a b"]),
    "user": (401, "unauthenticated", [TYPE, TEXT_SIZE]),
    "expectation": (417, "expectation_failed", ["X-User-Id: alice", TYPE, TEXT_SIZE, "Expect: payment"]),
}


@pytest.mark.parametrize("body", [b"", TEXT], ids=["waits", "does_not_wait"])
@pytest.mark.parametrize("name", UNINVITED)
async def test_no_body_is_invited_when_the_headers_are_bad(
    name: str, body: bytes, client: Client, refuses: Refuses
) -> None:
    """The first answer is the last one, also for a client that sends its body all the same."""
    status, code, headers = UNINVITED[name]
    expectation = [] if name == "expectation" else [EXPECT]
    await refuses(exchange(client, bare_head(*headers, *expectation), body), code, status)


# One connection, several requests


@pytest.mark.parametrize("headers", [[TYPE, TEXT_SIZE], ["Content-Type: text/plain", TEXT_SIZE]], ids=["body", "type"])
async def test_a_connection_goes_on_after_a_refusal(headers: list[str], client: Client) -> None:
    async with connected(client) as wire:
        for _ in range(3):
            await wire.send(head(client, *headers), TEXT)
            assert (await wire.answer()).status == 400
            await wire.send(head(client, TYPE, SIZE), PNG)
            assert (await wire.answer()).status == 202


async def test_uploads_in_one_go_are_answered_in_their_order(client: Client) -> None:
    jpeg = TINY["image/jpeg"].data
    one = head(client, "Content-Type: image/jpeg", f"Content-Length: {len(jpeg)}") + jpeg
    bad, two = head(client, TYPE, TEXT_SIZE) + TEXT, head(client, f"Content-Type: {FORM}", CHUNKED)
    async with connected(client) as wire:
        await wire.send(one, bad, two, chunk(form(file_part())), chunk(b""), one)
        answers = [await wire.answer() for _ in range(4)]
    assert [answer.status for answer in answers] == [202, 400, 202, 202]
    first, _, second, third = answers
    assert [taken.json["content_type"] for taken in (first, second, third)] == ["image/jpeg", "image/png", "image/jpeg"]
    assert len({taken.json["image_id"] for taken in (first, second, third)}) == 3


async def test_http_1_0(client: Client) -> None:
    async with connected(client) as wire:
        await wire.send(head(client, TYPE, SIZE).replace(b"HTTP/1.1", b"HTTP/1.0"), PNG)
        assert (await wire.answer()).status == 202
        assert await wire.rest() == b""


# Clients that say nothing, or are gone


async def test_a_connection_that_does_not_come_to_a_request_ends(loop: str, settings: Settings) -> None:
    """At its beginning, and behind a request; whether it says nothing, some of a line, or some of the headers."""
    async with client_at(loop, replace(settings, keep_alive_seconds=2.0)) as client:

        async def ends(said: bytes, behind: bool) -> None:
            async with connected(client) as wire:
                if behind:
                    await wire.send(head(client, target="/healthz", method="GET"))
                    assert (await wire.answer()).status == 200
                await wire.send(said)
                assert await wire.rest() == b""

        says = (b"", b"POST /v1/im", bare_head(TYPE)[:-4])
        await asyncio.gather(*(ends(said, behind) for said in says for behind in (False, True)))


@pytest.mark.parametrize("way", WHOLE)
async def test_a_client_that_is_gone_in_the_body(way: str, loop: str, settings: Settings, outside: Outside) -> None:
    headers, body = WHOLE[way]
    before = await outside.everything()
    async with client_at(loop, settings) as client:
        for sent in (b"", body[:1], body[:-1]):
            async with connected(client) as wire:
                await wire.send(head(client, *headers, EXPECT))
                assert (await wire.answer()).status == 100
                await wire.send(sent)
                wire.cut()
    # The service has ended, so whatever was going to be stored is.
    assert await outside.everything() == before


async def test_clients_that_are_gone_behind_the_body(loop: str, settings: Settings, outside: Outside) -> None:
    """Their uploads are taken whole, bytes and message, or not at all."""
    keys, _, messages = await outside.everything()
    async with client_at(loop, settings) as client:
        for way in (*WHOLE, *WHOLE):
            headers, body = WHOLE[way]
            async with connected(client) as wire:
                await wire.send(head(client, *headers, EXPECT))
                assert (await wire.answer()).status == 100
                await wire.send(body)
                wire.cut()
    keys_after, _, messages_after = await outside.everything()
    assert len(keys_after) - len(keys) == messages_after - messages


@pytest.mark.parametrize("leaves", ["half_close", "cut"])
async def test_the_rest_of_a_refused_body_holds_nothing_up(leaves: str, loop: str, settings: Settings) -> None:
    """A client that has read its refusal and left is not waited for when the service ends."""
    settings = replace(settings, linger_seconds=60.0, shutdown_seconds=60.0)
    async with client_at(loop, settings) as client:
        async with connected(client) as wire:
            await wire.send(head(client, TYPE, TEXT_SIZE), TEXT[:-1])
            assert (await wire.answer()).status == 400
            getattr(wire, leaves)()
        ending = time.monotonic()
    assert time.monotonic() - ending < 40
