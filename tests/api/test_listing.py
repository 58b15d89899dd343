"""`GET /v1/images`: order, and pages that are complete whatever happens between them."""

import asyncio
import base64
from collections.abc import AsyncIterator, Sequence
from typing import Any

import pytest

from service.storage import Storage
from tests.api.records import EMPTY, id_at, record, settle
from tests.driver import Client
from tests.pictures import TINY

START = 1_767_225_600_000  # 2026-01-01T00:00:00Z


async def listed(client: Client, **query: Any) -> list[str]:
    """The ids of one page."""
    answer = await client.ask("GET", "/v1/images", params=query)
    assert answer.status == 200, answer.body
    return [image["image_id"] for image in answer.json["images"]]


async def pages(client: Client, **query: Any) -> AsyncIterator[list[str]]:
    """All pages, by their cursors; none may have more than `limit`."""
    while True:
        answer = await client.ask("GET", "/v1/images", params=query)
        assert answer.status == 200, answer.body
        ids = [image["image_id"] for image in answer.json["images"]]
        assert len(ids) <= query.get("limit", 50)
        yield ids
        if answer.json["next_cursor"] is None:
            return
        query["cursor"] = answer.json["next_cursor"]


async def everything(client: Client, **query: Any) -> list[str]:
    """The ids of all pages, one after the other."""
    return [image_id async for page in pages(client, **query) for image_id in page]


async def stored(client: Client, storage: Storage, milliseconds: Sequence[int]) -> list[str]:
    """Images of these milliseconds after START, oldest first."""
    return sorted(await settle(storage, *(record(client.user, id_at(START + at)) for at in milliseconds)))


async def test_nothing(client: Client) -> None:
    """A user without images has an empty list, which is no error."""
    answer = await client.get("/v1/images")
    assert (answer.status, answer.json) == (200, EMPTY)
    assert answer.headers["Cache-Control"] == "no-store"


async def test_newest_first_and_each_as_it_is_alone(client: Client, storage: Storage) -> None:
    """The order is that of creation, whatever the order of processing; an entry is what GET of it gives."""
    ids = await stored(client, storage, [30, 10, 20, 40])
    answer = await client.get("/v1/images")
    assert [image["image_id"] for image in answer.json["images"]] == ids[::-1]
    for image in answer.json["images"]:
        assert image == (await client.get(f"/v1/images/{image['image_id']}")).json
    assert await listed(client, order="asc") == ids
    assert await listed(client, order="desc") == ids[::-1]


