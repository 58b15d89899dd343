"""What does not pass a function, whose events and answers have at most 6 MiB, goes straight to and from S3."""

import hashlib
import json
from collections.abc import AsyncIterator
from dataclasses import replace

import aiohttp
import pytest
from yarl import URL

from service.settings import Settings
from service.storage import Storage
from tests.api.records import record, settle
from tests.driver import Client
from tests.functions import SERVICE, Function, function
from tests.pictures import TINY, exactly
from tests.serverless.events import Asked
from tests.serverless.senders import LARGEST, REST_API, Caller

FROM = 4_600_000
PNG = TINY["image/png"].data


async def stored(storage: Storage, user: str, size: int) -> tuple[str, bytes]:
    """The path of the bytes of a ready image of that size, and these."""
    data = exactly(size).data
    sha256 = hashlib.sha256(data).hexdigest()
    made = record(user, content_type="image/png", size=size, sha256=sha256)
    await storage.objects.put_image(made.receipt, "original", "image/png", data)
    (image_id,) = await settle(storage, made)
    return f"/v1/images/{image_id}/content", data


async def presigned(url: str) -> tuple[int, bytes, str]:
    """What anyone gets there."""
    async with aiohttp.ClientSession() as session, session.get(URL(url, encoded=True)) as answer:
        return answer.status, await answer.read(), answer.headers["Content-Type"]


async def test_the_bytes_of_a_large_image_are_elsewhere(caller: Caller, storage: Storage) -> None:
    """A redirect to them, as long as it is they that are asked for; the client follows it without credentials."""
    path, data = await stored(storage, caller.user, FROM)
    answer = await caller.get(path)
    assert (answer.status, answer.body, answer.headers["Cache-Control"]) == (302, b"", "no-store")
    assert await presigned(answer.headers["Location"]) == (200, data, "image/png")
    most = await caller.get(path, Range=f"bytes=0-{FROM - 1}")
    assert (most.status, await presigned(most.headers["Location"])) == (302, (200, data, "image/png"))


async def test_what_is_small_of_a_large_image_comes_itself(caller: Caller, storage: Storage) -> None:
    path, data = await stored(storage, caller.user, FROM)
    head = await caller.ask("HEAD", path)
    assert (head.status, head.body, head.headers["Content-Length"]) == (200, b"", str(FROM))
    some = await caller.get(path, Range="bytes=-1000")
    assert (some.status, some.body) == (206, data[-1000:])
    assert (await caller.get(path, If_None_Match=head.headers["ETag"])).status == 304


async def test_one_byte_less_passes(rest: Caller, storage: Storage) -> None:
    """As an answer and as an event; whatever headers come with it, there is room for them."""
    path, data = await stored(storage, rest.user, FROM - 1)
    answer = await rest.get(path)
    assert (answer.status, answer.body) == (200, data)
    headers = (("Content-Type", "image/png"), *((f"X-{n}", "x" * 1000) for n in range(10)))
    event = REST_API.event(Asked("POST", "/v1/images", headers=headers, body=data), rest.user)
    assert len(json.dumps(event).encode()) < LARGEST
    assert (await rest.invoke(event)).status == 202


async def test_part_of_a_larger_image(rest: Caller, storage: Storage) -> None:
    """What counts is the part that is asked for."""
    path, data = await stored(storage, rest.user, 5_000_000)
    below = await rest.get(path, Range=f"bytes=1-{FROM - 1}")
    assert (below.status, below.body) == (206, data[1:FROM])
    assert (await rest.get(path, Range=f"bytes=1-{FROM}")).status == 302


async def test_receipts_and_records_say_from_which_size(caller: Caller, storage: Storage) -> None:
    (image_id,) = await settle(storage, record(caller.user))
    assert (await caller.upload(PNG, "image/png")).json["direct_upload_from"] == FROM
    assert (await caller.get(f"/v1/images/{image_id}")).json["direct_upload_from"] == FROM


@pytest.fixture(scope="module", params=["", "1000"], ids=["empty", "1000"])
async def other(request: pytest.FixtureRequest, settings: Settings) -> AsyncIterator[tuple[Function, int]]:
    """A container with that value of `DIRECT_UPLOAD_FROM`, and what it means; an empty one counts as not set."""
    trusting = replace(settings, trust_user_header=True)
    async with function(SERVICE, trusting, DIRECT_UPLOAD_FROM=request.param) as made:
        yield made, int(request.param or FROM)


async def test_another_size(other: tuple[Function, int], storage: Storage, user: str) -> None:
    """Behind a load balancer, say, which takes 1 MB."""
    container, size = other
    caller = Caller(container, REST_API, user)
    assert (await caller.upload(PNG, "image/png")).json["direct_upload_from"] == size
    path, data = await stored(storage, user, size)
    answer = await caller.get(path)
    assert (answer.status, await presigned(answer.headers["Location"])) == (302, (200, data, "image/png"))


async def test_a_service_that_is_no_function_has_no_such_size(client: Client, storage: Storage) -> None:
    path, data = await stored(storage, client.user, FROM)
    assert (await client.get(path)).body == data
    assert (await client.upload(PNG, "image/png")).json["direct_upload_from"] is None
