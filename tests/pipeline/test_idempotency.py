"""The same `Idempotency-Key` from the same user gives the same image, whatever happened in between."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from service.settings import Settings
from service.storage import Storage
from tests.backstage import Backstage, drain, whole
from tests.bad_pictures import ONLY_DECODING_TELLS
from tests.driver import Answer, Client, client_of
from tests.faults.between import NOTHING_THERE, elsewhere
from tests.pictures import jpeg_progressive, webp
from worker.decoder import Decoders

AT_ONCE = 10
KEY = "holiday/2026#1"


async def upload(client: Client, key: str = KEY, path: str = "/v1/images", **headers: str) -> Answer:
    """The upload that all of these tests repeat."""
    return await client.upload(jpeg_progressive().data, path=path, Idempotency_Key=key, **headers)


async def test_the_same_upload_is_the_same_image_from_queued_to_deleted(
    client: Client, settings: Settings, storage: Storage, decoders: Decoders, backstage: Backstage
) -> None:
    """202 while it is queued, 201 once it is ready, 409 once it is deleted; and never a second one."""
    first, again = await upload(client), await upload(client)
    assert (first.status, again.status) == (202, 202)
    assert first.json == again.json
    assert first.headers["Location"] == again.headers["Location"]
    await drain(settings, storage, decoders)
    ready = await upload(client)
    assert ready.status == 201
    assert ready.json == (await client.get(first.headers["Location"])).json
    assert (ready.json["image_id"], ready.json["status"]) == (first.json["image_id"], "ready")
    assert (await client.get("/v1/images")).json["images"] == [ready.json]
    assert await backstage.keys_of(client.user) == whole(first.json["image_id"])
    assert await backstage.messages() == 0
    assert (await client.ask("DELETE", first.headers["Location"])).status == 204
    gone = await upload(client)
    assert (gone.status, gone.code) == (409, "image_deleted")
    assert await backstage.keys_of(client.user) == set()
    assert (await client.get("/v1/images")).json["images"] == []


async def test_deleted_while_queued_is_not_uploaded_anew(client: Client, backstage: Backstage) -> None:
    """The retry of an upload shall not undo what its owner did since."""
    first = await upload(client)
    assert (await client.ask("DELETE", first.headers["Location"])).status == 204
    again = await upload(client, Prefer="wait=5")
    assert (again.status, again.code) == (409, "image_deleted")
    assert await backstage.keys_of(client.user) == set()


async def test_at_once(
    client: Client, settings: Settings, storage: Storage, decoders: Decoders, backstage: Backstage
) -> None:
    """Ten impatient requests get one image; so do those that come while the worker has it."""
    answers = await asyncio.gather(*(upload(client) for _ in range(AT_ONCE)))
    assert {answer.status for answer in answers} == {202}
    (image_id,) = {answer.json["image_id"] for answer in answers}
    draining = asyncio.create_task(drain(settings, storage, decoders))
    more = await asyncio.gather(*(upload(client) for _ in range(AT_ONCE)))
    await draining
    assert {answer.status for answer in more} <= {201, 202}
    assert {answer.json["image_id"] for answer in more} == {image_id}
    await drain(settings, storage, decoders)
    assert [image["image_id"] for image in (await client.get("/v1/images")).json["images"]] == [image_id]
    assert await backstage.keys_of(client.user) == whole(image_id)


async def test_a_rejection_stays_a_rejection(
    client: Client, settings: Settings, storage: Storage, decoders: Decoders, backstage: Backstage
) -> None:
    """400 with the worker's own reason, without another try."""
    bad = ONLY_DECODING_TELLS["png_pixels_cut"]
    first = await client.upload(bad.data, bad.content_type, Idempotency_Key=KEY)
    assert first.status == 202
    await drain(settings, storage, decoders)
    again = await client.upload(bad.data, bad.content_type, Idempotency_Key=KEY)
    assert (again.status, again.code, again.json["image_id"]) == (400, "corrupt_image", first.json["image_id"])
    assert await backstage.keys_of(client.user) == set()
    assert await backstage.messages() == 0


async def test_a_key_stands_for_one_upload_of_one_user(client: Client, backstage: Backstage) -> None:
    """Other bytes or other labels under it are a mistake; another user's key, or another key, is another upload."""
    first = await upload(client)
    for path, data, content_type in (
        ("/v1/images", webp().data, "image/webp"),
        ("/v1/images?title=Other", jpeg_progressive().data, "image/jpeg"),
        ("/v1/images?tags=other", jpeg_progressive().data, "image/jpeg"),
        ("/v1/images?filename=other.jpg", jpeg_progressive().data, "image/jpeg"),
    ):
        refused = await client.upload(data, content_type, path, Idempotency_Key=KEY)
        assert (refused.status, refused.code) == (409, "idempotency_key_reused"), path
    assert await backstage.keys_of(client.user) == {f"incoming/{first.json['image_id']}"}
    other_key, stranger = await upload(client, KEY + "x"), await upload(client.as_user(f"{client.user}-2"))
    assert (other_key.status, stranger.status) == (202, 202)
    assert len({answer.json["image_id"] for answer in (first, other_key, stranger)}) == 3


@pytest.fixture(params=["sqs", "s3"])
async def unlucky(request: pytest.FixtureRequest, client: Client, settings: Settings) -> AsyncIterator[Client]:
    """The same user, of a service that does not reach this part of AWS."""
    async with client_of(elsewhere(settings, request.param, NOTHING_THERE), client.user) as made:
        yield made


async def test_a_retry_after_a_first_attempt_that_came_half_way(
    client: Client, unlucky: Client, settings: Settings, storage: Storage, decoders: Decoders, backstage: Backstage
) -> None:
    """The retry makes it whole, under the id of the first attempt if that one left anything."""
    first = await upload(unlucky)
    assert (first.status, first.code.partition("_")[2]) == (503, "unavailable")
    left = await backstage.keys_of(client.user)
    retry = await upload(client)
    assert retry.status == 202
    assert left <= {f"incoming/{retry.json['image_id']}"}
    assert (await upload(client)).json["image_id"] == retry.json["image_id"]
    await drain(settings, storage, decoders)
    assert (await client.get(retry.headers["Location"])).json["status"] == "ready"
    assert await backstage.keys_of(client.user) == whole(retry.json["image_id"])
    assert await backstage.messages() == 0