@pytest.fixture(scope="module")
async def many(owner: Client, storage: Storage) -> list[str]:
    """201 images of one user, three in each millisecond, oldest first."""
    return await stored(owner, storage, [at // 3 for at in range(201)])


@pytest.mark.parametrize("order", ["desc", "asc"])
@pytest.mark.parametrize("limit", [7, 50, 67, 100, 200])
async def test_pages_hold_everything_once(owner: Client, many: list[str], limit: int, order: str) -> None:
    """Also with several images in one millisecond, and with a last page that is exactly full."""
    gathered = [page async for page in pages(owner, limit=limit, order=order)]
    assert [one for page in gathered for one in page] == (many if order == "asc" else many[::-1])
    assert len(gathered) == -(-len(many) // limit), "a page that is not the last one is full, and no page is empty"


async def test_fifty_unless_told(owner: Client, many: list[str]) -> None:
    """And at most two hundred."""
    assert await listed(owner) == many[:-51:-1]
    assert await listed(owner, limit=1) == many[-1:]
    assert await listed(owner, limit=200) == many[:-201:-1]


@pytest.mark.parametrize(("order", "seen"), [("desc", 0), ("asc", 1)])
async def test_images_that_come_between_pages(client: Client, storage: Storage, order: str, seen: int) -> None:
    """What was there is shown once; what comes later is shown only where the list has not passed yet."""
    before = await stored(client, storage, range(0, 1000, 100))
    shown: list[str] = []
    newer: list[str] = []
    async for page in pages(client, limit=3, order=order):
        shown += page
        if len(newer) < 4:
            newer += await stored(client, storage, [2000 + len(newer), 3000 + len(newer)])
    assert len(set(shown)) == len(shown)
    assert [one for one in shown if one in before] == (before if order == "asc" else before[::-1])
    assert [one for one in shown if one in newer] == sorted(newer) * seen


async def test_images_deleted_between_pages(client: Client, storage: Storage) -> None:
    """The one that the cursor stands on, and the one that comes next."""
    ids = await stored(client, storage, range(9))
    first = (await client.get("/v1/images?limit=3")).json
    for gone in (ids[-3], ids[-4]):
        assert (await client.ask("DELETE", f"/v1/images/{gone}")).status == 204
    rest = await everything(client, limit=3, cursor=first["next_cursor"])
    assert rest == ids[-5::-1]


async def test_deleted_images_are_not_listed(client: Client, storage: Storage) -> None:
    """Nor do many of them hide what is behind them."""
    ids = await stored(client, storage, range(60))
    await asyncio.gather(*(storage.catalog.delete(client.user, gone) for gone in ids[5:55]))
    assert (await client.ask("DELETE", f"/v1/images/{ids[2]}")).status == 204
    left = [*ids[:2], *ids[3:5], *ids[55:]]
    assert await everything(client, limit=1) == left[::-1]
    assert await everything(client, limit=4, order="asc") == left
    assert await everything(client, limit=4, content_type="image/jpeg") == left[::-1]
    assert await everything(client, status="rejected") == []


async def test_queued_images_have_a_list_of_their_own(client: Client) -> None:
    """They have no record yet; the list of records does not show them, that of `status=queued` does, in pages too."""
    receipts = []
    for tag, kind in (("sea", "png"), ("sky", "png"), ("sea", "gif"), ("sea", "png"), ("sea", "png")):
        content_type = f"image/{kind}"
        receipt = await client.upload(TINY[content_type].data, content_type, f"/v1/images?tags={tag}")
        receipts.append(receipt.json)
    answer = await client.get("/v1/images?status=queued")
    assert answer.json == EMPTY | {"images": receipts[::-1]}
    ids = [receipt["image_id"] for receipt in receipts]
    assert await everything(client, status="queued", limit=2) == ids[::-1]
    assert await everything(client, status="queued", limit=1, order="asc") == ids
    narrow = {"tag": "sea", "content_type": "image/png"}
    assert await everything(client, status="queued", limit=2, **narrow) == [ids[4], ids[3], ids[0]]
    third = receipts[2]["created_at"]
    assert await everything(client, **{"status": "queued", "from": third}) == [ids[4], ids[3], ids[2]]
    assert await everything(client, status="queued", to=third) == [ids[1], ids[0]]
    assert await listed(client) == []
    assert (await client.ask("DELETE", f"/v1/images/{ids[3]}")).status == 204
    assert await listed(client, status="queued", order="asc") == [*ids[:3], ids[4]]
    assert await listed(client.as_user(f"{client.user}-other"), status="queued") == []


# Cursors


@pytest.mark.parametrize(
    "other",
    [
        {"order": "asc"},
        {"status": "ready"},
        {"content_type": "image/png"},
        {"tag": "sea"},
        {"from": "2026-01-01T00:00:00Z"},
        {"to": "2027-01-01T00:00:00Z"},
    ],
    ids=str,
)
async def test_a_cursor_belongs_to_its_filters(client: Client, storage: Storage, other: dict[str, str]) -> None:
    """With others it would leave out images without a word. The limit may change from page to page."""
    ids = await stored(client, storage, range(5))
    cursor = (await client.get("/v1/images?limit=2")).json["next_cursor"]
    refused = await client.ask("GET", "/v1/images", params={"cursor": cursor, **other})
    assert (refused.status, refused.code) == (400, "invalid_cursor")
    assert await listed(client, cursor=cursor, limit=3) == ids[2::-1]


async def test_a_cursor_that_was_tampered_with(client: Client, storage: Storage) -> None:
    """Cut, lengthened, changed, or not one at all."""
    await stored(client, storage, range(5))
    cursor = (await client.get("/v1/images?limit=2")).json["next_cursor"]
    changed = ("A" if cursor[0] != "A" else "B") + cursor[1:]
    for wrong in (cursor[:-4], cursor[4:], cursor + "AAAA", changed, cursor[::-1], "", "x", "ü", "\0", "A" * 4000):
        answer = await client.ask("GET", "/v1/images", params={"cursor": wrong})
        assert (answer.status, answer.code) == (400, "invalid_cursor"), wrong


async def test_a_cursor_made_up(client: Client, storage: Storage) -> None:
    """It can lead to another place in the list, but not out of it, and is no fault of AWS."""
    ids = await stored(client, storage, range(0, 5000, 1000))
    query = {"limit": "1", "from": "2026-01-01T00:00:02Z"}
    cursor = (await client.ask("GET", "/v1/images", params=query)).json["next_cursor"]
    for other in ids:
        made = base64.urlsafe_b64encode(base64.urlsafe_b64decode(cursor).replace(ids[-1].encode(), other.encode()))
        answer = await client.ask("GET", "/v1/images", params={**query, "cursor": made.decode()})
        if answer.status == 200:
            assert {image["image_id"] for image in answer.json["images"]} <= set(ids[2:])
        else:
            assert (answer.status, answer.code) == (400, "invalid_cursor")


async def test_the_cursor_of_another_user(client: Client, storage: Storage) -> None:
    """It says where to go on, not in whose images."""
    mine = await stored(client, storage, range(6))
    other = client.as_user(f"{client.user}-other")
    theirs = await stored(other, storage, range(6))
    cursor = (await other.get("/v1/images?limit=3")).json["next_cursor"]
    shown = await listed(client, cursor=cursor)
    assert set(shown) <= set(mine)
    assert not set(shown) & set(theirs)
