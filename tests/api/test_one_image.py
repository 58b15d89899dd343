"""`GET` and `DELETE` of `/v1/images/{id}`."""

import asyncio
import hashlib
import re
import uuid

import pytest

from service.images import Status
from service.settings import Settings
from service.storage import Storage
from service.storage.objects import VARIANTS
from tests.api.aws import Aws
from tests.api.records import FIELDS, now_id, record, settle
from tests.bad_pictures import ONLY_DECODING_TELLS
from tests.driver import Client, drain
from tests.pictures import TINY, jpeg
from worker.decoder import Decoders

TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z")
CHANGING = {"status", "updated_at", "version", "placeholder", "variants", "links"}
SOON = 15.0
"""Seconds in which an answer that waits for something must have noticed that it has come."""
TINY_PNG = TINY["image/png"]


async def uploaded(client: Client) -> str:
    """The path of an image that is queued."""
    answer = await client.upload(TINY_PNG.data, "image/png")
    assert answer.status == 202
    return answer.headers["Location"]


async def test_the_same_fields_from_receipt_to_record(
    client: Client, settings: Settings, storage: Storage, decoders: Decoders
) -> None:
    """What the receipt says stays true; the record only adds to it. Who waits for it gets it as soon as it is ready."""
    accepted = await client.upload(jpeg().data, path="/v1/images?filename=R%C3%B6cket.jpg&title=Up&tags=sea&tags=sky")
    path, receipt = accepted.headers["Location"], accepted.json
    image_id = path.rpartition("/")[2]
    assert set(receipt) == FIELDS
    assert receipt == {
        **{"image_id": image_id, "status": "queued", "content_type": "image/jpeg", "size": len(jpeg().data)},
        **{"sha256": hashlib.sha256(jpeg().data).hexdigest(), "width": 640, "height": 427, "frames": 1},
        **{"filename": "Röcket.jpg", "title": "Up", "tags": ["sea", "sky"], "links": {"self": path}},
        **{"created_at": receipt["created_at"], "updated_at": receipt["created_at"], "version": 0},
        **{"placeholder": None, "variants": {}, "reason": None, "direct_upload_from": None},
    }
    assert TIME.fullmatch(receipt["created_at"])
    assert (await client.get(path)).json == receipt
    assert (await client.get(path, Prefer="wait=0")).json == receipt

    waiting = asyncio.create_task(client.get(path, Prefer="respond-async, wait=25"))
    await drain(settings, storage, decoders)
    answer = await asyncio.wait_for(waiting, SOON)
    ready = answer.json
    assert (answer.status, ready["status"], answer.headers["ETag"]) == (200, "ready", '"1"')
    assert answer.headers["Preference-Applied"] == "wait=25"
    assert {name: ready[name] for name in FIELDS - CHANGING} == {name: receipt[name] for name in FIELDS - CHANGING}
    assert ready["version"] == 1
    assert TIME.fullmatch(ready["updated_at"])
    assert ready["updated_at"] >= receipt["created_at"]
    assert ready["links"] == {"self": path, "content": f"{path}/content"}
    assert set(ready["variants"]) == set(VARIANTS)
    assert ready["variants"]["thumb"].keys() == {"url", "width", "height", "size"}
    again = await asyncio.wait_for(client.get(path, Prefer="wait=25"), SOON)
    assert (again.json, again.headers["Cache-Control"]) == (ready, "no-store")
    assert (await client.get("/v1/images")).json["images"] == [ready]


async def test_a_rejected_image_says_why(
    client: Client, settings: Settings, storage: Storage, decoders: Decoders, aws: Aws
) -> None:
    """Its record has the same fields and the reason; its bytes are gone."""
    broken = ONLY_DECODING_TELLS["png_pixels_cut"]
    accepted = await client.upload(broken.data, broken.content_type)
    waiting = asyncio.create_task(client.get(accepted.headers["Location"], Prefer="wait=25"))
    await drain(settings, storage, decoders)
    rejected = (await asyncio.wait_for(waiting, SOON)).json
    assert set(rejected) == FIELDS
    assert (rejected["status"], rejected["variants"], rejected["links"].keys()) == ("rejected", {}, {"self"})
    assert rejected["reason"].keys() == {"code", "detail"}
    assert all(rejected["reason"].values())
    assert (await client.get("/v1/images?status=rejected")).json["images"] == [rejected]
    assert await aws.keys(rejected["image_id"]) == []


async def test_waiting_in_vain(client: Client) -> None:
    """After the time that was asked for comes the receipt, as without waiting."""
    path = await uploaded(client)
    loop = asyncio.get_running_loop()
    begin = loop.time()
    answer = await client.get(path, Prefer="wait=1")
    assert 1 <= loop.time() - begin < 1 + SOON
    assert (answer.status, answer.json["status"], answer.headers["Preference-Applied"]) == (200, "queued", "wait=1")


