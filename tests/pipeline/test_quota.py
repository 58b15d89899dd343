"""`QUOTA_IMAGES` and `QUOTA_BYTES`: exact at the edge in every way to upload; `GET /v1/usage` tells how it stands."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any

import pytest

from service.images import Reason, Receipt
from service.settings import Settings
from service.storage import Storage, open_storage
from service.storage.notifications import Arrival
from tests.backstage import Backstage, drain, final, working
from tests.bad_pictures import ONLY_DECODING_TELLS
from tests.books import Books, books_of
from tests.direct import ask, form_for, path_of, post
from tests.driver import Client, client_of
from tests.pictures import TINY
from tests.stage import LIMITS
from worker.admission import admit
from worker.decoder import Decoders
from worker.processing import fail
from worker.sweep.report import Kind
from worker.sweep.stages import sweep_once

PNG = TINY["image/png"].data
SIZE = len(PNG)
BAD = ONLY_DECODING_TELLS["png_pixels_cut"]
AT_ONCE, ROOM = 40, 7
Many = tuple[Client, Storage, Settings]


@pytest.fixture(scope="module")
async def books(settings: Settings) -> AsyncIterator[Books]:
    """A look into the table."""
    async with books_of(settings) as opened:
        yield opened


@asynccontextmanager
async def limited(settings: Settings, user: str, **quota: int) -> AsyncIterator[Many]:
    """A service with such a quota, a user of it, and what its worker has."""
    changes: dict[str, Any] = {f"quota_{name}": most for name, most in quota.items()}
    bound = replace(settings, **changes)
    async with client_of(bound, user) as client, open_storage(bound) as storage:
        yield client, storage, bound


async def usage(client: Client) -> tuple[int, int]:
    """What `GET /v1/usage` says that is used."""
    answer = await client.get("/v1/usage")
    assert answer.status == 200, answer
    return answer.json["images"], answer.json["bytes"]


@pytest.mark.parametrize("quota", [{"images": ROOM}, {"bytes": ROOM * SIZE + SIZE - 1}], ids=str)
async def test_uploads_at_once(
    client: Client, settings: Settings, decoders: Decoders, backstage: Backstage, books: Books, quota: dict[str, int]
) -> None:
    """Of forty to two processes exactly as many are accepted as there is room for; of the others nothing is kept."""
    async with (
        limited(settings, client.user, **quota) as (one, storage, bound),
        limited(settings, client.user, **quota) as (two, *_),
    ):
        before = await backstage.messages()
        answers = await asyncio.gather(*((one, two)[at % 2].upload(PNG, "image/png") for at in range(AT_ONCE)))
        assert sorted(answer.status for answer in answers) == [202] * ROOM + [429] * (AT_ONCE - ROOM)
        refused = [answer for answer in answers if answer.status == 429]
        assert {answer.code for answer in refused} == {"quota_exceeded"}
        assert not any("Retry-After" in answer.headers for answer in refused)
        accepted = {answer.json["image_id"] for answer in answers if answer.status == 202}
        assert await backstage.keys_of(client.user) == {f"incoming/{image_id}" for image_id in accepted}
        assert await backstage.messages() - before == ROOM
        assert await books.exact(client.user) == await usage(one) == (ROOM, ROOM * SIZE)
        async with working(bound, storage, decoders):
            assert {(await final(one, image_id))["status"] for image_id in accepted} == {"ready"}
        assert await books.exact(client.user) == await usage(two) == (ROOM, ROOM * SIZE)
        assert (await books.read(client.user)).reservations == {}
        assert (await two.upload(PNG, "image/png")).code == "quota_exceeded"


async def test_what_it_says(client: Client, settings: Settings) -> None:
    """Per user, never cached; and limits that there are none of are null."""
    nothing = {"images": 0, "bytes": 0, "quota": {"images": None, "bytes": None}}
    answer = await client.get("/v1/usage")
    assert (answer.status, answer.json, answer.headers["Cache-Control"]) == (200, nothing, "no-store")
    assert (await client.get("/v1/usage?user=other")).code == "invalid_parameter"
    assert (await client.ask("GET", "/v1/usage", headers={"X-User-Id": ""})).status == 401
    assert (await client.ask("POST", "/v1/usage")).status == 405
    async with limited(settings, client.user, images=2, bytes=3 * SIZE) as (user, *_):
        await user.upload(PNG, "image/png")
        assert (await user.get("/v1/usage")).json == {
            "images": 1,
            "bytes": SIZE,
            "quota": {"images": 2, "bytes": 3 * SIZE},
        }
        assert (await user.as_user(f"{client.user}-2").get("/v1/usage")).json["images"] == 0


async def test_a_full_user_is_told_before_the_body(client: Client, settings: Settings, backstage: Backstage) -> None:
    """No `100 Continue`; what is told is how much is used of what."""
    async with limited(settings, client.user, images=5, bytes=2 * SIZE) as (user, *_):
        first = await user.upload(PNG, "image/png")
        head = f"POST /v1/images HTTP/1.1\r\nHost: x\r\nX-User-Id: {user.user}\r\nContent-Type: image/png\r\n"
        head += f"Content-Length: {SIZE + 1}\r\nExpect: 100-continue\r\n\r\n"
        answer = await user.raw(head.encode(), half_close=True)
        assert answer.startswith(b"HTTP/1.1 429 "), answer
        assert b"100 Continue" not in answer
        assert f"1 of 5 images and {SIZE} of {2 * SIZE} bytes".encode() in answer
        assert (await user.upload(PNG, "image/png")).status == 202
        assert (await user.ask("DELETE", first.headers["Location"])).status == 204
        assert (await user.upload(PNG, "image/png")).status == 202


async def test_room_comes_back(client: Client, settings: Settings, decoders: Decoders, books: Books) -> None:
    """From what is deleted, queued or ready, once or twice, and from what is rejected; not from what has failed."""
    async with limited(settings, client.user, images=2) as (user, storage, bound):
        for _ in range(2):
            queued, bad = await user.upload(PNG, "image/png"), await user.upload(BAD.data, BAD.content_type)
            assert (queued.status, bad.status) == (202, 202)
            assert (await user.upload(PNG, "image/png")).code == "quota_exceeded"
            for _ in range(2):
                assert (await user.ask("DELETE", queued.headers["Location"])).status == 204
                assert await books.exact(client.user) == (1, len(BAD.data))
            await drain(bound, storage, decoders)
            assert (await user.get(bad.headers["Location"])).json["status"] == "rejected"
            assert await books.exact(client.user) == (0, 0)
        ready, failed = [await user.upload(PNG, "image/png") for _ in range(2)]
        receipt = await storage.objects.staged_receipt(client.user, failed.json["image_id"])
        assert receipt
        await fail(receipt, storage, Reason(code="internal_error", detail="A test wants it so."))
        assert await books.exact(client.user) == (2, 2 * SIZE)
        await drain(bound, storage, decoders)
        assert (await user.get(failed.headers["Location"])).json["status"] == "ready"
        assert await books.exact(client.user) == (2, 2 * SIZE)
        for _ in range(2):
            assert (await user.ask("DELETE", ready.headers["Location"])).status == 204
            assert await books.exact(client.user) == (1, SIZE)


async def test_the_same_key_needs_room_once(
    client: Client, settings: Settings, decoders: Decoders, books: Books
) -> None:
    """A retry of what is accepted is answered as before, though the quota is full; one of what was refused is not."""
    async with limited(settings, client.user, images=1) as (user, storage, bound):
        answers = await asyncio.gather(*(user.upload(PNG, "image/png", Idempotency_Key="key") for _ in range(8)))
        assert {answer.status for answer in answers} == {202}
        assert len({answer.json["image_id"] for answer in answers}) == 1
        assert (await user.upload(PNG, "image/png", Idempotency_Key="other")).code == "quota_exceeded"
        assert await books.exact(client.user) == (1, SIZE)
        await drain(bound, storage, decoders)
        assert (await user.upload(PNG, "image/png", Idempotency_Key="key")).status == 201
        assert await books.exact(client.user) == (1, SIZE)
        assert (await user.ask("DELETE", answers[0].headers["Location"])).status == 204
        assert (await user.upload(PNG, "image/png", Idempotency_Key="key")).code == "image_deleted"
        assert (await user.upload(PNG, "image/png", Idempotency_Key="other")).status == 202
        assert await books.exact(client.user) == (1, SIZE)


async def test_direct_uploads(
    client: Client, settings: Settings, decoders: Decoders, backstage: Backstage, books: Books
) -> None:
    """Forms are handed out while there is room; what arrives beyond it is rejected, and its bytes go."""
    async with limited(settings, client.user, images=1) as (user, storage, bound):
        first, second = [await form_for(user, "image/png") for _ in range(2)]
        assert await books.exact(client.user) == (0, 0)
        for given in (first, second):
            assert await post(user, given, PNG) is None
            await admit(Arrival(client.user, given["image_id"]), storage, LIMITS)
        assert await books.exact(client.user) == (1, SIZE)
        late = (await user.get(path_of(second))).json
        assert (late["status"], late["reason"]["code"]) == ("rejected", "quota_exceeded")
        refused = await ask(user, {"content_type": "image/png"})
        assert (refused.status, refused.code) == (429, "quota_exceeded")
        await drain(bound, storage, decoders)
        assert (await user.get(path_of(first))).json["status"] == "ready"
        assert {key.split("/")[1] for key in await backstage.keys_of(client.user)} == {first["image_id"]}
        assert await books.exact(client.user) == (1, SIZE)


async def test_a_form_for_an_image_that_has_its_place(client: Client, settings: Settings, books: Books) -> None:
    """The same key gives a form for it as long as it is queued, though the quota is full."""
    async with limited(settings, client.user, images=1) as (user, storage, _):
        given = await ask(user, {"content_type": "image/png"}, Idempotency_Key="key")
        assert await post(user, given.json, PNG) is None
        await admit(Arrival(client.user, given.json["image_id"]), storage, LIMITS)
        again = await ask(user, {"content_type": "image/png"}, Idempotency_Key="key")
        assert (again.status, again.json["image_id"]) == (201, given.json["image_id"])
        assert (await ask(user, {"content_type": "image/png"}, Idempotency_Key="other")).code == "quota_exceeded"
        assert await books.exact(client.user) == (1, SIZE)


async def test_a_size_that_does_not_fit(client: Client, settings: Settings) -> None:
    """A form for more bytes than there is room for is not handed out."""
    async with limited(settings, client.user, bytes=1000) as (user, *_):
        assert (await ask(user, {"content_type": "image/png", "size": 1001})).code == "quota_exceeded"
        assert (await ask(user, {"content_type": "image/png", "size": 1000})).status == 201


async def test_deliveries_that_come_again(
    client: Client, settings: Settings, decoders: Decoders, backstage: Backstage, books: Books
) -> None:
    """A worker that died after any step is followed by another one; the total is exact after each."""
    async with limited(settings, client.user, images=9) as (user, storage, bound):
        for by in (user, client):
            image_id = (await by.upload(PNG, "image/png")).json["image_id"]
            staged = await storage.objects.staged_receipt(client.user, image_id)
            assert staged
            receipt = staged
            # Died after its record was written, before the staged bytes and the message were gone; and then once more.
            for _ in range(2):
                await drain(bound, storage, decoders)
                assert (await by.get(f"/v1/images/{image_id}")).json["status"] == "ready"
                assert await books.exact(client.user) == await usage(by)
                await storage.objects.put_staged(receipt, [PNG])
                await backstage.send(receipt.message)
            await drain(bound, storage, decoders)
        assert await books.exact(client.user) == (2, 2 * SIZE)
        # Died after it was deleted: what was promised before never comes back, nor does it count.
        assert (await user.ask("DELETE", f"/v1/images/{image_id}")).status == 204
        await storage.objects.put_staged(receipt, [PNG])
        await backstage.send(receipt.message)
        await drain(bound, storage, decoders)
        assert await books.exact(client.user) == (1, SIZE)


async def test_a_service_that_dies_between_reserving_and_staging(
    client: Client, settings: Settings, books: Books
) -> None:
    """A sweep finds its reservation and releases it, unless bytes wait that it is for."""
    async with limited(settings, client.user, images=9) as (user, storage, _):
        receipt = Receipt(user_id=user.user, image_id=(await form_for(user))["image_id"], content_type="", size=5)
        await storage.usage.reserve(receipt, new=True)
        assert await usage(user) == (1, 5)
        waiting = await user.upload(PNG, "image/png")
        assert waiting.status == 202
        for seconds, dry_run, repaired in ((60, False, 0), (0, True, 0), (0, False, 1)):
            assert await usage(user) == (2, 5 + SIZE)
            report = await sweep_once(storage, seconds, dry_run=dry_run)
            assert report.repaired[Kind.RESERVED_FOR_NOTHING] == repaired
        assert await books.exact(user.user) == await usage(user) == (1, SIZE)


async def test_a_quota_for_users_who_have_images(
    client: Client, settings: Settings, storage: Storage, decoders: Decoders, books: Books
) -> None:
    """Switched on, it counts what is there, and what is queued as it is processed; switched off, nothing is lost."""
    for _ in range(2):
        assert (await client.upload(PNG, "image/png")).status == 202
    await drain(settings, storage, decoders)
    queued = await client.upload(PNG, "image/png")
    await books.forget(client.user)
    async with limited(settings, client.user, images=3) as (user, bound_storage, bound):
        assert await usage(user) == (2, 2 * SIZE)
        assert (await user.upload(PNG, "image/png")).status == 202
        assert (await user.upload(PNG, "image/png")).code == "quota_exceeded"
        await drain(bound, bound_storage, decoders)
        assert (await user.get(queued.headers["Location"])).json["status"] == "ready"
        assert await books.exact(client.user) == await usage(user) == (4, 4 * SIZE)
        assert (await user.upload(PNG, "image/png")).code == "quota_exceeded"
        assert (await user.ask("DELETE", queued.headers["Location"])).status == 204
        assert (await user.ask("DELETE", queued.headers["Location"])).status == 204
    assert (await client.upload(PNG, "image/png")).status == 202
    await drain(settings, storage, decoders)
    assert await books.exact(client.user) == (4, 4 * SIZE)
