"""Images that do not pass what stands before the service: they go straight to S3, and the caller does not notice."""

import hashlib
from collections.abc import AsyncIterator
from dataclasses import replace

import pytest
from aiohttp import web

from service.client import Client, Conflict, Refused
from service.http.server import serving
from service.settings import Settings
from tests.cli.conftest import Person
from tests.cli.odd import odd, says
from tests.pictures import MOST_BYTES, exactly, jpeg, noise, png

FROM = 600_000


@pytest.fixture(scope="module")
async def narrow(url: str, settings: Settings) -> AsyncIterator[str]:
    """A second service beside the first, with the same worker, that says it takes no large bodies."""
    async with serving(replace(settings, direct_upload_from=FROM)) as at:
        yield at


async def test_small_ones_come_here_and_large_ones_go_there(person: Person, narrow: str) -> None:
    """Both become images alike, with all words, and can be had again."""
    async with Client(narrow, user=person.name) as client:
        for size in (FROM - 1, FROM, MOST_BYTES):
            gone: list[int] = []
            data = exactly(size).data
            image = await client.upload(
                data, title="Größe", tags=["a", "b"], filename=f"{size}.png", wait=60, progress=gone.append
            )
            assert image.status == "ready", image
            assert (image.size, image.sha256) == (size, hashlib.sha256(data).hexdigest())
            assert (image.title, image.tags, image.filename) == ("Größe", ("a", "b"), f"{size}.png")
            assert sum(gone) >= size
            assert await client.content(image.image_id) == data
        assert (await client.usage()).images == 3


async def test_once_only(person: Person, narrow: str) -> None:
    """Also straight to S3; whether the image is there already or only its form was asked for."""
    data = exactly(FROM).data
    async with Client(narrow, user=person.name) as client:
        first = await client.upload(data, idempotency_key="k", wait=60)
        again = await client.upload(data, idempotency_key="k")
        assert again.image_id == first.image_id
        with pytest.raises(Conflict):
            await client.upload(data, title="Other", idempotency_key="k")


async def test_refusals(person: Person, narrow: str) -> None:
    """What the worker finds is in the record; what is too large for any image is not sent."""
    path = person.put("large.jpg", noise(MOST_BYTES + 1))
    async with Client(narrow, user=person.name) as client:
        image = await client.upload(b"\xff\xd8\xff" + noise(FROM), wait=60)
        assert image.status == "rejected"
        assert image.reason
        with pytest.raises(Refused) as refused:
            await client.upload(path)
        assert refused.value.code == "too_large"


async def test_a_gateway_that_takes_less_than_was_known(person: Person) -> None:
    """Its 413 makes the client ask again from which size on it is straight to S3."""
    most: list[int | None] = [None, 600_000]

    async def gateway(request: web.Request) -> web.StreamResponse:
        if request.method == "GET":
            return await says(200, {"images": [], "next_cursor": None, "direct_upload_from": most.pop(0)})(request)
        if request.path == "/v1/images":
            return await says(413, {"message": "Request Entity Too Large"})(request)
        return await says(409, {"code": "image_deleted", "detail": "It is gone."})(request)

    async with odd(gateway) as server, Client(server.url, user=person.name) as client:
        with pytest.raises(Conflict, match="It is gone"):
            await client.upload(exactly(FROM).data)
    assert [asked.path for asked in server.asked][-3:] == ["/v1/images", "/v1/images?limit=1", "/v1/uploads"]


async def test_small_ones_need_no_question(person: Person) -> None:
    """One request, and no look at what limits there are."""
    async with person.client() as client:
        await client.upload(jpeg().data)
        assert not client._calls._learning.locked()
    async with odd(says(409, {"code": "image_deleted", "detail": "It is gone."})) as server:
        async with Client(server.url, user=person.name) as other:
            with pytest.raises(Conflict):
                await other.upload(png().data)
        assert len(server.asked) == 1