async def test_waiting_for_an_image_that_is_deleted(client: Client) -> None:
    """It will never be ready, so nobody is left waiting."""
    path = await uploaded(client)
    waiting = asyncio.create_task(client.get(path, Prefer="wait=25"))
    assert (await client.ask("DELETE", path)).status == 204
    answer = await asyncio.wait_for(waiting, SOON)
    assert (answer.status, answer.code) == (404, "image_not_found")


async def test_waiting_for_nothing(client: Client) -> None:
    """What does not exist is told at once."""
    answer = await asyncio.wait_for(client.get(f"/v1/images/{now_id()}", Prefer="wait=25"), SOON)
    assert (answer.status, answer.code) == (404, "image_not_found")


@pytest.mark.parametrize(
    "image_id",
    [
        "1",
        "thumb",
        "6f9619ff-8b86-4d01-b42d-00cf4fc964ff",  # version 4
        str(uuid.UUID(int=0)),
        "019B76DA-B3B8-776F-AF78-0F0A0C21D27B",
        "019b76dab3b8776faf780f0a0c21d27b",
        "urn:uuid:019b76da-b3b8-776f-af78-0f0a0c21d27b",
        "019b76da-b3b8-776f-cf78-0f0a0c21d27b",  # version 7, but of another variant than RFC 9562's
        "019b76da-b3b8-776f-af78-0f0a0c21d27%D9%A3",
        "019b76da-b3b8-776f-af78-0f0a0c21d27b%0A",
        "..%2F..%2Fbob%2F019b76da-b3b8-776f-af78",
        "%00",
        "x" * 3000,
    ],
    ids=lambda image_id: str(image_id)[:45],
)
async def test_what_is_no_image_id(client: Client, image_id: str) -> None:
    """400 from every call that takes one: no such image can ever be."""
    path = f"/v1/images/{image_id}"
    shown = [("GET", where) for where in (path, f"{path}/content", f"{path}/events")]
    for method, where in (*shown, ("PATCH", path), ("DELETE", path)):
        answer = await client.ask(method, where, json={"title": "x"} if method == "PATCH" else None)
        assert (answer.status, answer.code) == (400, "invalid_image_id"), (method, where)


async def assert_gone(client: Client, path: str) -> None:
    """No call finds the image, nor tells it from one that never was."""
    contents = [f"{path}/content{query}" for query in ("", "?variant=thumb", "?redirect=1")]
    for where in (path, *contents, f"{path}/events"):
        answer = await client.get(where)
        assert (answer.status, answer.code) == (404, "image_not_found"), where
    patched = await client.ask("PATCH", path, json={"title": "x"})
    assert (patched.status, patched.code) == (404, "image_not_found")


async def test_deleting_twice(
    client: Client, settings: Settings, storage: Storage, decoders: Decoders, aws: Aws
) -> None:
    """An image that is ready: its bytes go, other images stay."""
    gone, stays = await uploaded(client), await uploaded(client)
    await drain(settings, storage, decoders)
    assert (await client.get(f"{gone}/content")).body == TINY_PNG.data
    for _ in range(2):
        deleted = await client.ask("DELETE", gone)
        assert (deleted.status, deleted.body) == (204, b"")
        await assert_gone(client, gone)
    ids = {path: path.rpartition("/")[2] for path in (gone, stays)}
    assert await aws.keys(ids[gone]) == []
    assert len(await aws.keys(ids[stays])) == 1 + len(VARIANTS)
    assert (await client.get(f"{stays}/content")).body == TINY_PNG.data


async def test_deleting_while_queued(
    client: Client, settings: Settings, storage: Storage, decoders: Decoders, aws: Aws
) -> None:
    """It never comes back, though its message is still in the queue; the next upload of the same bytes is another."""
    path = await uploaded(client)
    assert (await client.ask("DELETE", path)).status == 204
    await assert_gone(client, path)
    other = await uploaded(client)
    await drain(settings, storage, decoders)
    await assert_gone(client, path)
    assert [image["links"]["self"] for image in (await client.get("/v1/images")).json["images"]] == [other]
    assert await aws.keys(path.rpartition("/")[2]) == []
    assert await storage.queue.is_empty()


async def test_deleting_what_never_was(client: Client) -> None:
    """204 all the same: afterwards it is not there, which is what was asked for."""
    path = f"/v1/images/{now_id()}"
    assert (await client.ask("DELETE", path)).status == 204
    await assert_gone(client, path)


@pytest.mark.parametrize("status", [Status.REJECTED, Status.FAILED])
async def test_deleting_what_did_not_become_ready(client: Client, storage: Storage, status: Status) -> None:
    """A user can get rid of these records too."""
    (image_id,) = await settle(storage, record(client.user, status=status))
    path = f"/v1/images/{image_id}"
    assert (await client.get(path)).json["status"] == status
    assert (await client.ask("DELETE", path)).status == 204
    await assert_gone(client, path)
    assert (await client.get("/v1/images")).json["images"] == []
