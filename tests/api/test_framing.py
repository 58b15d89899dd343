"""Where a request ends: if that is in doubt it is refused with its connection, so nothing in it becomes a request."""

import asyncio
import re
from collections.abc import AsyncIterator, Mapping

import pytest
from aiohttp.http_parser import HttpRequestParser, HttpRequestParserPy

from service.settings import Settings
from tests.driver import Client
from tests.framings import BROKEN, ENDLESS, MALLORY, READ, REFUSED, SMUGGLED
from tests.outside import Outside, outside_of

STATUS = re.compile(rb"HTTP/1\.[01] (\d{3}) ")
CODE = re.compile(rb'"code": "(\w+)"')
MALFORMED = b"malformed_request"
TURNS = 16


@pytest.fixture(scope="module")
async def outside(settings: Settings) -> AsyncIterator[Outside]:
    async with outside_of(settings) as look:
        yield look


async def said(client: Client, requests: Mapping[str, bytes]) -> dict[str, bytes]:
    """All that is answered to each of them with `SMUGGLED` behind it; the service must close the connection."""
    turn = asyncio.Semaphore(TURNS)

    async def one(request: bytes) -> bytes:
        async with turn:
            return await client.raw(request + SMUGGLED)

    answers = await asyncio.gather(*map(one, requests.values()))
    return dict(zip(requests, answers, strict=True))


def statuses(answers: bytes) -> list[int]:
    return [int(status) for status in STATUS.findall(answers)]


def test_the_parser_in_c_is_used() -> None:
    """It is the one that these tables were made for."""
    assert HttpRequestParser is not HttpRequestParserPy


@pytest.mark.parametrize("table", [REFUSED, BROKEN], ids=["in_doubt", "broken_chunks"])
async def test_what_is_no_sound_request(table: Mapping[str, bytes], client: Client, outside: Outside) -> None:
    """One refusal, then the end; nothing is kept."""
    before = await outside.everything()
    answers = await said(client, table)
    odd = {name: one for name, one in answers.items() if statuses(one) != [400] or CODE.findall(one) != [MALFORMED]}
    assert odd == {}
    assert await outside.everything() == before


async def test_what_has_one_meaning(client: Client, outside: Outside) -> None:
    """Only what is a request of its own is answered, and only that is stored."""
    keys, items, messages = await outside.everything()
    answers = await said(client, {name: request for name, (_, request) in READ.items()})
    assert {name: statuses(one) for name, one in answers.items()} == {
        name: wanted for name, (wanted, _) in READ.items()
    }
    keys_after, items_after, messages_after = await outside.everything()
    new = set(keys_after) - set(keys)
    accepted = sum(wanted.count(202) for wanted, _ in READ.values())
    assert (len(new), messages_after - messages, items_after) == (accepted, accepted, items)
    assert sum(f"/{MALLORY}/" in key for key in new) == sum(len(wanted) == 2 for wanted, _ in READ.values())


async def test_a_chunk_without_end(client: Client, outside: Outside) -> None:
    """All that follows is of the body, whatever it looks like."""
    before = await outside.everything()
    answers = await client.raw(ENDLESS + SMUGGLED, half_close=True)
    assert (statuses(answers), CODE.findall(answers)) == ([400], [b"signature_mismatch"])
    assert await outside.everything() == before
